/**
 * Info hashes as operators have them at hand: hexadecimal, base32, or in a magnet link. Trackers
 * know the first 20 bytes of one of version 2 (BEP 52).
 */

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** A magnet link with many trackers is long; more than this is something else. */
const TEXT_CHARS_MAX = 16_384;

/** 40 hexadecimal digits in lower case, or undefined when the text holds no info hash. */
export function parseInfoHash(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed.length > TEXT_CHARS_MAX) return undefined;
  return /^magnet:/i.test(trimmed) ? readMagnet(trimmed) : readHash(trimmed);
}

function readHash(text: string): string | undefined {
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(text)) return text.slice(0, 40).toLowerCase();
  return /^[a-z2-7]{32}$/i.test(text) ? fromBase32(text) : undefined;
}

/** Version 1 counts where a link names both: that is what most clients announce. */
function readMagnet(link: string): string | undefined {
  const query = link.slice(link.indexOf(':') + 1).replace(/^\?/, '');
  let second: string | undefined;
  for (const [key, value] of new URLSearchParams(query)) {
    if (!/^xt(?:\.\d+)?$/i.test(key)) continue;
    const [, scheme, hash] = /^urn:(btih|btmh):(.*)$/i.exec(value) ?? [];
    if (scheme === undefined) continue;
    if (scheme.toLowerCase() === 'btih') {
      const found = readHash(hash);
      if (found !== undefined) return found;
    } else {
      // A multihash: SHA-256, 32 bytes.
      second ??= /^1220[0-9a-f]{64}$/i.test(hash) ? readHash(hash.slice(4)) : undefined;
    }
  }
  return second;
}

function fromBase32(text: string): string {
  let hex = '';
  let value = 0;
  let bits = 0;
  for (const c of text.toUpperCase()) {
    value = ((value << 5) | BASE32.indexOf(c)) & 0xff;
    bits += 5;
    while (bits >= 4) {
      bits -= 4;
      hex += ((value >>> bits) & 0xf).toString(16);
    }
  }
  return hex;
}
