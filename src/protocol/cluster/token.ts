/**
 * The text of a join token: what an operator carries from `trackerbt token create` to a new node.
 *
 * ```
 * "tbt1." + base64url of
 *  0  fingerprint  32   SHA-256 of the cluster CA's certificate (DER): whom to trust
 * 32  id            6   names the token in lists and logs; no secret
 * 38  secret       24   what the minder keeps the hash of
 * 62
 * ```
 *
 * The fingerprint makes the first contact safe: the node sends the secret to nobody who cannot show
 * that certificate.
 */

export const TOKEN_PREFIX = 'tbt1.';
export const CA_FINGERPRINT_BYTES = 32;
export const TOKEN_ID_BYTES = 6;
export const TOKEN_SECRET_BYTES = 24;
const SECRET_AT = CA_FINGERPRINT_BYTES + TOKEN_ID_BYTES;
const TOKEN_BYTES = SECRET_AT + TOKEN_SECRET_BYTES;
/** Characters of a token: 62 bytes are 83 of base64 without padding. */
export const TOKEN_LENGTH = TOKEN_PREFIX.length + Math.ceil((TOKEN_BYTES * 4) / 3);

/** A token's id as people see it. */
export const TOKEN_ID_PATTERN = /^[0-9a-f]{12}$/;

export interface JoinToken {
  /** SHA-256 of the CA's certificate, 32 bytes. */
  readonly caFingerprint: Uint8Array;
  /** 12 hexadecimal digits. */
  readonly id: string;
  /** 24 bytes. */
  readonly secret: Uint8Array;
}

export function formatJoinToken({ caFingerprint, id, secret }: JoinToken): string {
  const bytes = Buffer.concat([caFingerprint, Buffer.from(id, 'hex'), secret]);
  return TOKEN_PREFIX + bytes.toString('base64url');
}

/** Reads a token; undefined for anything that is none. Never throws: the text may come from a stranger. */
export function parseJoinToken(text: string): JoinToken | undefined {
  if (text.length !== TOKEN_LENGTH || !text.startsWith(TOKEN_PREFIX)) return undefined;
  const encoded = text.slice(TOKEN_PREFIX.length);
  if (!/^[\w-]+$/.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64url');
  // One text for each token: stray bits after the last byte are refused.
  if (bytes.length !== TOKEN_BYTES || bytes.toString('base64url') !== encoded) return undefined;
  return {
    caFingerprint: new Uint8Array(bytes.subarray(0, CA_FINGERPRINT_BYTES)),
    id: bytes.toString('hex', CA_FINGERPRINT_BYTES, SECRET_AT),
    secret: new Uint8Array(bytes.subarray(SECRET_AT)),
  };
}
