import { describe, expect, it } from 'vitest';
import { ManualClock } from './clock.js';
import { RateGate, SWALLOWED } from './rate-gate.js';

describe('RateGate', () => {
  it('lets the first call through at once', () => {
    const gate = new RateGate({ intervalSeconds: 60 }, { clock: new ManualClock(0) });
    expect(gate.pass()).toBe(0);
  });

  it('swallows calls within the interval and says how many at the next that passes', () => {
    const clock = new ManualClock();
    const gate = new RateGate({ intervalSeconds: 60 }, { clock });
    expect(gate.pass()).toBe(0);
    for (let i = 0; i < 5; i++) {
      clock.advance(10);
      expect(gate.pass()).toBe(SWALLOWED);
    }
    clock.advance(10);
    expect(gate.pass()).toBe(5);
    expect(gate.pass()).toBe(SWALLOWED);
  });

  it('starts counting anew after each pass', () => {
    const clock = new ManualClock();
    const gate = new RateGate({ intervalSeconds: 1 }, { clock });
    gate.pass();
    gate.pass();
    clock.advance(1);
    expect(gate.pass()).toBe(1);
    clock.advance(1);
    expect(gate.pass()).toBe(0);
  });
});
