import { describe, expect, it } from 'vitest';
import { AnnounceReply, ScrapeEntry } from '../protocol/announce.js';
import { ChangeRingReader } from './change-ring.js';
import { reserveStore, type StoreMemory } from './layout.js';
import {
  PROBE_ANSWERS_MAX,
  ProbeAnswers,
  ProbeAnswersWriter,
  reserveProbeAnswers,
} from './probe-answers.js';
import { Outcome, PeerQuery } from './query.js';
import { reserveReplication } from './replication-memory.js';
import { ScrapeBatch } from './scrape-batch.js';
import { SwarmStore } from './swarm-store.js';

const hash = (first: number, rest = 7) => Int32Array.of(first, rest, 3, 4, 5);

function table() {
  const memory = reserveProbeAnswers();
  return { memory, writer: new ProbeAnswersWriter(memory), answers: new ProbeAnswers(memory) };
}

function countsOf(answers: ProbeAnswers, of: Int32Array, seconds: number) {
  const entry = new ScrapeEntry();
  if (!answers.read(of, 0, seconds, entry)) return undefined;
  return [entry.seeders, entry.downloads, entry.leechers];
}

describe('answers to probes', () => {
  it('are the counts of the challenge, until it ends', () => {
    const { writer, answers } = table();
    expect(countsOf(answers, hash(1), 100)).toBeUndefined();
    writer.put(hash(1), [11, 22, 33], 160, 100);
    expect(countsOf(answers, hash(1), 159)).toEqual([11, 22, 33]);
    expect(countsOf(answers, hash(1, 8), 159)).toBeUndefined();
    expect(countsOf(answers, hash(1), 160)).toBeUndefined();
  });

  it('hold a challenge once, however often it comes', () => {
    const { writer, answers } = table();
    for (let i = 0; i < 10; i++) writer.put(hash(1), [i, i, i], 160 + i, 100);
    for (let way = 1; way < 4; way++) writer.put(hash(1, way), [way, way, way], 150, 100);
    expect(countsOf(answers, hash(1), 168)).toEqual([9, 9, 9]);
    for (let way = 1; way < 4; way++) {
      expect(countsOf(answers, hash(1, way), 149)).toEqual([way, way, way]);
    }
  });

  it('of one set: the challenge that ends first makes room', () => {
    const { writer, answers } = table();
    for (let i = 0; i < 5; i++) writer.put(hash(64 * i), [i, i, i], 200 + i, 100);
    expect(countsOf(answers, hash(0), 150)).toBeUndefined();
    for (let i = 1; i < 5; i++) expect(countsOf(answers, hash(64 * i), 150)).toEqual([i, i, i]);
  });

  it('are bounded', () => {
    const { writer, answers } = table();
    for (let i = 0; i < 10_000; i++) writer.put(hash(i), [1, 1, 1], 200, 100);
    let known = 0;
    for (let i = 0; i < 10_000; i++) if (answers.has(hash(i), 0, 150)) known++;
    expect(known).toBe(PROBE_ANSWERS_MAX);
  });
});

describe('a store with answers to probes', () => {
  function open() {
    const probeAnswers = reserveProbeAnswers();
    const limits = { peersMax: 100, swarmsMax: 100, shards: 1 };
    const memory: StoreMemory = { ...reserveStore(limits), probeAnswers };
    const store = new SwarmStore(memory, { thread: 1, seed: 1 });
    store.setTime(100, 1_700_000_000_000);
    return { store, writer: new ProbeAnswersWriter(probeAnswers) };
  }

  function bytesOf(...hashes: Int32Array[]): Uint8Array {
    const bytes = Buffer.alloc(20 * hashes.length);
    const words = hashes.flatMap((each) => [...each]);
    words.forEach((word, i) => {
      bytes.writeInt32BE(word, 4 * i);
    });
    return bytes;
  }

  it('answers a scrape of a challenge, alone or among swarms, and of nothing else', () => {
    const { store, writer } = open();
    writer.put(hash(-5), [2 ** 31 - 1, 0, 9], 200, 100);
    const entry = new ScrapeEntry();
    store.scrape(hash(-5), entry);
    expect(entry).toMatchObject({ seeders: 2 ** 31 - 1, downloads: 0, leechers: 9 });
    const batch = new ScrapeBatch(store, 3);
    batch.look(bytesOf(hash(1), hash(-5), hash(2)), 0, 3);
    batch.read(1, entry);
    expect(entry).toMatchObject({ seeders: 2 ** 31 - 1, downloads: 0, leechers: 9 });
    batch.read(2, entry);
    expect(entry).toMatchObject({ seeders: 0, downloads: 0, leechers: 0 });
    store.setTime(200, 1_700_000_100_000);
    store.scrape(hash(-5), entry);
    expect(entry.leechers).toBe(0);
  });

  it('tells nobody of a stop at a challenge, which is a minder that probes', () => {
    const limits = { peersMax: 100, swarmsMax: 100, shards: 1 };
    const probeAnswers = reserveProbeAnswers();
    const replication = reserveReplication({
      limits,
      threads: 1,
      digestKey: new Uint8Array(16),
      tombstonesMax: 16,
      ringRecords: 16,
      peerTtlSeconds: 100,
      remoteExtraSeconds: 50,
    });
    const memory: StoreMemory = { ...reserveStore(limits), probeAnswers, replication };
    const store = new SwarmStore(memory, { thread: 1, seed: 1 });
    store.setTime(100, 1_700_000_000_000);
    new ProbeAnswersWriter(probeAnswers).put(hash(1), [5, 6, 7], 200, 100);
    const changes = new ChangeRingReader(replication, 1);
    const stop = (of: Int32Array) => {
      const query = new PeerQuery();
      query.infoHash.set(of);
      query.wireBytes.set([192, 0, 2, 1, 1, 1]);
      query.stopped = true;
      return store.announce(query, new AnnounceReply());
    };
    expect(stop(hash(1))).toBe(Outcome.done);
    expect(changes.length).toBe(0);
    expect(stop(hash(2))).toBe(Outcome.done);
    expect(changes.length).toBe(1);
  });

  it('believes a swarm before a challenge', () => {
    const { store, writer } = open();
    writer.put(hash(1), [5, 6, 7], 200, 100);
    const query = new PeerQuery();
    query.infoHash.set(hash(1));
    query.wireBytes.set([192, 0, 2, 1, 1, 1]);
    store.announce(query, new AnnounceReply());
    const entry = new ScrapeEntry();
    store.scrape(hash(1), entry);
    expect(entry).toMatchObject({ seeders: 0, leechers: 1 });
  });
});
