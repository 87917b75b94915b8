/**
 * A raw HTTP client for tests: exact bytes out, exact bytes in, as slowly as a test likes. Node's
 * own client would tidy up the very things that the tests are about.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Address } from './address.js';
import { type Bdict, bdecodeDict } from './bdecode.js';
import { within } from './deadline.js';

export interface HttpReply {
  readonly status: number;
  readonly version: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** One TCP connection. */
export class HttpWire {
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('end', end);
    socket.on('close', end);
    // A reset is one way for the server to close; tests ask whether it did, not how.
    socket.on('error', end);
  }

  static async open(server: Address, local?: string): Promise<HttpWire> {
    const socket = connect({
      host: server.host,
      port: server.port,
      allowHalfOpen: true,
      ...(local === undefined ? {} : { localAddress: local }),
    });
    await within(once(socket, 'connect'), 30_000, `a connection to ${server.host}`);
    socket.setNoDelay(true);
    return new HttpWire(socket);
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  close(): void {
    this.socket.destroy();
  }

  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    const length = this.#received.length;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    return this.#received.length > length || !this.#ended;
  }

  /** The next reply, framed by its Content-Length; `head` replies have headers only. */
  async reply(options: { head?: boolean; limitMs?: number } = {}): Promise<HttpReply> {
    const read = async (): Promise<HttpReply> => {
      for (;;) {
        const end = this.#received.indexOf('\r\n\r\n');
        if (end >= 0) {
          const { reply, length } = this.#parse(end, options.head === true);
          if (this.#received.length >= end + 4 + length) {
            const body = this.#received.subarray(end + 4, end + 4 + length);
            this.#received = this.#received.subarray(end + 4 + length);
            return { ...reply, body };
          }
        }
        if (!(await this.#more())) throw new Error('the connection closed before a reply');
      }
    };
    return await within(read(), options.limitMs ?? 30_000, 'an HTTP reply');
  }

  #parse(end: number, head: boolean): { reply: Omit<HttpReply, 'body'>; length: number } {
    const [first, ...lines] = this.#received.toString('latin1', 0, end).split('\r\n');
    const match = /^HTTP\/(1\.[01]) (\d{3})( .*)?$/.exec(first);
    if (match === null) throw new Error(`not a status line: ${first}`);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    const given = headers.get('content-length');
    if (given === undefined) throw new Error(`no Content-Length in a ${match[2]} reply`);
    const reply = { status: Number(match[2]), version: match[1], headers };
    return { reply, length: head ? 0 : Number(given) };
  }

  /** Waits until the server closes, and returns the bytes that no reply claimed. */
  async closed(limitMs = 30_000): Promise<Buffer> {
    const wait = async (): Promise<Buffer> => {
      while (await this.#more());
      return this.#received;
    };
    return await within(wait(), limitMs, 'the server to close');
  }
}

export interface GetOptions {
  readonly headers?: readonly string[];
  readonly local?: string;
}

/** One GET over a connection of its own. */
export async function httpGet(
  server: Address,
  target: string,
  options: GetOptions = {},
): Promise<HttpReply> {
  const wire = await HttpWire.open(server, options.local);
  try {
    const lines = [`GET ${target} HTTP/1.1`, 'Host: tracker', 'Connection: close'];
    wire.send(`${[...lines, ...(options.headers ?? [])].join('\r\n')}\r\n\r\n`);
    return await wire.reply();
  } finally {
    wire.close();
  }
}

/** A GET whose reply must be 200 and one bencoded dictionary. */
export async function httpDict(
  server: Address,
  target: string,
  options: GetOptions = {},
): Promise<Bdict> {
  const reply = await httpGet(server, target, options);
  if (reply.status !== 200) throw new Error(`${target} gave ${reply.status}`);
  return bdecodeDict(reply.body);
}

/** Every byte as `%xx`. */
export function percent(bytes: Buffer): string {
  return bytes.toString('hex').replace(/../g, '%$&');
}

export const PEER_ID = Buffer.from('-TE0001-abcdefghijkl');

/** `/announce?...` with the usual parameters; `extra` overrides or adds, undefined removes. */
export function announceTarget(
  infoHash: Buffer,
  extra: Readonly<Record<string, string | number | undefined>> = {},
  path = '/announce',
): string {
  const query = {
    info_hash: percent(infoHash),
    peer_id: percent(PEER_ID),
    port: 6881,
    uploaded: 0,
    downloaded: 0,
    left: 1,
    compact: 1,
    ...extra,
  };
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  return `${path}?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`;
}

export function scrapeTarget(hashes: readonly Buffer[], path = '/scrape'): string {
  return `${path}?${hashes.map((hash) => `info_hash=${percent(hash)}`).join('&')}`;
}

const PIPELINE_DEPTH = 16;

/** Many GETs over one kept-alive connection, some in flight at a time; every reply must be 200. */
export async function httpDicts(
  server: Address,
  targets: readonly string[],
  local?: string,
): Promise<Bdict[]> {
  const wire = await HttpWire.open(server, local);
  const dicts: Bdict[] = [];
  try {
    for (let at = 0; at < targets.length; at += PIPELINE_DEPTH) {
      const batch = targets.slice(at, at + PIPELINE_DEPTH);
      wire.send(batch.map((target) => `GET ${target} HTTP/1.1\r\nHost: tracker\r\n\r\n`).join(''));
      for (const target of batch) {
        const reply = await wire.reply();
        if (reply.status !== 200) throw new Error(`${target} gave ${reply.status}`);
        dicts.push(bdecodeDict(reply.body));
      }
    }
    return dicts;
  } finally {
    wire.close();
  }
}

/** Announces leechers (or what `extra` says) on the given ports. */
export async function announcePorts(
  server: Address,
  infoHash: Buffer,
  ports: readonly number[],
  extra: Readonly<Record<string, string | number>> = {},
): Promise<Bdict[]> {
  const targets = ports.map((port) => announceTarget(infoHash, { ...extra, port }));
  return await httpDicts(server, targets);
}
