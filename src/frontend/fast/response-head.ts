/** Heads of responses as bytes, made once. */
import { rawRefusal } from '../http/refusal.js';

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** Up to the length of the body. HTTP/1.1 keeps a connection unless told otherwise; 1.0 clients that
 * asked for it are told so as well, which does no harm to the others. */
export const HEAD_KEEP = ascii(
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: keep-alive\r\nContent-Length: ',
);
export const HEAD_CLOSE = ascii(
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: ',
);
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
