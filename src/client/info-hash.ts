/** Info hashes in text, as magnet links write them: 40 hexadecimal digits, or 32 of base32. */

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The 20 bytes, or undefined when the text is neither form. */
export function parseInfoHash(text: string): Uint8Array | undefined {
  if (/^[0-9a-fA-F]{40}$/.test(text)) return Uint8Array.from(Buffer.from(text, 'hex'));
  if (!/^[a-zA-Z2-7]{32}$/.test(text)) return undefined;
  const bytes = new Uint8Array(20);
  let bits = 0;
  let value = 0;
  let written = 0;
  for (const c of text.toUpperCase()) {
    value = ((value << 5) | BASE32.indexOf(c)) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[written++] = value >>> bits;
    }
  }
  return bytes;
}

export function formatInfoHash(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
