/**
 * Reads the PROXY protocol header that a trusted proxy sends before the client's own bytes.
 *
 * ```
 * PROXY TCP4 198.51.100.7 192.0.2.1 51234 80\r\n | GET /announce ...
 * `---- decodeProxyHeader: bytes consumed -----'   `-- back to the socket, for node's parser
 * ```
 */
import type { Endpoint } from '../../lib/endpoint.js';
import type { HttpConnection } from './http-connection.js';

/**
 * Decodes the header in `bytes[0..length)`: returns the bytes it takes, 0 when more are needed, -1
 * when it is malformed. Fills `client`, or leaves its family 0 where the proxy speaks for itself.
 */
export type DecodeProxyHeader = (bytes: Uint8Array, length: number, client: Endpoint) => number;

/** Version 1 takes at most 107 bytes; version 2 with the fields that real proxies send far less. */
const PROXY_HEADER_BYTES_MAX = 4_096;

/** Waits for the header, then calls back: true with the client in `client` and
 * the number of bytes that followed, false when refused. */
export function readProxyHeader(
  connection: HttpConnection,
  decode: DecodeProxyHeader,
  client: Endpoint,
  done: (accepted: boolean, restBytes: number) => void,
): void {
  const { socket } = connection;
  let held: Buffer | undefined;
  const onData = (chunk: Buffer): void => {
    held = held === undefined ? chunk : Buffer.concat([held, chunk]);
    client.family = 0;
    const taken = decode(held, held.length, client);
    if (taken === 0 && held.length < PROXY_HEADER_BYTES_MAX) return;
    socket.off('data', onData);
    socket.off('end', onEnd);
    if (taken <= 0) {
      done(false, 0);
      return;
    }
    // No listener is left to hear it now, so it waits in the socket for node's parser.
    if (taken < held.length) socket.unshift(held.subarray(taken));
    done(true, held.length - taken);
  };
  const onEnd = (): void => done(false, 0);
  socket.on('data', onData);
  socket.on('end', onEnd);
  // A reset while waiting is no event worth telling; the close that follows is counted.
  socket.on('error', () => {});
}
