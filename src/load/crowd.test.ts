import { describe, expect, it } from 'vitest';
import { AnnounceEvent } from '../protocol/announce.js';
import { Crowd, type CrowdOptions, dealTorrents } from './crowd.js';
import { infoHashText, writeInfoHash } from './torrent-names.js';
import { zipfSizes } from './zipf.js';

const options: CrowdOptions = {
  torrents: 50,
  peers: 1_003,
  zipf: 1,
  seeders: 0.3,
  scrapes: 0,
  scrapeHashes: 5,
  churn: 0,
  seed: 7,
  sources: 4,
};

/** What the crowd decided on last, as one string. */
const said = (crowd: Crowd) =>
  [crowd.isScrape, crowd.peer, crowd.torrent, crowd.port, crowd.event, crowd.isSeeder].join();

describe('the names of torrents', () => {
  it('follow from seed and index alone', () => {
    expect(infoHashText(1, 0)).toBe(infoHashText(1, 0));
    expect(infoHashText(1, 0)).toMatch(/^[0-9a-f]{40}$/);
    const out = new Uint8Array(24);
    writeInfoHash(1, 5, out, 2);
    expect(Buffer.from(out.subarray(2, 22)).toString('hex')).toBe(infoHashText(1, 5));
    expect([out[1], out[22]]).toEqual([0, 0]);
  });

  it('differ from each other, and from those of another seed', () => {
    const names = new Set<string>();
    for (let i = 0; i < 20_000; i++) names.add(infoHashText(1, i)).add(infoHashText(2, i));
    expect(names.size).toBe(40_000);
  });
});

describe('the sizes of swarms', () => {
  it('add up, with one peer at least in each, and follow the exponent', () => {
    expect([...zipfSizes(4, 8, 0)]).toEqual([2, 2, 2, 2]);
    const sizes = zipfSizes(100, 10_000, 1);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(10_000);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(1);
    expect(sizes[0] / sizes[9]).toBeCloseTo(10, 0);
  });
});

describe('Crowd', () => {
  it('says the same again with the same seed', () => {
    const [a, b] = [new Crowd(options), new Crowd(options, dealTorrents(options))];
    for (let i = 0; i < 500; i++) {
      a.next(i % 4);
      b.next(i % 4);
      expect(said(a)).toBe(said(b));
    }
  });

  it('fills in every peer once, each as an endpoint of its own in its torrent', () => {
    const crowd = new Crowd(options);
    const peers = new Set<number>();
    const endpoints = new Set<string>();
    let seeders = 0;
    for (let source = 0; source < options.sources; source++) {
      expect(crowd.hasFill(source)).toBe(true);
      while (crowd.nextFill(source)) {
        expect(crowd.event).toBe(AnnounceEvent.started);
        expect(crowd.torrent).toBeLessThan(options.torrents);
        expect(crowd.port).toBeGreaterThanOrEqual(10_000);
        expect(crowd.port).toBeLessThan(65_000);
        peers.add(crowd.peer);
        endpoints.add(`${crowd.torrent}/${source}:${crowd.port}`);
        if (crowd.isSeeder) seeders++;
      }
      expect(crowd.hasFill(source)).toBe(false);
    }
    expect(peers.size).toBe(options.peers);
    expect(endpoints.size).toBe(options.peers);
    expect(seeders / options.peers).toBeCloseTo(0.3, 1);
  });

  it('announces later as the peers that it filled in', () => {
    const filler = new Crowd(options);
    const known = new Set<string>();
    const endpoint = (crowd: Crowd) => `${crowd.peer} ${crowd.torrent} ${crowd.port}`;
    for (let source = 0; source < 4; source++) {
      while (filler.nextFill(source)) known.add(endpoint(filler));
    }
    const crowd = new Crowd(options);
    for (let i = 0; i < 5_000; i++) {
      crowd.next(i % 4);
      expect(known).toContain(endpoint(crowd));
      expect(crowd.event).toBe(AnnounceEvent.none);
    }
  });

  it('mixes in scrapes of known torrents', () => {
    const crowd = new Crowd({ ...options, scrapes: 0.25 });
    let scrapes = 0;
    for (let i = 0; i < 4_000; i++) {
      crowd.next(0);
      if (!crowd.isScrape) continue;
      scrapes++;
      for (const torrent of crowd.scraped) expect(torrent).toBeLessThan(options.torrents);
    }
    expect(scrapes / 4_000).toBeCloseTo(0.25, 1);
  });

  it('has each new peer stop first and start next', () => {
    const crowd = new Crowd({ ...options, churn: 0.2 });
    let starts = 0;
    let leaver = -1;
    for (let i = 0; i < 4_000; i++) {
      crowd.next(1);
      if (leaver >= 0) {
        expect([crowd.event, crowd.peer]).toEqual([AnnounceEvent.started, leaver]);
        leaver = -1;
        starts++;
      } else if (crowd.event === AnnounceEvent.stopped) leaver = crowd.peer;
    }
    expect(starts / 4_000).toBeCloseTo(0.2, 1);
  });

  it('works with fewer peers than sources', () => {
    const crowd = new Crowd({ ...options, torrents: 1, peers: 1, sources: 1 });
    crowd.next(0);
    expect(crowd.peer).toBe(0);
  });
});
