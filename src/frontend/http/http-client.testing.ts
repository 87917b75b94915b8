/** Raw TCP clients for the tests of the HTTP frontend. */
import { connect, type Socket } from 'node:net';

/** A connection that collects what it receives. */
export class RawClient {
  text = '';
  ended = false;
  closed = false;
  readonly socket: Socket;
  #wake: (() => void) | undefined;

  constructor(port: number, host = '127.0.0.1') {
    this.socket = connect({ port, host, allowHalfOpen: true });
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
      this.#wake?.();
    });
    this.socket.on('end', () => {
      this.ended = true;
      this.#wake?.();
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closed = true;
      this.#wake?.();
    });
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Resolves when the condition holds; looks again whenever something arrives. */
  async until(condition: (text: string) => boolean): Promise<string> {
    while (!condition(this.text)) {
      if (this.closed) throw new Error(`closed after ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.text;
  }

  /** Resolves to all that came before the server ended the connection. */
  async all(): Promise<string> {
    while (!this.ended && !this.closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.socket.end();
    return this.text;
  }
}

/** Responses in a text of complete responses to GET, in order. */
export function responses(text: string): { status: number; head: string; body: string }[] {
  const found: { status: number; head: string; body: string }[] = [];
  let rest = text;
  while (rest !== '') {
    const headEnd = rest.indexOf('\r\n\r\n');
    const head = rest.slice(0, headEnd);
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1]);
    if (headEnd < 0 || !Number.isInteger(length)) throw new Error(`no response: ${rest}`);
    const body = rest.slice(headEnd + 4, headEnd + 4 + length);
    if (body.length < length) throw new Error(`cut short: ${rest}`);
    found.push({ status: Number(head.split(' ')[1]), head, body });
    rest = rest.slice(headEnd + 4 + length);
  }
  return found;
}
