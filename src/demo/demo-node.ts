/**
 * A node of the demo: `bin/trackerbt.js ROLE` in a process of its own, in no terminal's group, so that
 * Ctrl-C reaches the demo alone. A channel between the two closes when the demo dies, however it dies,
 * and the node ends with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { DemoError } from './demo-options.js';

const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;
/** Of a node that cannot start: what it said last. */
const WORDS_MAX = 20;

/** The line that says that a node is ready. */
export interface ReadyLine {
  readonly http?: readonly string[];
  readonly udp?: readonly string[];
  readonly admin?: string;
  /** Of a minder. */
  readonly enrol?: string;
  readonly bus?: string;
  readonly busCluster?: string;
  readonly [name: string]: unknown;
}

export class DemoNode {
  readonly ready: Promise<ReadyLine>;
  /** Resolves to how it ended: a code, or the name of a signal. */
  readonly ended: Promise<string>;
  #hasEnded = false;
  readonly #child: ChildProcess;
  readonly #words: string[] = [];

  /** `title` is for messages; `command` is the path of bin/trackerbt.js. */
  constructor(title: string, command: string, args: readonly string[]) {
    this.#child = spawn(process.execPath, [command, ...args], {
      detached: true,
      env: nodeEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const child = this.#child;
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#hasEnded = true;
        resolve(signal ?? `code ${code}`);
      });
      child.once('error', () => {
        this.#hasEnded = true;
        resolve('it could not be started');
      });
    });
    this.ready = this.#waitUntilReady(title);
    // Whoever starts it waits for it; until then its failure is nobody's.
    this.ready.catch(() => {});
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return !this.#hasEnded;
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS_MAX);
    await this.ended;
    clearTimeout(timer);
  }

  #waitUntilReady(title: string): Promise<ReadyLine> {
    return new Promise((resolve, reject) => {
      const fail = (code: 'demo_node_failed' | 'demo_node_slow', what: string) => {
        clearTimeout(timer);
        reject(new DemoError(code, [what, ...this.#words].join('\n  ')));
      };
      const timer = setTimeout(
        fail,
        READY_MS_MAX,
        'demo_node_slow',
        `${title} is not ready in time`,
      );
      const take = (line: string) => {
        const said = parseLine(line);
        if (said.msg === 'ready') {
          clearTimeout(timer);
          resolve(said as ReadyLine);
        } else if (said.msg === undefined || said.level === 'fatal' || said.level === 'error') {
          this.#words.push(String(said.msg ?? line));
          if (this.#words.length > WORDS_MAX) this.#words.shift();
        }
      };
      for (const stream of [this.#child.stdout, this.#child.stderr]) {
        if (stream !== null) createInterface({ input: stream }).on('line', take);
      }
      void this.ended.then((how) => fail('demo_node_failed', `${title} ended (${how})`));
    });
  }
}

/** Ours, without settings that are meant for another node. */
function nodeEnvironment(): NodeJS.ProcessEnv {
  const env = Object.entries(process.env).filter(([name]) => !name.startsWith('TRACKERBT_'));
  return { ...Object.fromEntries(env), TRACKERBT_LOG_FORMAT: 'json' };
}

function parseLine(line: string): { readonly msg?: unknown; readonly level?: unknown } {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
