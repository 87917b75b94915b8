/** Many idle web peers in a process of their own (see web-idlers-worker.ts). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from './deadline.js';
import { watchChild } from './node-process.js';
import type { IdlersOrder } from './web-idlers-worker.js';

const SCRIPT = fileURLToPath(
  new URL('../../dist/test/support/web-idlers-worker.js', import.meta.url),
);
const LIMIT_MS = 120_000;

export class WebIdlers {
  /** What went wrong: connections that were refused or lost. */
  readonly losses: string[] = [];

  private constructor(readonly child: ChildProcess) {
    watchChild(child);
  }

  /** Resolves when all of them are in a swarm. */
  static async start(order: IdlersOrder): Promise<WebIdlers> {
    const stdio = ['pipe', 'pipe', 'inherit'] as const;
    const child = spawn(process.execPath, [SCRIPT, JSON.stringify(order)], { stdio: [...stdio] });
    const idlers = new WebIdlers(child);
    const opened = new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the idle peers ended with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line === 'open') resolve();
        else idlers.losses.push(line);
      });
    });
    try {
      await within(opened, LIMIT_MS, `${order.count} open connections`);
    } catch (error) {
      child.kill('SIGKILL');
      throw new Error([(error as Error).message, ...idlers.losses.slice(0, 5)].join('\n'));
    }
    return idlers;
  }

  /** Ends the process and with it all connections, without a word to the tracker. */
  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await within(ended, LIMIT_MS, 'the end of the idle peers');
  }
}
