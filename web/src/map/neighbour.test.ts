import { describe, expect, it } from 'vitest';
import { neighbour } from './neighbour.js';

const places = new Map([
  ['middle', { x: 0, y: 0 }],
  ['right', { x: 100, y: 5 }],
  ['far right', { x: 300, y: 0 }],
  ['above', { x: 10, y: -80 }],
]);

describe('arrow keys', () => {
  it('go to the nearest node in their direction', () => {
    expect(neighbour(places, 'middle', 'right')).toBe('right');
    expect(neighbour(places, 'right', 'right')).toBe('far right');
    expect(neighbour(places, 'middle', 'up')).toBe('above');
    expect(neighbour(places, 'above', 'down')).toBe('middle');
  });

  it('go nowhere where there is nobody', () => {
    expect(neighbour(places, 'middle', 'down')).toBeUndefined();
    expect(neighbour(places, 'gone', 'down')).toBeUndefined();
  });

  it('reach every node of a ring', () => {
    const ring = new Map(
      Array.from({ length: 12 }, (_, i) => {
        const angle = (i / 12) * 2 * Math.PI;
        return [`n${i}`, { x: 100 * Math.cos(angle), y: 60 * Math.sin(angle) }] as const;
      }),
    );
    const seen = new Set(['n0']);
    for (const id of seen) {
      for (const way of ['up', 'down', 'left', 'right'] as const) {
        const next = neighbour(ring, id, way);
        if (next !== undefined) seen.add(next);
      }
    }
    expect(seen.size).toBe(12);
  });
});
