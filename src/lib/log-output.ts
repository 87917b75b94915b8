import * as fs from 'node:fs';

/** The two calls to the system that writing takes; tests give others. */
export interface OutputSystem {
  write(fd: number, bytes: Uint8Array, done: (error: Error | null, written: number) => void): void;
  writeSync(fd: number, bytes: Uint8Array): number;
}

const RETRY_MS = 20;
const FLUSH_RETRIES_MAX = 50;

/**
 * Writes log lines to a descriptor in the background, so that a reader who stalls does not stall
 * us. What waits is bounded: beyond that, lines are dropped, and their number is told in a line of
 * its own once there is room. A reader who is gone for good (EPIPE) ends the output quietly, also
 * at exit, where the logging library's own stream would try for ever.
 */
export class BackgroundOutput {
  readonly #fd: number;
  readonly #bytesMax: number;
  readonly #system: OutputSystem;
  #lines: string[] = [];
  #bytes = 0;
  #writing: Uint8Array | undefined;
  #dropped = 0;
  #isBroken = false;

  constructor(
    options: { fd: number; bytesMax: number },
    { system = fs }: { system?: OutputSystem } = {},
  ) {
    this.#fd = options.fd;
    this.#bytesMax = options.bytesMax;
    this.#system = system;
  }

  write(line: string): void {
    if (this.#isBroken) return;
    if (this.#bytes + line.length > this.#bytesMax) {
      this.#dropped++;
      return;
    }
    this.#lines.push(line);
    this.#bytes += line.length;
    if (this.#writing === undefined) this.#writeNext();
  }

  /** Writes what waits before the process ends. A write under way is left to the system. */
  flushSync(): void {
    let rest = this.#take();
    let retries = 0;
    while (rest.length > 0 && !this.#isBroken) {
      try {
        rest = rest.subarray(this.#system.writeSync(this.#fd, rest));
      } catch (error) {
        if (!isBusy(error) || retries++ === FLUSH_RETRIES_MAX) return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      }
    }
  }

  #writeNext(): void {
    const bytes = this.#take();
    if (bytes.length > 0) this.#write(bytes);
  }

  #write(bytes: Uint8Array): void {
    this.#writing = bytes;
    this.#system.write(this.#fd, bytes, (error, written) => {
      if (error !== null && isBusy(error)) {
        setTimeout(() => this.#write(bytes), RETRY_MS).unref();
      } else if (error !== null) {
        this.#isBroken = true;
        this.#lines = [];
      } else if (written < bytes.length) {
        this.#write(bytes.subarray(written));
      } else {
        this.#writing = undefined;
        this.#writeNext();
      }
    });
  }

  /** Everything that waits, and what was dropped before it is taken. */
  #take(): Uint8Array {
    if (this.#dropped > 0) {
      const time = new Date().toISOString();
      const fields = { level: 'warn', time, dropped: this.#dropped, msg: 'log lines dropped' };
      this.#lines.push(`${JSON.stringify(fields)}\n`);
      this.#dropped = 0;
    }
    const bytes = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    this.#bytes = 0;
    return bytes;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
