import { expect, it } from 'vitest';
import { LagMeter } from './lag-meter.js';

it('measures how long batches take', () => {
  const meter = new LagMeter();
  expect(meter.quantile(0.5)).toBeUndefined();
  for (let lag = 1; lag <= 64; lag++) meter.sample(meter.lagOf(1_000, 1_000 + lag));
  expect(meter.quantile(0.5)).toBe(33);
  expect(meter.quantile(0.99)).toBe(64);
  for (let i = 0; i < 64; i++) meter.sample(7);
  expect(meter.quantile(0.99)).toBe(7);
});

it('takes out a difference of clocks, as the fastest heartbeat shows it', () => {
  const meter = new LagMeter();
  meter.heartbeat(100_000, 40_020);
  meter.heartbeat(101_000, 41_005);
  expect(meter.offsetMs).toBe(59_995);
  expect(meter.lagOf(102_000, 42_030)).toBe(25);
});

it('leaves small differences alone: they are mostly the way', () => {
  const meter = new LagMeter();
  meter.heartbeat(1_000, 1_120);
  expect(meter.offsetMs).toBe(-120);
  expect(meter.lagOf(2_000, 2_120)).toBe(120);
});
