/** Debian's Prometheus, with a configuration of ours, as operators run it beside their nodes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { until } from './deadline.js';
import { freePort } from './free-port.js';
import { removeFolder, temporaryFolder, watchChild } from './node-process.js';

const START_LIMIT_MS = 60_000;
const PORT_TRIES = 3;

export interface PrometheusSeries {
  readonly metric: Readonly<Record<string, string>>;
  /** Of an instant: when, and the value as text. */
  readonly value: readonly [seconds: number, value: string];
}

export interface PrometheusRule {
  readonly name: string;
  readonly query: string;
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
}

export class Prometheus {
  log = '';
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #port: number;

  private constructor(configFile: string, port: number) {
    this.#port = port;
    this.#folder = temporaryFolder('prometheus');
    const args = [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(this.#folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    this.#child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    watchChild(this.#child);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log += text;
    });
    this.#child.on('error', (error) => {
      this.log += String(error);
    });
  }

  /** Starts it and waits until it answers. */
  static async start(configFile: string): Promise<Prometheus> {
    for (let left = PORT_TRIES; ; left--) {
      const prometheus = new Prometheus(configFile, await freePort());
      if (await prometheus.#isReady()) return prometheus;
      await prometheus.stop();
      // It cannot choose a port, and somebody was quicker.
      const isTaken = prometheus.log.includes('address already in use');
      if (left === 1 || !isTaken) throw new Error(`prometheus ended:\n${prometheus.log}`);
    }
  }

  /** The answer to a query now. Rejects for one that is not valid. */
  async query(query: string): Promise<PrometheusSeries[]> {
    const { result } = (await this.#ask('query', { query })) as { result: PrometheusSeries[] };
    return result;
  }

  /** Names of all metrics that targets have told of, with samples or without. */
  async names(): Promise<ReadonlySet<string>> {
    return new Set(Object.keys((await this.#ask('metadata', {})) as object));
  }

  /** Alerts as it has read them; `health` says how the last evaluation went. */
  async rules(): Promise<PrometheusRule[]> {
    const { groups } = (await this.#ask('rules', {})) as {
      groups: { rules: PrometheusRule[] }[];
    };
    return groups.flatMap(({ rules }) => rules);
  }

  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
    removeFolder(this.#folder);
  }

  get #hasEnded(): boolean {
    const { exitCode, signalCode, pid } = this.#child;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }

  async #isReady(): Promise<boolean> {
    const look = async () => {
      if (this.#hasEnded) return false;
      try {
        return (await fetch(`http://127.0.0.1:${this.#port}/-/ready`)).ok ? true : undefined;
      } catch {
        return undefined;
      }
    };
    return await until(look, START_LIMIT_MS, 'prometheus to be ready');
  }

  async #ask(path: string, query: Readonly<Record<string, string>>): Promise<unknown> {
    const url = `http://127.0.0.1:${this.#port}/api/v1/${path}?${new URLSearchParams(query)}`;
    const { status, data, error } = (await (await fetch(url)).json()) as {
      status: string;
      data: unknown;
      error?: string;
    };
    if (status !== 'success') throw new Error(`${JSON.stringify(query)}: ${error}`);
    return data;
  }
}
