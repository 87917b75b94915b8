/** A tracker as an operator runs it, on free ports. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Address } from './address.js';
import {
  addressesOf,
  type LogLine,
  NodeProcess,
  removeFolder,
  spawnNode,
  temporaryFolder,
} from './node-process.js';

export {
  type ExitStatus,
  type LogLine,
  REPOSITORY,
  removeFolder,
  temporaryFolder,
  watchChild,
} from './node-process.js';

export interface TrackerOptions {
  /** `ADDR:PORT` list; default 127.0.0.1:0 and [::1]:0. An empty list turns the protocol off. */
  readonly http?: readonly string[];
  readonly udp?: readonly string[];
  readonly admin?: string;
  /** Written as a JSON configuration file. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** What the process is run by, such as `ip netns exec NAME`. */
  readonly prefix?: readonly string[];
  /** Folder of the build that runs; this one. */
  readonly repository?: string;
}

function listenArguments(flag: string, addresses: readonly string[]): string[] {
  if (addresses.length === 0) return [flag, 'off'];
  return addresses.flatMap((address) => [flag, address]);
}

const LOOPBACKS = ['127.0.0.1:0', '[::1]:0'];

export class TrackerProcess extends NodeProcess {
  http: Address[] = [];
  udp: Address[] = [];
  https: Address[] = [];

  private constructor(
    readonly options: TrackerOptions,
    data: string,
    child: NodeProcess['child'],
  ) {
    super(child, data);
  }

  /** Starts a tracker and waits for its `ready` line. */
  static async start(options: TrackerOptions = {}): Promise<TrackerProcess> {
    const tracker = TrackerProcess.launch(options, temporaryFolder('data'));
    await tracker.ready();
    return tracker;
  }

  /** Starts a process without waiting for anything, for starts that must fail. */
  static launch(options: TrackerOptions, data: string): TrackerProcess {
    const args = ['tracker', '--data', data];
    args.push(...listenArguments('--http', options.http ?? LOOPBACKS));
    args.push(...listenArguments('--udp', options.udp ?? LOOPBACKS));
    args.push('--admin', options.admin ?? '127.0.0.1:0');
    const configFolder = temporaryFolder('config');
    if (options.config !== undefined) {
      const file = join(configFolder, 'trackerbt.json');
      writeFileSync(file, JSON.stringify(options.config));
      args.push('--config', file);
    }
    args.push(...(options.args ?? []));
    const child = spawnNode(args, options.env, options.prefix, options.repository);
    child.once('close', () => removeFolder(configFolder));
    return new TrackerProcess(options, data, child);
  }

  override async ready(): Promise<LogLine> {
    const line = await super.ready();
    this.http = addressesOf(line.http);
    this.udp = addressesOf(line.udp);
    this.https = addressesOf(line.https);
    return line;
  }

  get http4(): Address {
    return ofFamily(this.http, 4);
  }

  get http6(): Address {
    return ofFamily(this.http, 6);
  }

  get https4(): Address {
    return ofFamily(this.https, 4);
  }

  get udp4(): Address {
    return ofFamily(this.udp, 4);
  }

  get udp6(): Address {
    return ofFamily(this.udp, 6);
  }

  /** A new process over the same data directory. The old one must have ended. */
  async restart(options: TrackerOptions = this.options): Promise<TrackerProcess> {
    const next = TrackerProcess.launch(options, this.data);
    await next.ready();
    return next;
  }
}

function ofFamily(list: readonly Address[], family: 4 | 6): Address {
  const found = list.find(({ host }) => host.includes(':') === (family === 6));
  if (found === undefined) throw new Error(`the tracker listens on no IPv${family} address`);
  return found;
}
