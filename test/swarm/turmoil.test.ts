/**
 * Everything that changes a store at once, about the same few peers: threads that announce, one that
 * applies what other trackers say, and one that expires, forgets nodes, walks and saves. Whatever
 * came of it, the books must be right: counts, digests and memory. Runs from built files.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { testSeed } from '../../src/lib/prng.js';
import { CellWalk } from '../../src/swarm/cell-walk.js';
import { ChangeRingReader } from '../../src/swarm/change-ring.js';
import { DigestReader } from '../../src/swarm/digest.js';
import { recomputeCells } from '../../src/swarm/digest.testing.js';
import { Expiry } from '../../src/swarm/expiry.js';
import { Global, PEER_KINDS, reserveStore, WEB_KINDS } from '../../src/swarm/layout.js';
import { peerKey } from '../../src/swarm/naive-store.testing.js';
import { originRemoval, type PeerRemoval } from '../../src/swarm/peer-removal.js';
import type { PeerWord } from '../../src/swarm/peer-word.js';
import { CELL_WORDS, CELLS, reserveReplication } from '../../src/swarm/replication-memory.js';
import { saveSnapshot } from '../../src/swarm/snapshot-writer.js';
import { auditStore } from '../../src/swarm/store-audit.testing.js';
import { SwarmStore } from '../../src/swarm/swarm-store.js';
import { storeTotals } from '../../src/swarm/totals.js';
import { setTurmoilTime, TURMOIL_NET, type TurmoilTask } from '../support/turmoil-worker.js';

const workerFile = new URL('../../dist/test/support/turmoil-worker.js', import.meta.url);
const ANNOUNCERS = [1, 2, 3];
const APPLIER = 4;
const KEEPER = 5;
const SWARMS = 8;
const SHARDS = 2;
const TTL = 12;
const EXTRA = 8;

function reserve(peersMax: number) {
  const limits = { peersMax, swarmsMax: 100, shards: SHARDS };
  const replication = reserveReplication({
    limits,
    threads: KEEPER,
    digestKey: new Uint8Array(16).fill(9),
    // Both overflow.
    tombstonesMax: 1 << 10,
    ringRecords: 1 << 10,
    peerTtlSeconds: TTL,
    remoteExtraSeconds: EXTRA,
    alignsExpiry: true,
  });
  return { ...reserveStore(limits), replication };
}

/** The thread that looks after the store, and reads the rings as well. */
class Keeper {
  readonly store: SwarmStore;
  walks = 0;
  changes = 0;
  readonly #steps: Int32Array;
  readonly #path: string;
  readonly #expiry: Expiry;
  readonly #rings: ChangeRingReader[];
  #removal: PeerRemoval | undefined;
  #walk: CellWalk | undefined;

  constructor(memory: ReturnType<typeof reserve>, steps: Int32Array, path: string) {
    this.store = new SwarmStore(memory, { thread: KEEPER, seed: 1 });
    this.#steps = steps;
    this.#path = path;
    this.#expiry = new Expiry(this.store, { peerTtlSeconds: TTL, emptySwarmSeconds: 30 });
    this.#rings = ANNOUNCERS.map((thread) => new ChangeRingReader(memory.replication, thread));
  }

  step(): void {
    setTurmoilTime(this.store, Atomics.load(this.#steps, 0));
    for (let i = 0; i < 20; i++) this.#expiry.step(500);
    this.#removal ??= originRemoval(this.store, 1 + (this.walks % 5));
    if (!this.#removal.step(2_000)) this.#removal = undefined;
    this.#walk ??= new CellWalk(this.store, { swarm: () => {}, peer: (word) => this.#check(word) });
    if (!this.#walk.step(2_000)) {
      this.#walk = undefined;
      if (this.walks++ % 4 === 0) {
        saveSnapshot(this.store, this.#path, { wallMs: 0, lockTimeoutMs: 10_000 });
      }
    }
    this.#listen();
  }

  #listen(): void {
    for (const ring of this.#rings) {
      this.changes += ring.drain(2_000, (change) => {
        expect(change.infoHash[0]).toBeLessThan(SWARMS);
        expect(change.infoHash[4]).toBe(change.infoHash[0]);
        this.#check(change);
      });
    }
  }

  /** Ends the pass of expiry, and a whole one after it: on a busy machine there was no time for much. */
  finish(): void {
    this.step();
    for (let pass = 0; pass < 2; pass++) while (this.#expiry.step(1_000));
  }

  /** Lets time pass until all peers are too old. */
  empty(): void {
    const seconds = this.store.seconds + 10 * (TTL + EXTRA);
    // A pass misses peers that merges move; with each there are fewer.
    for (let pass = 0; pass < 40; pass++) {
      this.store.setTime(seconds + 100 * pass, 0);
      while (this.#expiry.step(1_000));
    }
  }

  #check({ wireBytes, kind, ageSeconds }: PeerWord): void {
    expect(wireBytes[0]).toBe(TURMOIL_NET);
    expect(wireBytes[kind < 2 ? 5 : kind < WEB_KINDS ? 17 : 12]).toBe(7);
    expect(ageSeconds).toBeLessThanOrEqual(TTL + EXTRA);
  }
}

/** Counts, digest and contents say the same. */
function checkBooks(store: SwarmStore, digest: DigestReader): void {
  const cells = new Int32Array(CELLS * CELL_WORDS);
  digest.cells(cells);
  // A walk leaves out who is too old: nobody is, to one that looks from the time before.
  expect(cells).toEqual(recomputeCells(store));
  const kinds = Array.from({ length: PEER_KINDS }, () => 0);
  const peers = new Set<string>();
  let partialSeeds = 0;
  let swarm = 0;
  const walk = new CellWalk(store, {
    swarm: (words, at) => {
      swarm = words[at];
    },
    peer: (word) => {
      peers.add(`${swarm}/${word.kind >> 1}/${peerKey(word.wireBytes, 0, word.kind < 2 ? 4 : 6)}`);
      kinds[word.kind]++;
      if (word.partialSeed) partialSeeds++;
    },
  });
  while (walk.step(1_000));
  expect(walk.peers, 'nobody twice').toBe(peers.size);
  const totals = storeTotals(store);
  expect(totals).toMatchObject({
    peers: peers.size,
    peers4: kinds[0] + kinds[1],
    webPeers: kinds[4] + kinds[5],
    seeders: kinds[0] + kinds[2] + kinds[4],
    partialSeeds,
  });
  expect(store.control[Global.peers]).toBe(peers.size);
}

describe('a store that everybody changes at once', () => {
  const seed = testSeed();

  it.each([100_000, 3_000])(
    `keeps its books, with room for %i peers (seed ${seed})`,
    async (peersMax) => {
      const memory = reserve(peersMax);
      const clock = new SharedArrayBuffer(4);
      const directory = mkdtempSync(join(tmpdir(), 'trackerbt-turmoil-'));
      try {
        const keeper = new Keeper(memory, new Int32Array(clock), join(directory, 'store'));
        let running = true;
        const workers = [...ANNOUNCERS, APPLIER].map(async (thread) => {
          const role = thread === APPLIER ? 'apply' : 'announce';
          const common = { memory, clock, swarms: SWARMS, hosts: 1_500, steps: 40_000 };
          const task: TurmoilTask = { ...common, role, thread, seed: seed + thread };
          await once(new Worker(workerFile, { workerData: task }), 'message');
        });
        const done = Promise.all(workers).finally(() => {
          running = false;
        });
        while (running) {
          keeper.step();
          await new Promise(setImmediate);
        }
        await done;
        keeper.finish();

        const { store } = keeper;
        const digest = new DigestReader(memory.replication);
        expect(storeTotals(store).expired).toBeGreaterThan(0);
        expect(keeper.changes).toBeGreaterThan(0);
        store.setTime(store.seconds - 3_000, 0);
        checkBooks(store, digest);
        auditStore(store, memory);
        keeper.empty();
        auditStore(store, memory);
        expect(storeTotals(store)).toMatchObject({ peers: 0, swarms: 0, partialSeeds: 0 });
        expect(store.control[Global.swarms], 'records').toBe(0);
        expect(digest.root()).toBe('0000000000000000');
        // A spare region a shard may stay.
        expect(store.control[Global.regionsUsed]).toBeLessThanOrEqual(SHARDS);
      } finally {
        rmSync(directory, { recursive: true });
      }
    },
  );
});
