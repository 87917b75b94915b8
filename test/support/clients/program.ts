/** A child process with its output kept (bounded), ended with the test at the latest. */
import { type ChildProcess, spawn } from 'node:child_process';
import { watchChild } from '../tracker-process.js';

const OUTPUT_CHARACTERS_MAX = 20_000;

export class Program {
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #output = '';

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    watchChild(this.#child);
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString('utf8')).slice(-OUTPUT_CHARACTERS_MAX);
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#output += `\n${error.message}`;
        resolve(null);
      });
      this.#child.once('close', (code) => resolve(code));
    });
  }

  output(): string {
    return this.#output;
  }

  leave(signal: 'SIGINT' | 'SIGTERM'): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}
