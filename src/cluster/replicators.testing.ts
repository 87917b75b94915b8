/** A few trackers on one bus, in time that the test moves: stores, counters and replicators are real. */
import { Prng } from '../lib/prng.js';
import { AnnounceReply, ScrapeEntry } from '../protocol/announce.js';
import { CellWalk } from '../swarm/cell-walk.js';
import { ChangeRingReader } from '../swarm/change-ring.js';
import { DigestReader } from '../swarm/digest.js';
import { reserveStore } from '../swarm/layout.js';
import { PeerFamily, PeerQuery } from '../swarm/query.js';
import { reserveReplication } from '../swarm/replication-memory.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { storeTotals } from '../swarm/totals.js';
import { webEpoch, writeWebWire } from '../swarm/web-wire.js';
import { DownloadCounters } from './download-counters.js';
import { MemoryBus, type MemoryBusOptions, type MemoryTransport } from './memory-bus.js';
import { Origins } from './origins.js';
import { Replicator } from './replicator.js';
import type { ReplicationClock, ReplicatorLimits, ServiceReport } from './replicator-options.js';

const ANNOUNCING = 1;
const REPLICATING = 2;
const STEP_MS = 5;
const START_MS = 1_700_000_000_000;

export interface TestNodeOptions {
  readonly limits?: Partial<ReplicatorLimits>;
  readonly ringRecords?: number;
  readonly peersMax?: number;
  readonly skewMs?: number;
  readonly service?: ServiceReport;
  /** Called before the replicator begins. */
  readonly prepare?: (node: TestNode) => void;
}

/** What a test says of a peer; the rest is a leecher of swarm 0 over IPv4. */
export interface TestPeer {
  readonly swarm?: number;
  readonly peer?: number;
  readonly family?: PeerFamily;
  readonly event?: 'none' | 'completed' | 'stopped';
  readonly seeder?: boolean;
  readonly partialSeed?: boolean;
  /** Of a web peer: what is not as it should be of the run of the tracker that holds it. */
  readonly holder?: { readonly node?: string; readonly epoch?: number };
}

export class TestCluster {
  nowMs = 0;
  readonly bus: MemoryBus;
  readonly nodes: TestNode[] = [];
  /** Those that stand still. Their connection is a matter of the bus (`setConnected`). */
  readonly frozen = new Set<TestNode>();

  constructor(options: MemoryBusOptions = {}) {
    this.bus = new MemoryBus(options);
  }

  /** Starts a tracker; one of the same number before it has died. */
  start(number: number, options: TestNodeOptions = {}): TestNode {
    const node = new TestNode(this, number, options);
    const at = this.nodes.findIndex(({ id }) => id === node.id);
    if (at >= 0) this.nodes[at] = node;
    else this.nodes.push(node);
    return node;
  }

  /** Starts trackers and waits until they have found each other. */
  startAll(count: number, options: TestNodeOptions = {}): TestNode[] {
    const nodes = Array.from({ length: count }, (_, i) => this.start(i + 1, options));
    this.run(6_000);
    return nodes;
  }

  run(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs += STEP_MS;
      this.bus.advance(this.nowMs);
      for (const node of this.nodes) if (!this.frozen.has(node)) node.replicator.tick();
    }
  }

  /** Ends a tracker as `kill -9` does: its place on the bus is empty. */
  kill(node: TestNode): void {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    this.bus.join(node.id).close();
  }

  /** Runs until something is so; false when it is not after `limitMs`. */
  runUntil(isSo: () => boolean, limitMs = 60_000): boolean {
    for (const end = this.nowMs + limitMs; this.nowMs < end; ) {
      if (isSo()) return true;
      this.run(STEP_MS);
    }
    return isSo();
  }

  /** True when all trackers hold the same peers. */
  agree(): boolean {
    return new Set(this.nodes.map(({ root }) => root)).size === 1;
  }
}

export class TestNode {
  readonly id: string;
  readonly store: SwarmStore;
  readonly counters: DownloadCounters;
  readonly origins: Origins;
  readonly transport: MemoryTransport;
  readonly replicator: Replicator;
  readonly lines: string[] = [];
  readonly clock: ReplicationClock;
  /** That of the wires of its web peers. */
  readonly webEpoch: number;
  readonly #announcing: SwarmStore;
  readonly #digest: DigestReader;
  readonly #query = new PeerQuery();
  readonly #reply = new AnnounceReply();

  constructor(cluster: TestCluster, number: number, options: TestNodeOptions) {
    const { limits = {}, ringRecords = 4_096, peersMax = 100_000, skewMs = 0 } = options;
    this.id = nodeId(number);
    this.clock = {
      monotonicMs: () => cluster.nowMs,
      monotonicSeconds: () => 1_000 + Math.floor(cluster.nowMs / 1_000),
      wallMs: () => START_MS + skewMs + cluster.nowMs,
    };
    const epoch = this.clock.wallMs();
    this.webEpoch = webEpoch(epoch);
    const storeLimits = { peersMax, swarmsMax: 4_096, shards: 4 };
    const replication = reserveReplication({
      limits: storeLimits,
      threads: REPLICATING,
      digestKey: new Uint8Array(16).fill(7),
      tombstonesMax: 4_096,
      ringRecords,
      peerTtlSeconds: 2_700,
      remoteExtraSeconds: 1_800,
    });
    const memory = { ...reserveStore(storeLimits), replication };
    this.#announcing = new SwarmStore(memory, { thread: ANNOUNCING, seed: number });
    this.store = new SwarmStore(memory, { thread: REPLICATING, seed: number });
    this.#digest = new DigestReader(replication);
    this.origins = new Origins({ self: this.id }, { keep: () => {} });
    this.counters = new DownloadCounters({ countersMax: 10_000, key: new Uint8Array(16) });
    this.transport = cluster.bus.join(this.id);
    this.replicator = new Replicator(
      {
        ...limits,
        id: this.id,
        name: `tracker ${number}`,
        software: '1.2.3',
        epoch,
        addresses: ['udp://192.0.2.1:6969'],
      },
      {
        store: this.store,
        changeRings: [new ChangeRingReader(replication, ANNOUNCING)],
        transport: this.transport,
        clock: this.clock,
        // Another one after a restart, as in life.
        random: new Prng(number + 1_000 * cluster.nowMs),
        origins: this.origins,
        counters: this.counters,
        log: { log: (level, msg) => this.lines.push(`${level} ${msg}`) },
        ...(options.service === undefined ? {} : { service: options.service }),
      },
    );
    options.prepare?.(this);
    this.replicator.start();
  }

  /** Takes an announce as a worker does. */
  announce(peer: TestPeer = {}): void {
    fillQuery(this.#query, peer);
    if (peer.family === PeerFamily.web) {
      const holder = { node: this.id, epoch: this.webEpoch, ...peer.holder };
      writeWebWire(this.#query.wireBytes, 0, { ...holder, connection: peer.peer ?? 1 });
    }
    this.#announcing.setTime(this.clock.monotonicSeconds(), this.clock.wallMs());
    this.#announcing.announce(this.#query, this.#reply);
  }

  /** Changes the store so that nobody is told: what a bug or a lost message would do. */
  announceInSecret(peer: TestPeer): void {
    this.announce(peer);
    const memory = this.store.replication!.memory;
    new ChangeRingReader(memory, ANNOUNCING).drain(1_000, () => {});
  }

  counts(swarm = 0): ScrapeEntry {
    const entry = new ScrapeEntry();
    this.store.scrape(infoHashOf(swarm), entry);
    return entry;
  }

  get webPeers(): number {
    return storeTotals(this.store).webPeers;
  }

  get root(): string {
    return this.#digest.root();
  }

  /** The node that heard a peer last, for each peer of this node's store. */
  get origins4(): Map<number, string> {
    const heard = new Map<number, string>();
    this.store.setTime(this.clock.monotonicSeconds(), this.clock.wallMs());
    const walk = new CellWalk(this.store, {
      swarm: () => {},
      peer: ({ wireBytes, origin }) => {
        heard.set((wireBytes[2] << 8) | wireBytes[3], this.origins.idOf(origin));
      },
    });
    while (walk.step(1_000));
    return heard;
  }
}

export function nodeId(number: number): string {
  return `n${number.toString(16).padStart(16, '0')}`;
}

export function infoHashOf(swarm: number): Int32Array {
  return Int32Array.of(swarm, swarm * 7, 3, 4, 5);
}

function fillQuery(query: PeerQuery, given: TestPeer): void {
  const { swarm = 0, peer = 1, family = 4, event = 'none' } = given;
  query.infoHash.set(infoHashOf(swarm));
  query.family = family;
  query.wireBytes.fill(0);
  const bytes = family === 4 ? [10, 0, peer >>> 8, peer & 0xff, 0x1a, 0xe1] : v6(peer);
  query.wireBytes.set(bytes);
  query.stopped = event === 'stopped';
  query.completed = event === 'completed';
  query.seeder = given.seeder === true || event === 'completed';
  query.partialSeed = given.partialSeed === true;
  query.numwant = 0;
}

function v6(peer: number): number[] {
  return [0x20, 1, 0xd, 0xb8, ...new Array(10).fill(0), peer >>> 8, peer & 0xff, 0x1a, 0xe1];
}
