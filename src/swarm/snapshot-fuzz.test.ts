/**
 * Files whose checksums are right and whose content is not, as only a bug or somebody with access to
 * the data directory makes them: refused, or loaded into a store that is in order.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import { AnnounceReply } from '../protocol/announce.js';
import { reserveStore, type StoreMemory } from './layout.js';
import { PeerQuery } from './query.js';
import { CHUNK_HEAD_BYTES, HEADER_BYTES, SnapshotDamagedError } from './snapshot-format.js';
import { loadSnapshot } from './snapshot-reader.js';
import { saveSnapshot } from './snapshot-writer.js';
import { auditStore } from './store-audit.testing.js';
import { SwarmStore } from './swarm-store.js';
import { storeTotals } from './totals.js';

const WALL_MS = 1_700_000_000_000;
const ROUNDS = 600;
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'trackerbt-fuzz-'));
  path = join(directory, 'store');
});
afterEach(() => rmSync(directory, { recursive: true }));

function newStore(): { store: SwarmStore; memory: StoreMemory } {
  const memory = reserveStore({ peersMax: 400, swarmsMax: 60, shards: 2 });
  const store = new SwarmStore(memory, { thread: 1, seed: 3 });
  store.setTime(1_000, WALL_MS);
  return { store, memory };
}

/** The payloads of the chunks of a file. */
function payloadsOf(file: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = HEADER_BYTES; at < file.length; ) {
    const end = at + CHUNK_HEAD_BYTES + file.readUInt32LE(at);
    payloads.push(Buffer.from(file.subarray(at + CHUNK_HEAD_BYTES, end)));
    at = end;
  }
  return payloads;
}

/** A file of these payloads, with right lengths and sums. */
function fileOf(header: Buffer, payloads: readonly Buffer[]): Buffer {
  header.writeUInt32LE(crc32(header.subarray(16)), 12);
  const chunks = payloads.map((payload) => {
    const head = Buffer.alloc(CHUNK_HEAD_BYTES);
    head.writeUInt32LE(payload.length, 0);
    head.writeUInt32LE(crc32(payload), 4);
    return Buffer.concat([head, payload]);
  });
  return Buffer.concat([header, ...chunks]);
}

/** Changes one thing about the header, a chunk, or their order. */
function mutate(random: Prng, header: Buffer, payloads: Buffer[]): void {
  const i = random.below(payloads.length);
  const payload = payloads[i];
  const at = random.below(payload.length + 1);
  switch (random.below(9)) {
    case 0:
      header[16 + random.below(16)] = random.next();
      break;
    case 1:
      payloads[i] = payload.subarray(0, at);
      break;
    case 2:
      payloads[i] = Buffer.concat([payload, payload.subarray(at)]);
      break;
    case 3:
      payloads.splice(random.below(payloads.length), 0, payload);
      break;
    case 4:
      payloads.splice(i, 1);
      break;
    case 5:
      payloads.reverse();
      break;
    case 6:
      payloads[i] = Buffer.concat([payload.subarray(at), payload.subarray(0, at)]);
      break;
    default:
      // Most often a byte: counts, kinds, tags, downloads, ages, flags.
      for (let n = 1 + random.below(3); n > 0; n--) {
        const values = [0, 1, 2, 3, 4, 0x7f, 0x80, 0xff, random.next() & 0xff];
        payload[random.below(Math.max(1, payload.length))] = values[random.below(values.length)];
      }
  }
}

describe('a saved store with right sums and wrong content', () => {
  const seed = testSeed();

  it(`is refused, or loaded into a store that is in order (seed ${seed})`, () => {
    const { store } = newStore();
    const query = new PeerQuery();
    for (let i = 0; i < 300; i++) {
      query.infoHash.fill(i < 150 ? 1 : i % 50);
      query.family = i % 3 === 0 ? 6 : 4;
      query.wireBytes.set([10, 0, i >>> 8, i, 0x1a, 0xe1], 0);
      query.seeder = i % 2 === 0;
      query.completed = i % 10 === 0;
      query.partialSeed = i % 11 === 0;
      store.announce(query, new AnnounceReply());
    }
    saveSnapshot(store, path, { wallMs: WALL_MS, lockTimeoutMs: 1_000 });
    const good = readFileSync(path);
    const random = new Prng(seed);
    const outcomes = { refused: 0, loaded: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const header = Buffer.from(good.subarray(0, HEADER_BYTES));
      const payloads = payloadsOf(good);
      for (let n = 1 + random.below(2); n > 0 && payloads.length > 0; n--) {
        mutate(random, header, payloads);
      }
      writeFileSync(path, fileOf(header, payloads));
      const copy = newStore();
      const load = () =>
        loadSnapshot(copy.store, path, { peerTtlSeconds: 3_000, wallMs: WALL_MS + 1_000 });
      try {
        load();
        outcomes.loaded++;
      } catch (error) {
        if (!(error instanceof SnapshotDamagedError)) {
          throw new Error(`seed ${seed}, round ${round}`, { cause: error });
        }
        outcomes.refused++;
        expect(storeTotals(copy.store)).toMatchObject({ peers: 0, swarms: 0 });
      }
      auditStore(copy.store, copy.memory);
    }
    expect(outcomes.refused).toBeGreaterThan(0);
    expect(outcomes.loaded).toBeGreaterThan(0);
  });
});
