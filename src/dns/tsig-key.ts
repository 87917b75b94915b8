/**
 * The key that signs dynamic updates, from a file as BIND's `tsig-keygen` writes it:
 *
 * ```
 * key "trackerbt" {
 *     algorithm hmac-sha256;
 *     secret "bWF5IHRoZSBzZWNyZXQgYmUgbG9uZyBlbm91Z2g=";
 * };
 * ```
 *
 * The file is a secret: other users must not read it, and no message of ours repeats any of it but
 * the key's name and algorithm.
 */
import { PrivateFileError, readPrivateFile } from '../lib/private-file.js';
import { DnsError } from './dns-error.js';
import { nameToWire } from './dns-name.js';

export type TsigAlgorithm = 'hmac-sha256' | 'hmac-sha384' | 'hmac-sha512';

export interface TsigKey {
  /** Without the last dot, in lower case. */
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  readonly secret: Uint8Array;
}

const ALGORITHMS: readonly string[] = ['hmac-sha256', 'hmac-sha384', 'hmac-sha512'];
/** RFC 8945 asks for as many as the hash has; half of that still withstands guessing. */
const SECRET_BYTES_MIN = 16;
const COMMENT_OR_QUOTED = /"[^"\n]*"|\/\*[\s\S]*?\*\/|(?:\/\/|#)[^\n]*/g;
const MAKE_ONE = 'make one with: tsig-keygen -a hmac-sha256 trackerbt';

/** Reads a key file. Throws a `DnsError`. */
export function readTsigKey(path: string): TsigKey {
  let text: string | undefined;
  try {
    text = readPrivateFile(path);
  } catch (error) {
    if (error instanceof PrivateFileError) throw invalid(path, error.message);
    throw error;
  }
  if (text === undefined) throw invalid(path, `there is no such file; ${MAKE_ONE}`);
  return parseTsigKey(text, path);
}

/** `where` names the text in messages. Throws a `DnsError`. */
export function parseTsigKey(text: string, where: string): TsigKey {
  // What looks like a comment within quotes is none: base64 has slashes, and now and then two of them.
  const plain = text.replace(COMMENT_OR_QUOTED, (found) => (found[0] === '"' ? found : ' '));
  const match = /^\s*key\s+(?:"([^"\s]+)"|([^"\s{};]+))\s*\{([^{}]*)\}\s*;\s*$/.exec(plain);
  if (match === null)
    throw invalid(where, `it must hold one key { ... }; and nothing else; ${MAKE_ONE}`);
  const name = (match[1] ?? match[2]).replace(/\.$/, '').toLowerCase();
  if (name === '' || nameToWire(name) === undefined)
    throw invalid(where, 'the name of the key is no name');
  const settings = settingsIn(match[3], where);
  const algorithm = (settings.get('algorithm') ?? '').toLowerCase().replace(/\.$/, '');
  if (!ALGORITHMS.includes(algorithm)) {
    throw invalid(where, `its algorithm must be one of ${ALGORITHMS.join(', ')}; ${MAKE_ONE}`);
  }
  const secretText = settings.get('secret') ?? '';
  const secret = Buffer.from(secretText, 'base64');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(secretText) || secretText.length % 4 !== 0) {
    throw invalid(where, 'its secret must be base64');
  }
  if (secret.length < SECRET_BYTES_MIN) {
    throw invalid(where, `its secret must have ${SECRET_BYTES_MIN} bytes at least; ${MAKE_ONE}`);
  }
  return { name, algorithm: algorithm as TsigAlgorithm, secret };
}

function settingsIn(body: string, where: string): Map<string, string> {
  const settings = new Map<string, string>();
  for (const statement of body.split(';')) {
    if (statement.trim() === '') continue;
    const match = /^\s*(algorithm|secret)\s+(?:"([^"]*)"|([^"\s]+))\s*$/.exec(statement);
    if (match === null || settings.has(match[1])) {
      throw invalid(where, 'it must say algorithm and secret, each once, and nothing else');
    }
    settings.set(match[1], match[2] ?? match[3]);
  }
  return settings;
}

function invalid(where: string, why: string): DnsError {
  return new DnsError('tsig_key_invalid', `the TSIG key in ${where} cannot be used: ${why}`);
}
