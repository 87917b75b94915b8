/** A client of the bus that does as it is told and nothing else: it may be rude, deaf, or a liar. */
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { fromSeed } from '@nats-io/nkeys';
import type { BusCredentials } from '../../../src/cluster/nats-link.js';
import { until } from '../../support/deadline.js';
import { WAIT_MS } from './test-bus.js';

export interface Pem {
  readonly cert?: string;
  readonly key?: string;
}

export class RawClient {
  /** Everything that the server said, while it is small. */
  said = '';
  closed = false;

  private constructor(readonly socket: TLSSocket) {
    socket.on('data', (bytes: Buffer) => {
      if (this.said.length < 1_000_000) this.said += bytes.toString('latin1');
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      this.closed = true;
    });
  }

  /** Speaks TLS from the first byte. */
  static openTls(port: number, pem: Pem): RawClient {
    return new RawClient(
      connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...pem }),
    );
  }

  /** Takes the greeting in the clear, then speaks TLS with that certificate. */
  static async open(
    port: number,
    pem: Pem,
  ): Promise<{ client: RawClient; nonce: string | undefined }> {
    const plain: Socket = connectPlain(port, '127.0.0.1');
    let greeting = '';
    plain.on('error', () => {});
    while (!greeting.includes('\r\n')) {
      const [bytes] = (await once(plain, 'data')) as [Buffer];
      greeting += bytes.toString();
    }
    plain.removeAllListeners('data');
    const info = JSON.parse(greeting.slice('INFO '.length)) as { nonce?: string };
    const socket = connectTls({ socket: plain, rejectUnauthorized: false, ...pem });
    return { client: new RawClient(socket), nonce: info.nonce };
  }

  /** Signs in, and waits for the answer: true when it was let in. */
  static async signIn(
    port: number,
    pem: Pem,
    credentials: BusCredentials | undefined,
  ): Promise<{ client: RawClient; admitted: boolean }> {
    const { client, nonce } = await RawClient.open(port, pem);
    const hello: Record<string, unknown> = { verbose: false, tls_required: true, lang: 'test' };
    if (credentials !== undefined) {
      const key = fromSeed(new TextEncoder().encode(credentials.seed));
      const signature = key.sign(new TextEncoder().encode(nonce ?? ''));
      hello.jwt = credentials.jwt;
      hello.sig = Buffer.from(signature).toString('base64url');
    }
    client.send(`CONNECT ${JSON.stringify(hello)}\r\nPING\r\n`);
    await client.until(() => client.closed || client.said.includes('PONG'), 'an answer');
    return { client, admitted: client.said.includes('PONG') };
  }

  send(text: string): void {
    this.socket.write(text);
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    await until(() => (holds() ? true : undefined), WAIT_MS, what, 5);
  }

  /** Reads nothing any more, as a process that is stopped. */
  freeze(): void {
    this.socket.removeAllListeners('data');
    this.socket.pause();
  }

  end(): void {
    this.socket.destroy();
  }
}
