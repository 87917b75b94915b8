import { describe, expect, it } from 'vitest';
import { FAKE_CLUSTER, FAKE_MINDER_STATS, FAKE_STATS } from './fake-source.testing.js';
import { HISTORY_POINTS, History } from './history.js';
import { type Look, MINDER_SERIES, seriesBetween, TRACKER_SERIES } from './series.js';

function look(monotonicMs: number, change: Partial<typeof FAKE_STATS> = {}): Look {
  return { monotonicMs, stats: { ...FAKE_STATS, ...change }, cluster: FAKE_CLUSTER };
}

describe('the series of a tracker', () => {
  it('are all there, rates unknown at the first look', () => {
    const values = seriesBetween(undefined, look(0));
    expect(Object.keys(values).sort()).toEqual([...TRACKER_SERIES].sort());
    expect(values).toMatchObject({ announces_udp4: null, drops: null, latency_p50_us: null });
    expect(values).toMatchObject({ peers: 60, web_peers: 10, rss_bytes: 77_777, busy_share: 0.75 });
  });

  it('are what totals grew by a second, whenever the looks were', () => {
    const { udp, http, websocket } = FAKE_STATS;
    const now = look(2_500, {
      udp: { ...udp, announces: udp.announces + 25, announces6: udp.announces6 + 10 },
      http: { ...http, scrapes: http.scrapes + 5, drops: { header_too_large: 13 + 10, newer: 15 } },
      websocket: { ...websocket, announces: websocket.announces + 50 },
    });
    expect(seriesBetween(look(0), now)).toMatchObject({
      announces_udp4: 6,
      announces_udp6: 4,
      announces_http4: 0,
      announces_web: 20,
      scrapes_http: 2,
      drops: 10,
    });
  });

  it('are unknown where a total began anew, and where no time has passed', () => {
    const fewer = look(1_000, { udp: { ...FAKE_STATS.udp, announces: 60 } });
    expect(seriesBetween(look(0), fewer).announces_udp4).toBeNull();
    expect(seriesBetween(look(0), fewer).announces_web).toBe(0);
    expect(seriesBetween(look(5), look(5)).announces_udp4).toBeNull();
  });

  it('tell the latency of what was answered in between, over all protocols', () => {
    const { udp, http, websocket } = FAKE_STATS.latency;
    const now = look(1_000, {
      latency: {
        udp: { ...udp, counts: [1 + 50, 2, 3] },
        http: { ...http, counts: [4, 5 + 50, 0] },
        websocket,
      },
    });
    const values = seriesBetween(look(0), now);
    expect(values.latency_p50_us).toBeCloseTo(1_000);
    expect(values.latency_p99_us).toBeCloseTo(9_820);
    expect(seriesBetween(look(0), look(1_000)).latency_p50_us).toBeNull();
  });
});

describe('the series of a minder', () => {
  it('count who is there, and sum what flows', () => {
    const nodes = FAKE_CLUSTER.nodes.map((node) => ({ ...node, requestsPerSecond: 4 }));
    const gone = { ...nodes[0], state: 'revoked' as const, peers: 1_000 };
    const cluster = { ...FAKE_CLUSTER, nodes: [...nodes, gone] };
    const values = seriesBetween(undefined, { monotonicMs: 0, stats: FAKE_MINDER_STATS, cluster });
    expect(Object.keys(values).sort()).toEqual([...MINDER_SERIES].sort());
    expect(values).toEqual({
      trackers_healthy: 1,
      nodes: 2,
      peers: 60,
      // The other one is unreachable.
      requests: 4,
      records: 5.5,
      rss_bytes: 88_888,
    });
  });
});

describe('the history', () => {
  it('has times that rise when the clock is set back, five seconds apart as they were', () => {
    const history = new History(['peers']);
    for (const at of [100_000, 105_000, 110_000]) history.add(at, { peers: at });
    history.add(40_000, { peers: 1 });
    history.add(45_000, { peers: 2 });
    expect(history.view()).toMatchObject({
      atMs: [25_000, 30_000, 35_000, 40_000, 45_000],
      series: { peers: [100_000, 105_000, 110_000, 1, 2] },
    });
    // A clock that stands is one that went back.
    history.add(45_000, { peers: 3 });
    expect(history.view().atMs.slice(-2)).toEqual([40_000, 45_000]);
  });

  it('has times that rise when the clock is set back after the ring has gone round', () => {
    const history = new History(['peers']);
    for (let i = 0; i < HISTORY_POINTS + 9; i++) history.add(1e9 + i * 5_000, { peers: i });
    history.add(1e6, { peers: 0 });
    const { atMs } = history.view();
    expect(atMs).toHaveLength(HISTORY_POINTS);
    expect(atMs.every((at, i) => i === 0 || at === atMs[i - 1] + 5_000)).toBe(true);
    expect(atMs.at(-1)).toBe(1e6);
  });

  it('has a gap where the clock went forward or the machine slept', () => {
    const history = new History(['peers']);
    for (const at of [100_000, 105_000, 900_000]) history.add(at, { peers: 1 });
    expect(history.view().atMs).toEqual([100_000, 105_000, 900_000]);
  });

  it('is empty at first, and shows what is not known as null', () => {
    const history = new History(['peers', 'drops']);
    expect(history.view()).toEqual({ stepSeconds: 5, atMs: [], series: { peers: [], drops: [] } });
    history.add(1, { peers: 0, drops: null });
    history.add(2, { peers: 1.23456 });
    expect(history.view().series).toEqual({ peers: [0, 1.235], drops: [null, null] });
  });

  it.each([HISTORY_POINTS - 1, HISTORY_POINTS, HISTORY_POINTS + 1, 2 * HISTORY_POINTS + 7])(
    'after %i points has the last of them in order',
    (points) => {
      const history = new History(['peers']);
      for (let i = 0; i < points; i++) history.add(i, { peers: 10 * i });
      const { atMs, series } = history.view();
      const first = Math.max(0, points - HISTORY_POINTS);
      expect(atMs).toEqual(Array.from({ length: points - first }, (_, i) => first + i));
      expect(series.peers).toEqual(atMs.map((at) => 10 * at));
    },
  );
});
