import { describe, expect, it } from 'vitest';
import { MinuteCounts } from './minute-counts.js';

describe('counts of the last minute', () => {
  it('are what a total grew by since the look that is a minute old', () => {
    const counts = new MinuteCounts();
    // One a second from 100 on.
    for (let second = 0; second <= 300; second++) {
      counts.add(second * 1_000, new Map([['junk', 100 + second]]));
    }
    const grown = counts.grown('junk', 400);
    expect(grown).toBeGreaterThanOrEqual(60);
    expect(grown).toBeLessThanOrEqual(65);
  });

  it('count what was not there before as new', () => {
    const counts = new MinuteCounts();
    counts.add(0, new Map());
    counts.add(5_000, new Map([['junk', 4]]));
    expect(counts.grown('junk', 4)).toBe(4);
  });

  it('begin anew with a process that was started again', () => {
    const counts = new MinuteCounts();
    counts.add(0, new Map([['junk', 900]]));
    counts.add(5_000, new Map([['junk', 3]]));
    expect(counts.grown('junk', 3)).toBe(0);
  });
});
