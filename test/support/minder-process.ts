/** A minder as an operator runs it, on free ports, with the bus that it supervises. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  childEnvironment,
  commandOf,
  type LogLine,
  NodeProcess,
  REPOSITORY,
  spawnNode,
  temporaryFolder,
} from './node-process.js';
import { type TrackerOptions, TrackerProcess } from './tracker-process.js';

const execute = promisify(execFile);

export interface MinderOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly prefix?: readonly string[];
  /** Address that everything listens on; 127.0.0.1. */
  readonly host?: string;
  /** Folder of the build that runs; this one. */
  readonly repository?: string;
}

export class MinderProcess extends NodeProcess {
  /** Where nodes enrol, `127.0.0.1:1234`. */
  enrol = '';
  bus = '';

  private constructor(
    readonly options: MinderOptions,
    data: string,
    child: NodeProcess['child'],
  ) {
    super(child, data);
  }

  /** Starts a minder and waits for its `ready` line. */
  static async start(options: MinderOptions = {}): Promise<MinderProcess> {
    const minder = MinderProcess.launch(options, temporaryFolder('minder'));
    await minder.ready();
    return minder;
  }

  static launch(options: MinderOptions, data: string): MinderProcess {
    const host = options.host ?? '127.0.0.1';
    const args = ['minder', '--data', data, '--admin', '127.0.0.1:0'];
    for (const flag of ['--listen', '--bus', '--bus-cluster']) args.push(flag, `${host}:0`);
    args.push(...(options.args ?? []));
    const { env, prefix, repository } = options;
    return new MinderProcess(options, data, spawnNode(args, env, prefix, repository));
  }

  override async ready(): Promise<LogLine> {
    const line = await super.ready();
    this.enrol = String(line.enrol);
    this.bus = String(line.bus);
    return line;
  }

  /** The same minder again, on the ports that it had. The old process must have ended. */
  async restart(): Promise<MinderProcess> {
    const args = ['--listen', this.enrol, '--bus', this.bus, ...(this.options.args ?? [])];
    const next = MinderProcess.launch({ ...this.options, args }, this.data);
    await next.ready();
    return next;
  }

  /** Runs `trackerbt ARGS --data DIR` and returns what it printed. Rejects when it fails. */
  async command(...args: readonly string[]): Promise<string> {
    return await runOf(this.options.repository ?? REPOSITORY, [...args, '--data', this.data]);
  }

  /** The nodes as this minder lists them. */
  async nodes(): Promise<{ id: string; name: string; role: string; state: string }[]> {
    return JSON.parse(await this.command('nodes', '--json'));
  }

  /** A fresh join token. */
  async token(...args: readonly string[]): Promise<string> {
    const text = await this.command('token', 'create', ...args);
    return text.trimEnd().split('\n').at(-1) ?? '';
  }

  /** Starts another minder that joins this one, and waits for its `ready` line. */
  async peer(options: MinderOptions = {}): Promise<MinderProcess> {
    const token = await this.token('--role', 'minder');
    const args = ['--peer', `https://${this.enrol}`, '--token', token, ...(options.args ?? [])];
    return MinderProcess.start({ ...options, args });
  }

  /** Starts a tracker that joins this minder, and waits for its `ready` line. */
  async tracker(options: TrackerOptions = {}): Promise<TrackerProcess> {
    const token = await this.token();
    const args = ['--join', `https://${this.enrol}`, '--token', token, ...(options.args ?? [])];
    return await TrackerProcess.start({ ...options, args });
  }
}

/** Runs `trackerbt ARGS` and returns what it printed. Rejects when it fails. */
export async function runCommand(...args: readonly string[]): Promise<string> {
  return await runOf(REPOSITORY, args);
}

async function runOf(repository: string, args: readonly string[]): Promise<string> {
  const env = childEnvironment();
  return (await execute(process.execPath, [commandOf(repository), ...args], { env })).stdout;
}
