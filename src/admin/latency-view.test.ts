import { describe, expect, it } from 'vitest';
import { type LatencyView, latencyQuantile, latencySince, sumLatency } from './latency-view.js';

const view = (...counts: number[]): LatencyView => ({
  count: counts.reduce((sum, count) => sum + count, 0),
  sumSeconds: counts.length,
  bounds: [0.001, 0.01, 0.1],
  counts,
});

describe('LatencyView', () => {
  it('finds a share of the requests between the bounds they fall between', () => {
    expect(latencyQuantile(view(100, 0, 0, 0), 0.5)).toBeCloseTo(0.0005);
    expect(latencyQuantile(view(50, 50, 0, 0), 0.5)).toBeCloseTo(0.001);
    expect(latencyQuantile(view(50, 50, 0, 0), 0.75)).toBeCloseTo(0.0055);
    expect(latencyQuantile(view(98, 0, 2, 0), 0.99)).toBeCloseTo(0.055);
  });

  it('says nothing of no requests, and the last bound of those beyond it', () => {
    expect(latencyQuantile(view(0, 0, 0, 0), 0.5)).toBeNull();
    expect(latencyQuantile(view(0, 0, 0, 7), 0.5)).toBe(0.1);
  });

  it('tells the requests of one step from those before it', () => {
    const step = latencySince(view(5, 1, 0, 2), view(5, 4, 1, 2));
    expect(step).toMatchObject({ count: 4, counts: [0, 3, 1, 0] });
  });

  it('adds protocols up', () => {
    expect(sumLatency([view(1, 2, 3, 4), view(10, 0, 0, 1)])).toMatchObject({
      count: 21,
      sumSeconds: 8,
      counts: [11, 2, 3, 5],
    });
  });
});
