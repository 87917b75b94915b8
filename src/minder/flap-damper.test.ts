import { describe, expect, it } from 'vitest';
import { FlapDamper } from './flap-damper.js';

/** Falls and rises again every `periodMs`; returns whether it is held after each rise. */
function flap(damper: FlapDamper, times: number, periodMs: number): boolean[] {
  damper.note('a', true, 0);
  return Array.from({ length: times }, (_, i) => {
    damper.note('a', false, (i + 0.5) * periodMs);
    return damper.note('a', true, (i + 1) * periodMs);
  });
}

describe('the damper of flapping', () => {
  it('holds back what fell three times within five minutes', () => {
    expect(flap(new FlapDamper({ holdSeconds: 60 }), 4, 20_000)).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  it('minds no falls that are further apart', () => {
    expect(flap(new FlapDamper({ holdSeconds: 60 }), 10, 160_000)).not.toContain(true);
  });

  it('lets go after it was well for the whole time without a break', () => {
    const damper = new FlapDamper({ holdSeconds: 60 });
    flap(damper, 3, 10_000);
    expect(damper.note('a', true, 89_999)).toBe(true);
    expect(damper.note('a', true, 90_000)).toBe(false);
    damper.note('a', false, 91_000);
    // The falls before still count.
    expect(damper.note('a', true, 92_000)).toBe(true);
    expect(damper.note('a', true, 151_999)).toBe(true);
    expect(damper.note('a', true, 152_000)).toBe(false);
  });

  it('never holds what is not well, what is new, or another one', () => {
    const damper = new FlapDamper({ holdSeconds: 60 });
    flap(damper, 3, 10_000);
    expect(damper.note('a', false, 40_000)).toBe(false);
    expect(damper.note('b', true, 40_000)).toBe(false);
    damper.keep(new Set());
    expect(damper.note('a', true, 40_000)).toBe(false);
  });
});
