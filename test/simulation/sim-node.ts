/**
 * A tracker in the simulation: the store, the counters and the replicator as they run in production.
 * Two threads announce, one replicates, one expires; here all are the same thread, one after another.
 */
import { DownloadCounters } from '../../src/cluster/download-counters.js';
import type { MemoryBus } from '../../src/cluster/memory-bus.js';
import { Origins } from '../../src/cluster/origins.js';
import { Replicator } from '../../src/cluster/replicator.js';
import { Prng } from '../../src/lib/prng.js';
import { AnnounceReply, ScrapeEntry } from '../../src/protocol/announce.js';
import { CellWalk } from '../../src/swarm/cell-walk.js';
import { ChangeRingReader } from '../../src/swarm/change-ring.js';
import { DigestReader, rootOf } from '../../src/swarm/digest.js';
import { recomputeCells } from '../../src/swarm/digest.testing.js';
import { Expiry } from '../../src/swarm/expiry.js';
import { reserveStore, type StoreMemory, WEB_KINDS } from '../../src/swarm/layout.js';
import { wordsOf } from '../../src/swarm/leaf.js';
import { PeerFamily } from '../../src/swarm/query.js';
import { type ReplicationMemory, reserveReplication } from '../../src/swarm/replication-memory.js';
import { SwarmStore } from '../../src/swarm/swarm-store.js';
import { webEpoch, webEpochOf, webNode } from '../../src/swarm/web-wire.js';
import type { Oracle } from './oracle.js';
import { loadCounters, loadStore, type SavedState, saveState } from './saved-state.js';
import type { Scenario } from './scenario.js';
import type { SimClock } from './sim-clock.js';
import { queryOf, type SimEvent, type SimPeer } from './sim-peer.js';

const ANNOUNCING = [1, 2] as const;
const REPLICATING = 3;
const EXPIRING = 4;
const LIMITS = { peersMax: 4_096, swarmsMax: 64, shards: 2 };
const COUNTERS_MAX = 4_096;
const DIGEST_KEY = Uint8Array.from({ length: 16 }, (_, i) => 17 * i);

/** Replaced by a wrong one to see the simulation fail. */
export type OriginOrder = (origins: Origins) => (slotA: number, slotB: number) => number;

export interface SimNodeOptions {
  readonly id: string;
  readonly scenario: Scenario;
  readonly saved: SavedState | undefined;
  readonly order: OriginOrder | undefined;
}

export interface SimNodeDependencies {
  readonly bus: MemoryBus;
  readonly clock: SimClock;
  readonly oracle: Oracle;
  readonly random: Prng;
  /** Takes log lines: what a run said is shown when it fails. */
  readonly say: (line: string) => void;
}

export class SimNode {
  readonly id: string;
  readonly clock: SimClock;
  /** That of the wires of its web peers. */
  readonly webEpoch: number;
  readonly replicator: Replicator;
  readonly counters: DownloadCounters;
  readonly origins: Origins;
  readonly #memory: StoreMemory & { readonly replication: ReplicationMemory };
  readonly #announcing: readonly SwarmStore[];
  readonly #expiring: SwarmStore;
  readonly #expiry: Expiry;
  readonly #digest: DigestReader;
  readonly #oracle: Oracle;
  readonly #reply = new AnnounceReply();
  readonly #entry = new ScrapeEntry();
  #originIds: readonly string[];

  constructor({ id, scenario, saved, order }: SimNodeOptions, dependencies: SimNodeDependencies) {
    const { bus, clock, oracle, random, say } = dependencies;
    this.id = id;
    this.clock = clock;
    this.#oracle = oracle;
    const { peerTtlSeconds, intervalSeconds, ringRecords, tombstonesMax } = scenario;
    const replication = reserveReplication({
      limits: LIMITS,
      threads: EXPIRING,
      digestKey: DIGEST_KEY,
      tombstonesMax,
      ringRecords,
      peerTtlSeconds,
      remoteExtraSeconds: intervalSeconds,
      alignsExpiry: true,
    });
    // The store's own keys are random, and decide in which order it is walked.
    const hashKeys = Int32Array.of(random.next(), random.next());
    this.#memory = { ...reserveStore(LIMITS), hashKeys, replication };
    this.#announcing = ANNOUNCING.map((thread) => this.#view(thread));
    this.#expiring = this.#view(EXPIRING);
    this.#expiry = new Expiry(this.#expiring, { peerTtlSeconds, emptySwarmSeconds: 86_400 });
    this.#digest = new DigestReader(replication);
    this.#originIds = saved?.origins ?? [];
    const keep = (ids: readonly string[]) => {
      this.#originIds = [...ids];
    };
    this.origins = new Origins({ self: id, known: this.#originIds }, { keep });
    if (order !== undefined) Object.assign(this.origins, { compare: order(this.origins) });
    const keyed = { countersMax: COUNTERS_MAX, key: DIGEST_KEY };
    this.counters = saved === undefined ? new DownloadCounters(keyed) : loadCounters(saved, keyed);
    if (saved !== undefined) {
      this.#setTime(this.#expiring);
      loadStore(saved, this.#expiring);
    }
    const epoch = clock.wallMs();
    this.webEpoch = webEpoch(epoch);
    this.replicator = new Replicator(
      { ...scenario.limits, id, name: id, software: '', epoch, addresses: [] },
      {
        store: this.#view(REPLICATING),
        changeRings: ANNOUNCING.map((thread) => new ChangeRingReader(replication, thread)),
        transport: bus.join(id),
        clock,
        random: new Prng(random.next()),
        origins: this.origins,
        counters: this.counters,
        log: {
          log: (level, msg, fields) => say(`${id} ${level} ${msg} ${JSON.stringify(fields)}`),
        },
      },
    );
    this.replicator.start();
  }

  tick(): void {
    this.replicator.tick();
  }

  /** Looks at every peer once. */
  expire(): void {
    this.#setTime(this.#expiring);
    while (this.#expiry.step(1_000));
  }

  save(): SavedState {
    this.#setTime(this.#expiring);
    return saveState({
      store: this.#expiring,
      counters: this.counters,
      origins: this.#originIds,
      second: this.clock.monotonicSeconds(),
    });
  }

  /** Takes an announce on one of its threads, and tells the oracle what came of it. */
  announce(peer: SimPeer, event: SimEvent, thread: number): void {
    const store = this.#announcing[thread % this.#announcing.length];
    this.#setTime(store);
    const query = queryOf(peer, event, { node: this.id, epoch: this.webEpoch });
    store.scrape(query.infoHash, this.#entry);
    const before = this.#entry.downloads;
    store.announce(query, this.#reply);
    this.#oracle.counted(`${peer.swarm}`, this.#reply.downloads - before);
    const words = query.family === 4 ? 3 : 9;
    const key = peerKey(peer.swarm, query.wire, words);
    const hash = store.index.hash(query.infoHash, 0);
    const shard = store.lockShard(store.index.shardOf(hash));
    const record = store.index.find(hash, query.infoHash, 0);
    const kinds = query.family === PeerFamily.web ? 4 : query.family === 4 ? 0 : 2;
    const kind = record < 0 ? -1 : store.table.locate(record, kinds, words, query.wire);
    if (kind >= 0) {
      const { foundStamp, foundSeenAndFlags } = store.table;
      const role = describeRole(kind, (foundSeenAndFlags & (0x2000 << 16)) !== 0);
      const slot = (foundSeenAndFlags >>> 16) & 0xfff;
      this.#oracle.heard(key, { stamp: foundStamp, origin: this.origins.idOf(slot), role });
    } else {
      const { replication, seconds } = store;
      const number = store.index.shardOf(hash);
      if (replication?.findTombstone(number, query.infoHash, query.wire, words, seconds)) {
        const { stamp, origin } = replication.tombstones;
        this.#oracle.heard(key, { stamp, origin: this.origins.idOf(origin), role: undefined });
      }
    }
    store.unlockShard(shard);
  }

  /** Digest of all peers. */
  get root(): string {
    return this.#digest.root();
  }

  /** The digest computed from nothing but the peers: always the same as `root`. */
  get recomputedRoot(): string {
    return rootOf(recomputeCells(this.#expiring));
  }

  /** Every peer with its role, one line each, sorted. */
  get peers(): string[] {
    this.#setTime(this.#expiring);
    const lines: string[] = [];
    let swarm = 0;
    this.#walk({
      swarm: (words, at) => {
        swarm = words[at + 4];
      },
      peer: ({ wire, kind, partialSeed }) => {
        lines.push(`${peerKey(swarm, wire, wordsOf(kind))} ${describeRole(kind, partialSeed)}`);
      },
    });
    return lines.sort();
  }

  /** Runs of trackers that web peers are said to be connected to, `id epoch`. */
  get webHolders(): Set<string> {
    this.#setTime(this.#expiring);
    const holders = new Set<string>();
    this.#walk({
      swarm: () => {},
      peer: ({ wireBytes, kind }) => {
        if (kind < WEB_KINDS) return;
        holders.add(`${webNode(wireBytes, 0)} ${webEpochOf(wireBytes, 0)}`);
      },
    });
    return holders;
  }

  /** Swarms that have downloads, as the store has them, one line each, sorted. */
  get downloads(): string[] {
    const lines: string[] = [];
    this.#walk({
      swarm: (words, at, downloads) => {
        if (downloads > 0) lines.push(`${words[at + 4]} ${downloads}`);
      },
      peer: () => {},
    });
    return lines.sort();
  }

  /** Where, when and by whom a peer was heard last, or that it left: for people. */
  describe(swarm: number): string[] {
    const lines: string[] = [];
    let at = 0;
    this.#walk({
      swarm: (words, first) => {
        at = words[first + 4];
      },
      peer: (word) => {
        if (at !== swarm) return;
        const { wire, kind, stamp, origin, partialSeed, ageSeconds } = word;
        const key = peerKey(swarm, wire, wordsOf(kind));
        const role = describeRole(kind, partialSeed);
        lines.push(`${key} ${role} stamp ${stamp} of ${this.origins.idOf(origin)} ${ageSeconds} s`);
      },
    });
    return lines.sort();
  }

  #walk(visitor: ConstructorParameters<typeof CellWalk>[1]): void {
    const walk = new CellWalk(this.#expiring, visitor);
    while (walk.step(1_000_000));
  }

  #view(thread: number): SwarmStore {
    const store = new SwarmStore(this.#memory, { thread, seed: thread });
    this.#setTime(store);
    return store;
  }

  #setTime(store: SwarmStore): void {
    store.setTime(this.clock.monotonicSeconds(), this.clock.wallMs());
  }
}

export function describeRole(kind: number, partialSeed: boolean): string {
  return (kind & 1) === 0 ? 'seeder' : partialSeed ? 'partial seed' : 'leecher';
}

function peerKey(swarm: number, wire: Uint16Array, words: number): string {
  const bytes = Buffer.from(wire.buffer, wire.byteOffset, 2 * words);
  return `${swarm}/${bytes.toString('hex')}`;
}
