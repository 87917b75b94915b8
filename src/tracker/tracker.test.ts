import { describe, expect, it } from 'vitest';
import { CidrSet } from '../lib/cidr-set.js';
import { ManualClock } from '../lib/clock.js';
import { Endpoint } from '../lib/endpoint.js';
import {
  AnnounceEvent,
  AnnounceReply,
  AnnounceRequest,
  ScrapeEntry,
} from '../protocol/announce.js';
import { Failure } from '../protocol/failure.js';
import { reserveStore } from '../swarm/layout.js';
import { WantFamily } from '../swarm/query.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { createLiveSettings, LiveSettings } from './live-settings.js';
import { Tracker, type TrackerOptions } from './tracker.js';

const OPTIONS: TrackerOptions = {
  intervalSeconds: 1_800,
  minIntervalSeconds: 900,
  intervalJitter: 0.1,
  numwantDefault: 50,
  numwantMax: 200,
};

function fixture(options: Partial<TrackerOptions> = {}, trusted: readonly string[] = []) {
  const memory = reserveStore({ peersMax: 10_000, swarmsMax: 1_000, shards: 4 });
  const store = new SwarmStore(memory, { thread: 1, seed: 1 });
  const trustedIpSources = new CidrSet(trusted);
  const clock = new ManualClock();
  const configured = { ...OPTIONS, ...options };
  const settings = createLiveSettings();
  const tracker = new Tracker(configured, {
    store,
    clock,
    trustedIpSources,
    seed: 5,
    live: new LiveSettings(settings, configured),
  });
  tracker.beginBatch();
  const reply = new AnnounceReply();
  const entry = new ScrapeEntry();
  const announce = (from: string, change: Partial<AnnounceRequest> = {}, numwantMax = 1_000) => {
    const request = Object.assign(new AnnounceRequest(), { port: 6_881 }, change);
    request.infoHash.fill(9);
    return tracker.announce(request, endpoint(from), WantFamily.both, numwantMax, reply);
  };
  const scrape = () => {
    tracker.scrape(new Uint8Array(20).fill(9), 0, 1);
    tracker.scraped(0, entry);
    return { ...entry };
  };
  return { tracker, announce, scrape, reply, cluster: new LiveSettings(settings, configured) };
}

function endpoint(address: string): Endpoint {
  const result = new Endpoint();
  result.setAddressText(address);
  return result;
}

describe('tracker', () => {
  it('refuses an announce without a port, but lets a peer stop without one', () => {
    const { announce, scrape } = fixture();
    expect(announce('192.0.2.1', { port: 0 })).toBe(Failure.portInvalid);
    expect(scrape()).toMatchObject({ leechers: 0 });
    expect(announce('192.0.2.1', { port: 0, event: AnnounceEvent.stopped })).toBe(Failure.none);
  });

  it('gives the default number of peers, what is asked for, and never over the maximum', () => {
    const { announce, reply } = fixture({ numwantDefault: 5, numwantMax: 8 });
    for (let i = 1; i <= 20; i++) announce(`192.0.2.${i}`);
    const told = (numwant: number, numwantMax?: number) => {
      announce('198.51.100.1', { numwant }, numwantMax);
      return reply.count4 + reply.count6;
    };
    expect([told(-1), told(0), told(3), told(8), told(9), told(2 ** 31 - 1)]).toEqual([
      5, 0, 3, 8, 8, 8,
    ]);
    expect(told(8, 4)).toBe(4);
  });

  it('tells each client an interval of its own, at most the configured one', () => {
    const { announce, reply } = fixture();
    const intervals = new Set<number>();
    for (let i = 1; i <= 200; i++) {
      announce(`192.0.2.${i}`);
      intervals.add(reply.intervalSeconds);
      expect(reply.intervalSeconds).toBeLessThanOrEqual(1_800);
      expect(reply.intervalSeconds).toBeGreaterThanOrEqual(1_620);
      expect(reply.minIntervalSeconds).toBe(900);
    }
    expect(intervals.size).toBeGreaterThan(50);
  });

  it('never tells a least interval over the interval', () => {
    const { announce, reply } = fixture({ minIntervalSeconds: 1_800 });
    for (let i = 1; i <= 50; i++) {
      announce(`192.0.2.${i}`);
      expect(reply.minIntervalSeconds).toBeLessThanOrEqual(reply.intervalSeconds);
    }
  });

  it('follows what may change while it runs, from its next batch on', () => {
    const { tracker, announce, reply, cluster } = fixture({ intervalJitter: 0 });
    for (let i = 1; i <= 20; i++) announce(`192.0.2.${i}`);
    cluster.setCluster(600, 3);
    cluster.setDraining(true);
    announce('198.51.100.1');
    expect([reply.intervalSeconds, reply.count4, tracker.draining]).toEqual([1_800, 20, false]);
    tracker.beginBatch();
    announce('198.51.100.1');
    expect([reply.intervalSeconds, reply.minIntervalSeconds, reply.count4]).toEqual([600, 300, 3]);
    expect([tracker.intervalSeconds, tracker.draining]).toEqual([600, true]);
  });

  it('counts completed only with nothing left', () => {
    const { announce, scrape } = fixture();
    announce('192.0.2.1', { event: AnnounceEvent.completed });
    expect(scrape()).toMatchObject({ downloads: 0, leechers: 1 });
    announce('192.0.2.1', { event: AnnounceEvent.completed, leftIsZero: true });
    announce('192.0.2.1', { event: AnnounceEvent.completed, leftIsZero: true });
    expect(scrape()).toMatchObject({ downloads: 1, seeders: 1, leechers: 0 });
  });

  it('takes a paused peer for a partial seed until it announces otherwise', () => {
    const { announce, scrape } = fixture();
    announce('192.0.2.1', { event: AnnounceEvent.paused });
    expect(scrape()).toMatchObject({ leechers: 1, partialSeeds: 1 });
    announce('192.0.2.1');
    expect(scrape()).toMatchObject({ leechers: 1, partialSeeds: 0 });
  });

  it('does not believe another address unless the source is trusted', () => {
    const claim = { claimed4: endpoint('203.0.113.9') };
    const open = fixture();
    open.announce('192.0.2.1', claim);
    open.announce('198.51.100.1');
    expect([...new Uint8Array(open.reply.peers4.buffer, 0, 4)]).toEqual([192, 0, 2, 1]);
    const trusting = fixture({}, ['192.0.2.0/24']);
    trusting.announce('192.0.2.1', claim);
    trusting.announce('198.51.100.1');
    expect([...new Uint8Array(trusting.reply.peers4.buffer, 0, 4)]).toEqual([203, 0, 113, 9]);
  });

  it('keeps the seen address in the reply, whatever the client claims', () => {
    const { announce, reply } = fixture({}, ['192.0.2.0/24']);
    announce('192.0.2.1', { claimed4: endpoint('203.0.113.9') });
    expect(reply.external.toString()).toMatch(/^192\.0\.2\.1:/);
  });

  it('shares the peers wanted between the families, half each where both have enough', () => {
    const { announce, reply } = fixture();
    for (let i = 1; i <= 40; i++) {
      announce(`192.0.2.${i}`);
      if (i <= 30) announce(`2001:db8::${i}`);
    }
    announce('198.51.100.1', { numwant: 20 });
    expect([reply.count4, reply.count6]).toEqual([10, 10]);
    announce('198.51.100.1', { numwant: 66 });
    expect([reply.count4, reply.count6]).toEqual([36, 30]);
  });
});
