/** A minder and its trackers on this machine, and what must be the same on all of them. */
import { expect } from 'vitest';
import { until } from './deadline.js';
import { httpDicts, scrapeTarget } from './http-wire.js';
import { type MinderOptions, MinderProcess } from './minder-process.js';
import { type Population, peerLine, type SwarmCounts } from './population.js';
import { type TrackerOptions, TrackerProcess, temporaryFolder } from './tracker-process.js';

/** Only guards against hanging. */
export const CONVERGE_LIMIT_MS = 60_000;
const SCRAPE_HASHES = 50;
/** Swarms whose peers are compared one by one. */
const SWARMS_COMPARED = 20;

export interface Digest {
  readonly peers: number;
  readonly swarms: number;
  readonly digest: string | null;
}

export interface ClusterNode {
  readonly id: string;
  readonly name: string;
  readonly role: 'tracker' | 'minder';
  readonly state: string;
  readonly reason: string | null;
  readonly lagMs: number | null;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly gaps: number;
  readonly digest: string | null;
}

export interface ClusterView {
  readonly busConnected: boolean | null;
  readonly nodes: readonly ClusterNode[];
  /** Of what never happened there may be none. */
  readonly counters: Readonly<Record<string, number | undefined>>;
}

export interface ClusterOptions {
  readonly trackers?: number;
  readonly minder?: MinderOptions;
  readonly tracker?: TrackerOptions;
}

export class Cluster {
  readonly trackers: TrackerProcess[] = [];

  private constructor(
    public minder: MinderProcess,
    readonly options: ClusterOptions,
    readonly token: string,
  ) {}

  /** Starts a minder and trackers `a`, `b`, `c`, ..., and waits until all of them are ready. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const minder = await MinderProcess.start(options.minder);
    const token = await minder.token('--uses', '16');
    const cluster = new Cluster(minder, options, token);
    const count = options.trackers ?? 3;
    try {
      const starts = Array.from({ length: count }, (_, i) => cluster.#launch('abcdefgh'[i]));
      cluster.trackers.push(...starts);
      await Promise.all(starts.map((tracker) => tracker.ready()));
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  #launch(name: string, options: TrackerOptions = this.options.tracker ?? {}): TrackerProcess {
    const args = ['--name', name, '--join', `https://${this.minder.enrol}`, '--token', this.token];
    const all = { ...options, args: [...args, ...(options.args ?? [])] };
    return TrackerProcess.launch(all, temporaryFolder(`tracker-${name}`));
  }

  /** Starts one tracker more without waiting for it. */
  launch(name: string, options?: TrackerOptions): TrackerProcess {
    const tracker = this.#launch(name, options);
    this.trackers.push(tracker);
    return tracker;
  }

  /** Starts a tracker again that has ended, over its old data, on new ports. */
  async restart(tracker: TrackerProcess): Promise<TrackerProcess> {
    const next = await tracker.restart();
    this.trackers.splice(this.trackers.indexOf(tracker), 1, next);
    return next;
  }

  /** Waits until all of them hold the same peers; returns how long that took, in ms. */
  async converged(trackers: readonly TrackerProcess[] = this.trackers): Promise<number> {
    const startMs = performance.now();
    let seen: Digest[] = [];
    try {
      await until(
        async () => {
          seen = await Promise.all(trackers.map(digestOf));
          return seen.every((digest) => isSame(digest, seen[0])) ? true : undefined;
        },
        CONVERGE_LIMIT_MS,
        'equal digests',
      );
    } catch (error) {
      const views = await Promise.all(
        trackers.map((tracker) => tracker.adminJson('/api/v1/cluster')),
      );
      const output = trackers.map((tracker) => tracker.output()).join('\n---\n');
      const what = [JSON.stringify(seen), ...views.map((view) => JSON.stringify(view)), output];
      throw new Error(`${(error as Error).message}\n${what.join('\n')}`);
    }
    return performance.now() - startMs;
  }

  /** Expects every tracker to hold what the population said last: counts of all swarms, and peers. */
  async expectHolds(
    population: Population,
    trackers: readonly TrackerProcess[] = this.trackers,
  ): Promise<void> {
    const expected = population.counts();
    for (const tracker of trackers) {
      const found = await scrapeAll(tracker, population.hashes);
      expect(differences(found, expected)).toEqual([]);
      expect((await digestOf(tracker)).peers).toBe(population.living);
      for (const hash of population.hashes.slice(0, SWARMS_COMPARED)) {
        expect(await peersOf(tracker, hash)).toEqual(population.peersOf(hash));
      }
    }
  }

  /** Kills the minder and its bus, and waits until every tracker has noticed. */
  async killMinder(): Promise<void> {
    const { minder } = this;
    const { pid } = minder.logs.findLast(({ msg }) => msg === 'bus server runs') ?? {};
    if (typeof pid !== 'number') throw new Error('no bus server is known');
    process.kill(pid, 'SIGKILL');
    await minder.kill9();
    for (const tracker of this.trackers) {
      await until(
        async () => ((await viewOf(tracker)).busConnected === false ? true : undefined),
        CONVERGE_LIMIT_MS,
        'the end of the bus to be noticed',
      );
    }
  }

  /** Starts the minder again, on the ports that it had. */
  async restartMinder(): Promise<void> {
    this.minder = await this.minder.restart();
  }

  async close(): Promise<void> {
    await Promise.all([...this.trackers, this.minder].map((node) => node.remove()));
  }
}

export async function digestOf(tracker: TrackerProcess): Promise<Digest> {
  return (await tracker.adminJson('/api/v1/digest')) as Digest;
}

function isSame(a: Digest, b: Digest): boolean {
  return a.digest !== null && a.digest === b.digest && a.peers === b.peers;
}

export async function viewOf(observer: TrackerProcess | MinderProcess): Promise<ClusterView> {
  return (await observer.adminJson('/api/v1/cluster')) as ClusterView;
}

/** The node called `name` as `observer` sees it. */
export async function nodeSeenBy(
  observer: TrackerProcess | MinderProcess,
  name: string,
): Promise<ClusterNode | undefined> {
  return (await viewOf(observer)).nodes.find((node) => node.name === name);
}

async function scrapeAll(
  tracker: TrackerProcess,
  hashes: readonly Buffer[],
): Promise<Map<string, SwarmCounts>> {
  const groups: Buffer[][] = [];
  for (let at = 0; at < hashes.length; at += SCRAPE_HASHES) {
    groups.push(hashes.slice(at, at + SCRAPE_HASHES));
  }
  const replies = await httpDicts(
    tracker.http4,
    groups.map((group) => scrapeTarget(group)),
  );
  const counts = new Map<string, SwarmCounts>();
  for (const [i, reply] of replies.entries()) {
    for (const hash of groups[i]) {
      const files = reply.dict('files');
      const key = hash.toString('latin1');
      const entry = files.has(key) ? files.dict(key) : undefined;
      counts.set(hash.toString('hex'), {
        seeders: entry?.int('complete') ?? 0,
        leechers: entry?.int('incomplete') ?? 0,
        downloads: entry?.int('downloaded') ?? 0,
      });
    }
  }
  return counts;
}

/** The first few swarms that are not as expected. */
function differences(
  found: ReadonlyMap<string, SwarmCounts>,
  expected: ReadonlyMap<string, SwarmCounts>,
): unknown[] {
  return [...expected]
    .map(([hash, counts]) => ({ hash, expected: counts, found: found.get(hash) }))
    .filter(
      ({ expected: counts, found: other }) => JSON.stringify(counts) !== JSON.stringify(other),
    )
    .slice(0, 5);
}

async function peersOf(tracker: TrackerProcess, hash: Buffer): Promise<string[]> {
  const view = (await tracker
    .adminJson(`/api/v1/swarms/${hash.toString('hex')}?peers=1`)
    .catch(() => ({ peers: [] }))) as {
    peers: { ip: string; port: number; seeder: boolean }[];
  };
  return view.peers.map(({ ip, port, seeder }) => peerLine(ip, port, seeder)).toSorted();
}
