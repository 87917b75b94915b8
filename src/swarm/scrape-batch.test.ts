import { beforeEach, describe, expect, it } from 'vitest';
import { AnnounceReply, ScrapeEntry } from '../protocol/announce.js';
import { reserveStore } from './layout.js';
import { PeerFamily, PeerQuery } from './query.js';
import { ScrapeBatch } from './scrape-batch.js';
import { SwarmStore } from './swarm-store.js';

let store: SwarmStore;
let batch: ScrapeBatch;

beforeEach(() => {
  const limits = { peersMax: 100, swarmsMax: 100, shards: 2 };
  store = new SwarmStore(reserveStore(limits), { thread: 1, seed: 1 });
  store.setTime(1_000, 1_000_000);
  batch = new ScrapeBatch(store, 3);
});

/** Announces a leecher of swarm `swarm`, whose info hash is that byte twenty times. */
function announce(swarm: number, change: Partial<PeerQuery> = {}): void {
  const query = Object.assign(new PeerQuery(), change);
  query.setInfoHash(new Uint8Array(20).fill(swarm), 0);
  store.announce(query, new AnnounceReply());
}

/** Looks three swarms up, lets something happen, and reads how many leechers they have. */
function leechers(swarms: readonly number[], meanwhile: () => void = () => {}): number[] {
  const bytes = Uint8Array.from(swarms.flatMap((swarm) => new Array<number>(20).fill(swarm)));
  batch.look(bytes, 0, swarms.length);
  meanwhile();
  const entry = new ScrapeEntry();
  return swarms.map((_, i) => {
    batch.read(i, entry);
    return entry.leechers;
  });
}

describe('scrape of many swarms', () => {
  it('tells the counts of each, zeros of one that is not known', () => {
    announce(1);
    announce(3, { family: PeerFamily.web });
    expect(leechers([1, 2, 3])).toEqual([1, 0, 1]);
  });

  it('finds a swarm that the look without a lock missed', () => {
    expect(leechers([1, 2, 3], () => announce(2))).toEqual([0, 1, 0]);
  });

  it('does not take the counts of a swarm that got the record of another', () => {
    announce(1);
    const replace = () => {
      announce(1, { stopped: true });
      announce(9);
    };
    expect(leechers([1, 2, 3], replace)).toEqual([0, 0, 0]);
    expect(leechers([9])).toEqual([1]);
  });
});
