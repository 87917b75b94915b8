import { describe, expect, it } from 'vitest';
import type { TrackerStats } from '../tick.js';
import { dropsOf } from './drop-reasons.js';

/** The parts of the numbers that hold what was not served. */
function stats(udp: Record<string, number>, refused = 0): TrackerStats {
  const parts = {
    udp: { drops: udp },
    http: { drops: { timeout: 2 }, connectionsRefused: 0 },
    websocket: { drops: {}, connectionsRefused: 0 },
    store: { droppedFull: 0 },
    lists: { refused: { udp: refused, http: refused, websocket: 0 } },
  };
  return parts as unknown as TrackerStats;
}

describe('what was dropped', () => {
  it('is listed where there was any, the most first, in words', () => {
    const drops = dropsOf(stats({ junk: 5, source_port: 0 }, 4));
    expect(drops.map(({ key, total }) => [key, total])).toEqual([
      ['list.refused', 8],
      ['udp.junk', 5],
      ['http.timeout', 2],
    ]);
    for (const { name, why } of drops) {
      expect(name).not.toContain('_');
      expect(why).toMatch(/\.$/);
    }
  });

  it('has a name also for a reason that a later tracker brings', () => {
    const [first] = dropsOf(stats({ brand_new_reason: 9 }));
    expect(first).toMatchObject({ name: 'brand new reason', why: '', total: 9 });
  });
});
