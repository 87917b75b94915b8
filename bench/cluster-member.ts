/**
 * A tracker of a cluster without sockets, as a process of its own: store, change ring and cluster
 * worker as they run in `trackerbt tracker --join`, and in place of clients a thread that announces
 * to the store itself. On a small machine sockets and load generator would give out long before
 * replication does.
 *
 * ```
 * parent --IPC--> main thread: announces, at a rate   --change ring--> cluster worker <--TLS--> bus
 *                              looks for others' probes <----store---
 * ```
 *
 * A probe is a peer in a swarm that only one member announces in. The clock that times probes is the
 * machine's monotonic one, which all processes share.
 */
import { hostname } from 'node:os';
import { loadConfig, resolve } from '../src/config/index.js';
import { SystemClock } from '../src/lib/clock.js';
import { createLogger } from '../src/lib/log.js';
import { LoggerSink } from '../src/lib/log-sink.js';
import { Prng } from '../src/lib/prng.js';
import { Membership } from '../src/node/membership.js';
import type { ClusterReport } from '../src/node/message.js';
import { reserveTrackerMemory } from '../src/node/tracker-memory.js';
import { WorkerHandle } from '../src/node/worker-handle.js';
import { AnnounceReply, ScrapeEntry } from '../src/protocol/announce.js';
import { DigestReader } from '../src/swarm/digest.js';
import { PeerQuery, WantFamily } from '../src/swarm/query.js';
import { countersOf, ReplicationCounter } from '../src/swarm/replication-memory.js';
import { SwarmStore } from '../src/swarm/swarm-store.js';
import { createKeyRing } from '../src/tracker/key-ring.js';
import { createLiveSettings } from '../src/tracker/live-settings.js';

export interface MemberOptions {
  readonly data: string;
  readonly join: string;
  readonly token: string;
  /** From 0. */
  readonly index: number;
  readonly members: number;
  /** Peers that announce here, over all swarms. */
  readonly peers: number;
  readonly swarms: number;
}

/** From the parent. */
export type MemberOrder =
  /** Changes a second that other trackers are told of; 0 for silence. */
  | { readonly type: 'rate'; readonly perSecond: number }
  | { readonly type: 'report' }
  | { readonly type: 'stop' };

export interface MemberReport {
  readonly type: 'report';
  /** Root of the digests, 16 hexadecimal digits. */
  readonly digest: string;
  /** Since the start: announces, changes told, and changes that found the ring full. */
  readonly announces: number;
  readonly changes: number;
  readonly dropped: number;
  /** When each probe was announced, ms, since the last report. */
  readonly probes: readonly number[];
  /** When the probes of each member were first seen, ms, since the last report. */
  readonly seen: readonly (readonly number[])[];
  readonly caughtUp: boolean;
  /** What the cluster worker counts, a second old at most. */
  readonly counters: Readonly<Record<string, number>>;
}

/** As the first socket worker of a tracker. */
const THREAD = 4;
const FEED_MS = 4;
const LOOK_MS = 1;
const PROBE_MS = 25;
/** What could not be announced in this time is not caught up with. */
const BEHIND_SECONDS_MAX = 0.25;
/** Of a hundred announces so many are stops, or starts of those that stopped, and change of role. */
const STOPS = 10;
const FLIPS = 10;
/** One peer in so many speaks IPv6. */
const IPV6_ONE_IN = 8;

class Member {
  readonly #options: MemberOptions;
  readonly #cluster: WorkerHandle;
  readonly #store: SwarmStore;
  readonly #digest: DigestReader;
  readonly #counters: Float64Array;
  readonly #clock: SystemClock;
  readonly #random: Prng;
  readonly #query = new PeerQuery();
  readonly #reply = new AnnounceReply();
  readonly #entry = new ScrapeEntry();
  readonly #probeHash = new Int32Array(5);
  /** What each of our peers is: 0 away, 1 leecher, 2 seeder. */
  readonly #roles: Uint8Array;
  #report: ClusterReport | undefined;
  #perSecond = 0;
  /** Changes that are due, and when that was reckoned. */
  #due = 0;
  #reckonedMs = 0;
  #announces = 0;
  #probeMs = 0;
  #probeCount = 0;
  #probes: number[] = [];
  readonly #seenCount: number[];
  #seen: number[][];

  constructor(
    options: MemberOptions,
    cluster: WorkerHandle,
    memory: WorkerHandle['task']['memory'],
  ) {
    this.#options = options;
    this.#cluster = cluster;
    this.#clock = new SystemClock();
    this.#random = new Prng(1 + options.index);
    this.#store = new SwarmStore(memory, { thread: THREAD, seed: 1 + options.index });
    const replication = memory.replication;
    if (replication === undefined) throw new Error('no memory for replication');
    this.#digest = new DigestReader(replication);
    this.#counters = countersOf(replication, THREAD);
    this.#roles = new Uint8Array(options.peers);
    this.#query.families = WantFamily.none;
    this.#seenCount = new Array<number>(options.members).fill(0);
    this.#seen = Array.from({ length: options.members }, () => []);
  }

  start(): void {
    setInterval(() => this.#feed(), FEED_MS);
    setInterval(() => this.#look(), LOOK_MS);
  }

  note(report: ClusterReport): void {
    this.#report = report;
  }

  order(order: MemberOrder): void {
    if (order.type === 'report') this.#tell();
    else if (order.type === 'stop') {
      void this.#cluster.stop(5_000).then(() => process.exit());
    } else {
      this.#perSecond = order.perSecond;
      this.#reckonedMs = performance.now();
      this.#due = 0;
    }
  }

  get #changes(): number {
    return this.#counters[ReplicationCounter.changes];
  }

  #feed(): void {
    if (this.#perSecond === 0) return;
    this.#setTime();
    const nowMs = performance.now();
    this.#due += (this.#perSecond * (nowMs - this.#reckonedMs)) / 1000;
    this.#due = Math.min(this.#due, BEHIND_SECONDS_MAX * this.#perSecond);
    this.#reckonedMs = nowMs;
    if (nowMs - this.#probeMs >= PROBE_MS) this.#probe();
    const before = this.#changes;
    const goal = Math.floor(this.#due);
    // Every second refresh is not told, so announces are more than changes.
    while (this.#changes - before < goal && this.#dropped() === 0) this.#announce();
    this.#due -= this.#changes - before;
  }

  /** One peer says its next word. */
  #announce(): void {
    const query = this.#query;
    const { peers, swarms } = this.#options;
    const peer = this.#random.below(peers);
    const dice = this.#random.below(100);
    const role = this.#roles[peer];
    query.stopped = role > 0 && dice < STOPS;
    query.started = role === 0;
    query.completed = role === 1 && dice >= STOPS && dice < STOPS + FLIPS;
    query.seeder = role === 2 || query.completed;
    this.#roles[peer] = query.stopped ? 0 : query.seeder ? 2 : 1;
    this.#setSwarm(peer % swarms, 0x5eed);
    this.#setPeer(peer);
    this.#store.announce(query, this.#reply);
    this.#announces++;
  }

  #probe(): void {
    const query = this.#query;
    query.stopped = false;
    query.started = true;
    query.completed = false;
    query.seeder = false;
    this.#setSwarm(this.#options.index, 0xbeef);
    this.#setPeer(this.#probeCount++);
    this.#probeMs = performance.now();
    this.#probes.push(monotonicMs());
    this.#store.announce(query, this.#reply);
  }

  #setSwarm(swarm: number, kind: number): void {
    const { infoHash } = this.#query;
    infoHash[0] = Math.imul(swarm + 1, 0x9e3779b1);
    infoHash[1] = swarm;
    infoHash[2] = kind;
    infoHash[4] = Math.imul(swarm + 1, 0x85ebca6b);
  }

  #setPeer(peer: number): void {
    const { wireBytes } = this.#query;
    const isSix = peer % IPV6_ONE_IN === 0;
    const at = isSix ? 12 : 0;
    this.#query.family = isSix ? 6 : 4;
    if (isSix) {
      wireBytes.fill(0);
      wireBytes[0] = 0x20;
    }
    wireBytes[at] = 1 + this.#options.index;
    wireBytes[at + 1] = peer >>> 16;
    wireBytes[at + 2] = peer >>> 8;
    wireBytes[at + 3] = peer;
    wireBytes[at + 4] = 0x1a;
    wireBytes[at + 5] = 0xe1;
  }

  /** Looks which probes of the others are here by now. */
  #look(): void {
    const { index, members } = this.#options;
    const hash = this.#query.infoHash;
    this.#probeHash.set(hash);
    for (let other = 0; other < members; other++) {
      if (other === index) continue;
      this.#setSwarm(other, 0xbeef);
      this.#store.scrape(hash, this.#entry);
      const count = this.#entry.leechers;
      const nowMs = count > this.#seenCount[other] ? monotonicMs() : 0;
      while (this.#seenCount[other] < count) {
        this.#seenCount[other]++;
        this.#seen[other].push(nowMs);
      }
    }
    hash.set(this.#probeHash);
  }

  #setTime(): void {
    this.#store.setTime(this.#clock.monotonicSeconds(), this.#clock.wallMs());
  }

  #dropped(): number {
    return this.#counters[ReplicationCounter.changesDropped];
  }

  #tell(): void {
    const report: MemberReport = {
      type: 'report',
      digest: this.#digest.root(),
      announces: this.#announces,
      changes: this.#changes,
      dropped: this.#dropped(),
      probes: this.#probes,
      seen: this.#seen,
      caughtUp: this.#report?.caughtUp === true,
      counters: this.#report?.view.counters ?? {},
    };
    process.send?.(report);
    this.#probes = [];
    this.#seen = this.#seen.map(() => []);
  }
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function main(options: MemberOptions): Promise<void> {
  const { data, join, token, index } = options;
  const flags = { data, 'cluster.join': join, 'cluster.token': token, workers: '1' };
  const settings = Object.entries({ ...flags, name: `member ${index}`, 'log.level': 'warn' });
  const loaded = loadConfig({
    flags: settings.map(([path, text]) => ({ flag: path, path, text })),
  });
  const config = resolve(loaded, { hostname: hostname(), role: 'tracker' });
  const clock = new SystemClock();
  const logger = createLogger({ ...config.log, name: config.name });
  const membership = await Membership.find(config, { clock, logger });
  if (membership === undefined) throw new Error('no membership');
  const memory = reserveTrackerMemory(config, 'fast', membership.digestKey);
  const keyRing = createKeyRing();
  const live = createLiveSettings();
  membership.installKeys(keyRing);
  let member: Member | undefined;
  const cluster = new WorkerHandle(
    membership.task(memory, { keyRing, live, startedMs: clock.wallMs() }),
    {
      log: new LoggerSink(logger),
      onCluster: (report) => member?.note(report),
      onFailed: (error) => {
        process.stderr.write(`${error.message}\n`);
        process.exit(1);
      },
    },
  );
  member = new Member(options, cluster, memory);
  await cluster.started;
  member.start();
  process.on('message', (order: MemberOrder) => member.order(order));
  process.once('disconnect', () => process.exit());
  process.send?.({ type: 'ready' });
}

await main(JSON.parse(process.argv[2]) as MemberOptions);
