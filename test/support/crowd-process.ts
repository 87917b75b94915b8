/** A crowd that talks from another process, so that what a test measures is not its own doing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CrowdOrder } from './crowd-worker.js';
import { within } from './deadline.js';
import { watchChild } from './node-process.js';
import type { TrackerProcess } from './tracker-process.js';

const SCRIPT = fileURLToPath(new URL('../../dist/test/support/crowd-worker.js', import.meta.url));
const LIMIT_MS = 120_000;

export class CrowdProcess {
  readonly #lines: AsyncIterator<string>;

  private constructor(readonly child: ChildProcess) {
    watchChild(child);
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /** Resolves when the crowd is under way. */
  static async start(
    order: Omit<CrowdOrder, 'trackers'>,
    trackers: readonly TrackerProcess[],
  ): Promise<CrowdProcess> {
    const doors = trackers.map(({ udp4, udp6, http4, http6 }) => ({ udp4, udp6, http4, http6 }));
    const whole: CrowdOrder = { ...order, trackers: doors };
    const child = spawn(process.execPath, [SCRIPT, JSON.stringify(whole)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const crowd = new CrowdProcess(child);
    await crowd.#line('a crowd');
    return crowd;
  }

  /** Words a second that were answered since this was asked last. */
  async rate(): Promise<number> {
    this.child.stdin?.write('rate\n');
    return Number(await this.#line('its rate'));
  }

  /** Ends when all was answered; returns what went wrong. */
  async stop(): Promise<string[]> {
    this.child.stdin?.end();
    return JSON.parse(await this.#line('its last answers')) as string[];
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  async #line(what: string): Promise<string> {
    const { value, done } = await within(this.#lines.next(), LIMIT_MS, what);
    if (done === true) throw new Error('the crowd died');
    return value;
  }
}
