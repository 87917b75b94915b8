/** Heads of responses as bytes, made once. */
import { rawRefusal } from '../http/refusal.js';

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/**
 * A head up to the digits of the length. HTTP/1.0 clients that asked to keep the connection must be
 * told that it is; to others it does no harm.
 */
const headOf = (connection: string): Uint8Array =>
  ascii(
    'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n' +
      `Connection: ${connection}\r\nContent-Length: `,
  );
export const HEAD_KEEP = headOf('keep-alive');
export const HEAD_CLOSE = headOf('close');
/** From the length to the body. */
export const HEAD_END = ascii('\r\n\r\n');

const kept = new Map<number, Uint8Array>();
const closing = new Map<number, Uint8Array>();

/** A whole response that carries a status and nothing of the tracker's. */
export function refusalBytes(status: number, keepAlive: boolean): Uint8Array {
  const known = keepAlive ? kept : closing;
  let bytes = known.get(status);
  if (bytes === undefined) {
    const text = rawRefusal(status);
    bytes = ascii(keepAlive ? text.replace('Connection: close', 'Connection: keep-alive') : text);
    known.set(status, bytes);
  }
  return bytes;
}
