/**
 * Chromium's way to be steered by its parent: JSON over two pipes, a zero byte after each message
 * (`--remote-debugging-pipe`; it reads from descriptor 3 and writes to 4). A browser whose pipe ends
 * exits, so that none outlives the test process, however that one dies; and no port is open.
 */
import type { Readable, Writable } from 'node:stream';
import type { ConnectOverCDPTransport } from 'playwright-core';

export class DevtoolsPipe implements ConnectOverCDPTransport {
  onmessage?: (message: object) => void;
  onclose?: (reason?: string) => void;
  readonly #toBrowser: Writable;
  /** The start of a message whose end has not come. */
  #parts: Buffer[] = [];

  constructor(toBrowser: Writable, fromBrowser: Readable) {
    this.#toBrowser = toBrowser;
    // A browser that died is noticed by its end, not by what could not be said to it.
    toBrowser.on('error', () => {});
    fromBrowser.on('error', () => {});
    fromBrowser.on('data', (chunk: Buffer) => this.#take(chunk));
    fromBrowser.on('close', () => this.onclose?.('the browser ended'));
  }

  send(message: object): void {
    this.#toBrowser.write(`${JSON.stringify(message)}\0`);
  }

  close(): void {
    this.#toBrowser.end();
  }

  #take(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(0); end >= 0; end = chunk.indexOf(0, start)) {
      this.#parts.push(chunk.subarray(start, end));
      const message = JSON.parse(Buffer.concat(this.#parts).toString('utf8')) as object;
      this.#parts = [];
      start = end + 1;
      // One message a turn: whoever awaits an answer goes on before the next event comes.
      setImmediate(() => this.onmessage?.(message));
    }
    if (start < chunk.length) this.#parts.push(chunk.subarray(start));
  }
}
