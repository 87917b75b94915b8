/** A node in miniature for tests of replication: a store, what it tells, and what it is told. */
import { expect } from 'vitest';
import { AnnounceReply, ScrapeEntry } from '../protocol/announce.js';
import { CellWalk, type CellWalkOptions } from './cell-walk.js';
import { ChangeRingReader, type PeerChange } from './change-ring.js';
import { DigestReader, rootOf } from './digest.js';
import { recomputeCells } from './digest.testing.js';
import { Expiry } from './expiry.js';
import { reserveStore, Swarm } from './layout.js';
import { peerKey } from './naive-store.testing.js';
import { PeerWord } from './peer-word.js';
import { type PeerFamily, PeerQuery } from './query.js';
import { type Applied, Replica } from './replica.js';
import { CELL_WORDS, CELLS, reserveReplication } from './replication-memory.js';
import { SwarmStore } from './swarm-store.js';
import { storeTotals } from './totals.js';
import { StoreWalk } from './walk.js';

export const TTL = 100;
export const EXTRA = 60;
const START_SECONDS = 1_000;

/** A store that replicates, with the ends of what it tells and takes. */
export class Node {
  readonly store: SwarmStore;
  readonly replica: Replica;
  readonly changes: ChangeRingReader;
  readonly digest: DigestReader;
  readonly query = new PeerQuery();
  readonly reply = new AnnounceReply();
  readonly memory;
  seconds = START_SECONDS;

  /** `number` names the node in the cluster; slot `s` of another node is its number + 1. */
  constructor(
    readonly number: number,
    {
      peersMax = 50_000,
      ringRecords = 1 << 16,
      tombstonesMax = 1 << 16,
      alignsExpiry = false,
    } = {},
  ) {
    const limits = { peersMax, swarmsMax: 2_000, shards: 4 };
    const replication = reserveReplication({
      limits,
      threads: 1,
      digestKey: Uint8Array.from({ length: 16 }, (_, i) => i),
      tombstonesMax,
      ringRecords,
      peerTtlSeconds: TTL,
      remoteExtraSeconds: EXTRA,
      alignsExpiry,
    });
    this.memory = { ...reserveStore(limits), replication };
    this.store = new SwarmStore(this.memory, { thread: 1, seed: 1 });
    const numberOf = (slot: number) => (slot === 0 ? number : slot - 1);
    const compareOrigins = (a: number, b: number) => numberOf(a) - numberOf(b);
    this.replica = new Replica(this.store, { compareOrigins });
    this.changes = new ChangeRingReader(replication, 1);
    this.digest = new DigestReader(replication);
    this.setTime(0);
  }

  /** Seconds since the start; `skewMs` is how far this node's clock is ahead. */
  setTime(second: number, skewMs = 0): void {
    this.seconds = START_SECONDS + second;
    this.store.setTime(this.seconds, 1_000_000_000 + second * 1_000 + skewMs);
  }

  announce(peer: Partial<Announce>): number {
    const { query } = this;
    const { swarm = 1, host = 1, family = 4 } = peer;
    query.infoHash.fill(swarm);
    query.family = family;
    query.wireBytes.fill(0);
    query.wireBytes.set([10, host >>> 16, host >>> 8, host], 0);
    // A web peer's wire ends with zeros, and so is never that of an IPv6 peer.
    query.wireBytes.set([0x1a, 0xe1], family === 4 ? 4 : family === 6 ? 16 : 12);
    query.stopped = peer.stopped ?? false;
    query.seeder = peer.seeder ?? false;
    query.completed = peer.completed ?? false;
    query.partialSeed = peer.partialSeed ?? false;
    query.started = peer.started ?? false;
    return this.store.announce(query, this.reply);
  }

  /** Everything told since the last call. */
  drain(): Told[] {
    const told: Told[] = [];
    while (this.changes.length > 0) {
      this.changes.drain(1_000, (change) => told.push(toldOf(change, this.number)));
    }
    return told;
  }

  apply(told: Told): Applied {
    const word = new PeerWord();
    const origin = told.node === this.number ? 0 : told.node + 1;
    Object.assign(word, { ...told.word, origin });
    word.wireBytes.set(told.wire);
    this.replica.begin(Int32Array.from(told.infoHash));
    const applied = this.replica.apply(word);
    this.replica.end();
    return applied;
  }

  scrape(swarm: number): ScrapeEntry {
    const entry = new ScrapeEntry();
    this.store.scrape(new Int32Array(5).fill(swarm), entry);
    return entry;
  }

  expire(): void {
    const expiry = new Expiry(this.store, { peerTtlSeconds: TTL, emptySwarmSeconds: 1_000 });
    for (let pass = 0; pass < 3; pass++) while (expiry.step(100));
  }

  /** Everything stored, `swarm/wire` to role, as a walk tells it. */
  contents(options: CellWalkOptions = {}): Map<string, string> {
    const found = new Map<string, string>();
    let swarm = '';
    const walk = new CellWalk(
      this.store,
      {
        swarm: (words, at) => {
          swarm = words.subarray(at, at + 5).join();
        },
        peer: (word) => {
          const key = `${swarm}/${peerKey(word.wireBytes, 0, word.kind < 2 ? 4 : 6)}`;
          found.set(key, roleOf(word));
        },
      },
      options,
    );
    while (walk.step(50));
    return found;
  }
}

export interface Announce {
  swarm: number;
  host: number;
  family: PeerFamily;
  stopped: boolean;
  seeder: boolean;
  completed: boolean;
  partialSeed: boolean;
  started: boolean;
}

/** A change on its way from one node to others. */
export interface Told {
  node: number;
  infoHash: number[];
  wire: Uint8Array;
  word: Pick<PeerWord, 'kind' | 'stopped' | 'partialSeed' | 'completed' | 'stamp' | 'ageSeconds'>;
  download: boolean;
  refresh: boolean;
}

function toldOf(change: PeerChange, node: number): Told {
  const { kind, stopped, partialSeed, completed, stamp, ageSeconds, download, refresh } = change;
  return {
    node,
    infoHash: [...change.infoHash],
    wire: change.wireBytes.slice(),
    word: { kind, stopped, partialSeed, completed, stamp, ageSeconds },
    download,
    refresh,
  };
}

export const roleOf = ({ kind, partialSeed }: Pick<PeerWord, 'kind' | 'partialSeed'>) =>
  (kind & 1) === 0 ? 'seeder' : partialSeed ? 'partial seed' : 'leecher';

export const keyOf = ({ infoHash, wire, word }: Told) =>
  `${infoHash.join()}/${peerKey(wire, 0, word.kind < 2 ? 4 : 6)}`;

/** Digests are those of what is stored, and the same on all nodes; so are the counts. */
export function expectSame(nodes: readonly Node[], label = ''): void {
  const [first] = nodes;
  for (const node of nodes) {
    const cells = new Int32Array(CELLS * CELL_WORDS);
    node.digest.cells(cells);
    expect(cells, `${label}: cells kept and recomputed`).toEqual(recomputeCells(node.store));
    expect(node.digest.root(), label).toBe(rootOf(cells));
    expect(node.digest.root(), `${label}: digests`).toBe(first.digest.root());
    const {
      arenaBytes: _a,
      droppedFull: _d,
      expired: _e,
      swarms: _s,
      ...totals
    } = storeTotals(node.store);
    expect(storeTotals(first.store), label).toMatchObject(totals);
    // An empty swarm stays where its downloads were counted, which are not told here.
    expect(uselessSwarms(node.store), `${label}: swarms without anything`).toBe(0);
  }
}

/** Swarms that have neither peers nor downloads. */
function uselessSwarms(store: SwarmStore): number {
  let count = 0;
  const visitor = {
    swarm(_shard: number, record: number): void {
      const isKept = store.records[record + Swarm.downloads] > 0;
      if (!isKept && store.peersOf(record) === 0) count++;
    },
    leaf(): void {},
    swarmDone(): void {},
  };
  const options = { restartsMax: 0, lockTimeoutMs: Number.POSITIVE_INFINITY };
  const walk = new StoreWalk(store, visitor, options);
  while (walk.step(1_000));
  return count;
}
