import { describe, expect, it } from 'vitest';
import { FRONTEND_COUNTER_BYTES, FrontendCounter, FrontendCounters } from './counters.js';
import { LATENCY_BOUNDS, LatencyProtocol, sumLatencyCells } from './latency.js';

const { udp, http, websocket } = LatencyProtocol;

describe('LatencyCells', () => {
  it('counts each request in the bucket whose bound it does not pass', () => {
    const { latency } = new FrontendCounters();
    for (const seconds of LATENCY_BOUNDS) latency.record(udp, seconds * 1000, 1);
    const { counts } = sumLatencyCells([latency], udp);
    expect(counts).toEqual([...LATENCY_BOUNDS.map(() => 1), 0]);
  });

  it('has room for what is quicker than all bounds, slower than all, and before it began', () => {
    const { latency } = new FrontendCounters();
    for (const ms of [0, -5, 0.001, 60_000]) latency.record(http, ms, 1);
    const { counts, count, sumSeconds } = sumLatencyCells([latency], http);
    expect([counts[0], counts.at(-1), count]).toEqual([3, 1, 4]);
    expect(sumSeconds).toBeCloseTo(60.000001);
  });

  it('counts every request of a batch, and none of an empty one', () => {
    const { latency } = new FrontendCounters();
    latency.record(udp, 0.03, 32);
    latency.record(udp, 7, 0);
    const { count, sumSeconds, counts } = sumLatencyCells([latency], udp);
    expect([count, counts[2]]).toEqual([32, 32]);
    expect(sumSeconds).toBeCloseTo(32 * 0.00003);
  });

  it('adds up workers, each protocol by itself, from memory that they share', () => {
    const workers = [0, 1].map(() => {
      const buffer = new SharedArrayBuffer(FRONTEND_COUNTER_BYTES);
      return { writer: new FrontendCounters(buffer), reader: new FrontendCounters(buffer) };
    });
    for (const { writer } of workers) {
      writer.count(FrontendCounter.httpsHandshakesEvicted);
      writer.latency.record(udp, 1, 2);
      writer.latency.record(websocket, 1, 1);
    }
    const cells = workers.map(({ reader }) => reader.latency);
    const counts = [udp, http, websocket].map((protocol) => sumLatencyCells(cells, protocol).count);
    expect(counts).toEqual([4, 0, 2]);
    // The last counter lies next to the first of these cells.
    expect(workers[0].reader.get('httpsHandshakesEvicted')).toBe(1);
  });
});
