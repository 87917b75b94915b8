import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { createLogger } from '../lib/log.js';
import { noCounts } from './admin-counters.js';
import { FAKE_STATS, FakeMinderSource, FakeSource } from './fake-source.testing.js';
import { LiveFeed, type LiveListener } from './live-feed.js';
import { TICK_LINKS_MAX, type Tick } from './tick.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Reads what it is sent, unless it stands still. */
class FakeListener implements LiveListener {
  readonly heard: string[] = [];
  isStill = false;
  writableLength = 0;
  end = vi.fn();
  destroy = vi.fn();

  write(bytes: Uint8Array): void {
    this.heard.push(Buffer.from(bytes).toString());
    if (this.isStill) this.writableLength += bytes.length;
  }

  get ticks(): Tick[] {
    return this.heard
      .filter((text) => text.startsWith('event: tick\n'))
      .map((text) => {
        expect(text).toMatch(/^event: tick\ndata: [^\n]+\n\n$/);
        return JSON.parse(text.slice('event: tick\ndata: '.length));
      });
  }
}

function rig({
  listenersMax = 4,
  source = new FakeSource() as FakeSource | FakeMinderSource,
} = {}) {
  const clock = new ManualClock();
  const counters = noCounts();
  const logged: string[] = [];
  const output = { write: (line: string) => logged.push(line) };
  const logger = createLogger({ level: 'info', format: 'json', name: 'test' }, { output });
  const feed = new LiveFeed({ listenersMax }, { source, clock, counters, logger });
  const stats = vi.spyOn(source, 'stats');
  const seconds = (count: number) => {
    for (let i = 0; i < count; i++) {
      clock.advance(1);
      vi.advanceTimersByTime(1_000);
    }
  };
  return { feed, source, clock, counters, seconds, stats, logged };
}

/** The fake's numbers with so many announces over UDP. */
function announced(announces: number) {
  return { ...FAKE_STATS, udp: { ...FAKE_STATS.udp, announces } };
}

describe('the live feed', () => {
  it('sends a tick at once and one each second', () => {
    const { feed, seconds } = rig();
    feed.start();
    const listener = new FakeListener();
    expect(feed.join(listener)).toBe(true);
    expect(listener.ticks).toHaveLength(1);
    seconds(3);
    expect(listener.ticks).toHaveLength(4);
    const [first, second] = listener.ticks;
    expect(second.atMs - first.atMs).toBe(1_000);
    expect(first.stats).toMatchObject({ role: 'tracker', name: FAKE_STATS.name });
    expect(first.cluster.self).toBe('n1');
    expect(first.busiest).toEqual([
      { info_hash: 'ab'.repeat(20), seeders: 3, leechers: 2, web_peers: 1, downloads: 9 },
    ]);
    expect(first.stats.admin.liveListeners).toBe(0);
    expect(second.stats.admin.liveListeners).toBe(1);
  });

  it('tells the rates of the last second', () => {
    const { feed, seconds, source } = rig();
    const tracker = source as FakeSource;
    feed.start();
    const listener = new FakeListener();
    feed.join(listener);
    seconds(1);
    tracker.statistics = announced(FAKE_STATS.udp.announces + 250);
    seconds(1);
    seconds(1);
    const rates = listener.ticks.map(({ values }) => values.announces_udp4);
    expect(rates.slice(1)).toEqual([0, 250, 0]);
  });

  it('encodes a tick once, however many listen', () => {
    const { feed, seconds, stats } = rig();
    feed.start();
    const bytes: Uint8Array[] = [];
    for (let i = 0; i < 3; i++) {
      const listener = new FakeListener();
      vi.spyOn(listener, 'write').mockImplementation((each) => void bytes.push(each));
      feed.join(listener);
    }
    const before = stats.mock.calls.length;
    bytes.length = 0;
    seconds(1);
    expect(bytes).toHaveLength(3);
    expect(new Set(bytes).size).toBe(1);
    expect(stats.mock.calls.length - before).toBe(1);
  });

  it('looks at an unwatched node every five seconds only, and each second for a while after a question', () => {
    const { feed, seconds, stats } = rig();
    feed.start();
    stats.mockClear();
    seconds(20);
    expect(stats).toHaveBeenCalledTimes(4);
    feed.now();
    stats.mockClear();
    seconds(9);
    expect(stats).toHaveBeenCalledTimes(9);
    seconds(20);
    expect(stats.mock.calls.length).toBeLessThan(9 + 6);
  });

  it('answers with the tick of this second, and with a new one when that is old', () => {
    const { feed, clock, stats } = rig();
    const first = feed.now();
    expect(feed.now()).toBe(first);
    expect(stats).toHaveBeenCalledTimes(1);
    clock.advance(30);
    const second = feed.now();
    expect(second.atMs - first.atMs).toBe(30_000);
    expect(second.values.announces_udp4).toBe(0);
  });

  it('keeps an hour of averages over five seconds', () => {
    const { feed, seconds, source } = rig();
    feed.start();
    seconds(4);
    (source as FakeSource).statistics = announced(FAKE_STATS.udp.announces + 1_000);
    seconds(6);
    const { stepSeconds, atMs, series } = feed.history();
    expect(stepSeconds).toBe(5);
    expect(atMs).toHaveLength(2);
    expect(atMs[1] - atMs[0]).toBe(5_000);
    expect(series.announces_udp4).toEqual([200, 0]);
    expect(series.peers).toEqual([60, 60]);
    seconds(5 * 800);
    expect(feed.history().atMs).toHaveLength(720);
  });

  it('has no more listeners than it may', () => {
    const { feed, counters } = rig({ listenersMax: 2 });
    const [a, b, c] = [new FakeListener(), new FakeListener(), new FakeListener()];
    expect([a, b, c].map((each) => feed.join(each))).toEqual([true, true, false]);
    expect(c.heard).toEqual([]);
    expect(counters).toMatchObject({ liveListeners: 2, liveRefused: 1 });
    feed.leave(a);
    feed.leave(a);
    expect(feed.join(c)).toBe(true);
    expect(counters.liveListeners).toBe(2);
  });

  it('holds one tick at most for a listener that does not read, and cuts it after ten', () => {
    const { feed, seconds, counters } = rig();
    feed.start();
    const [still, other] = [new FakeListener(), new FakeListener()];
    still.isStill = true;
    feed.join(still);
    feed.join(other);
    seconds(9);
    expect(still.heard).toHaveLength(1);
    expect(still.destroy).not.toHaveBeenCalled();
    seconds(1);
    expect(still.destroy).toHaveBeenCalledOnce();
    expect(counters).toMatchObject({ liveCut: 1, liveSkipped: 10, liveListeners: 1 });
    seconds(1);
    expect(still.heard).toHaveLength(1);
    expect(other.ticks).toHaveLength(12);
  });

  it('goes on with a slow listener that reads in the end', () => {
    const { feed, seconds } = rig();
    feed.start();
    const slow = new FakeListener();
    slow.isStill = true;
    feed.join(slow);
    for (let i = 0; i < 5; i++) {
      seconds(9);
      slow.writableLength = 0;
      seconds(1);
    }
    expect(slow.destroy).not.toHaveBeenCalled();
    expect(slow.ticks).toHaveLength(6);
  });

  it('shows that the connection lives while there are no ticks, and says once why', () => {
    const { feed, seconds, source, logged } = rig();
    feed.start();
    const listener = new FakeListener();
    feed.join(listener);
    source.stats = () => {
      throw new Error('the store is locked');
    };
    seconds(30);
    expect(listener.ticks).toHaveLength(1);
    expect(listener.heard.filter((text) => text.startsWith(':'))).toHaveLength(2);
    expect(logged.filter((line) => line.includes('the store is locked'))).toHaveLength(1);
  });

  it('ends every stream when it stops, and begins none afterwards', () => {
    const { feed, seconds } = rig();
    feed.start();
    const listener = new FakeListener();
    feed.join(listener);
    feed.stop();
    feed.stop();
    expect(listener.end).toHaveBeenCalledOnce();
    seconds(5);
    expect(listener.ticks).toHaveLength(1);
    expect(feed.join(new FakeListener())).toBe(false);
  });

  it('tells a minder and its name', () => {
    const { feed } = rig({ source: new FakeMinderSource() });
    const { stats, dns, busiest, values } = feed.now();
    expect(stats.role).toBe('minder');
    expect(dns?.zone).toBe('tracker.example.org');
    expect(busiest).toBeUndefined();
    expect(values).toMatchObject({ trackers_healthy: 1, nodes: 2, peers: 60, records: 5.5 });
  });

  it('bounds the links of a tick to the busiest', () => {
    const source = new FakeSource();
    const { nodes, ...view } = source.cluster();
    const links = Array.from({ length: TICK_LINKS_MAX + 5 }, (_, i) => {
      return { from: `a${i}`, to: 'b', recordsPerSecond: i, lagMs: null };
    });
    const many = [
      ...nodes,
      ...Array.from({ length: 600 }, (_, i) => ({ ...nodes[1], id: `m${i}` })),
    ];
    many[1] = { ...many[1], state: 'revoked' };
    source.cluster = () => ({ ...view, nodes: many, links });
    const { cluster } = rig({ source }).feed.now();
    expect(cluster.linksOmitted).toBe(5);
    expect(Math.min(...cluster.links.map((each) => each.recordsPerSecond))).toBe(5);
    expect(cluster.nodes).toHaveLength(500);
    expect(cluster.nodesOmitted).toBe(102);
    expect(cluster.nodes[0].id).toBe('n1');
    expect(cluster.nodes.some(({ state }) => state === 'revoked')).toBe(false);
  });
});
