/** A portable HTTP frontend with an echoing handler and raw clients, for the tests beside it. */
import { afterEach } from 'vitest';
import type { Endpoint } from '../../lib/endpoint.js';
import type { HttpHandler } from '../handler.js';
import { RawClient } from './http-client.testing.js';
import {
  PortableHttp,
  type PortableHttpDependencies,
  type PortableHttpOptions,
} from './portable-http.js';

export const BIG_BYTES = 60_000;

/** Answers `source target`; `/missing` is a 404, `/bytes` all byte values, `/big` a long body. */
export class EchoHandler implements HttpHandler {
  batches = 0;
  draining = false;
  readonly seen: string[] = [];
  onHandle: (() => void) | undefined;

  beginBatch(): void {
    this.batches++;
  }

  handle(
    target: Uint8Array,
    start: number,
    end: number,
    source: Endpoint,
    output: Uint8Array,
  ): number {
    const text = Buffer.from(target.subarray(start, end)).toString('latin1');
    this.seen.push(text);
    this.onHandle?.();
    if (text === '/missing') return -404;
    if (text === '/odd') return -77;
    if (text === '/big') {
      output.fill(0x62, 0, BIG_BYTES);
      return BIG_BYTES;
    }
    if (text === '/bytes') {
      for (let i = 0; i < 256; i++) output[i] = i;
      return 256;
    }
    const reply = Buffer.from(`${source.toString().replace(/:\d+$/, '')} ${text}`, 'latin1');
    output.set(reply);
    return reply.length;
  }
}

export const cleanups: (() => Promise<unknown>)[] = [];
export const clients: RawClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export async function serve(
  limits: PortableHttpOptions['limits'] = {},
  deps: Partial<PortableHttpDependencies> = {},
) {
  const handler = new EchoHandler();
  const http = new PortableHttp(
    { listen: [{ host: '127.0.0.1', port: 0 }], limits },
    {
      handler,
      onFatal: (error) => {
        throw error;
      },
      ...deps,
    },
  );
  cleanups.push(() => http.stop());
  const [{ port }] = await http.start();
  const client = (text = ''): RawClient => {
    const made = new RawClient(port);
    clients.push(made);
    return text === '' ? made : made.send(text);
  };
  return { http, handler, port, client };
}

export const GET = (target: string, headers = '') =>
  `GET ${target} HTTP/1.1\r\nHost: t\r\n${headers}\r\n`;
export const LAST = (target: string) => GET(target, 'Connection: close\r\n');
