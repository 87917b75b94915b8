/** Which node an arrow key goes to: the nearest in that direction. */
import type { Point } from './geometry.js';

export type Direction = 'up' | 'down' | 'left' | 'right';

const WAYS: Readonly<Record<Direction, Point>> = {
  up: { x: 0, y: -1 },
  down: { x: 0, y: 1 },
  left: { x: -1, y: 0 },
  right: { x: 1, y: 0 },
};
/** What lies aside counts as further: a node straight ahead wins over a nearer one at the side. */
const ASIDE = 2;

/** @returns undefined when there is none that way */
export function neighbour(
  places: ReadonlyMap<string, Point>,
  from: string,
  direction: Direction,
): string | undefined {
  const start = places.get(from);
  if (start === undefined) return undefined;
  const way = WAYS[direction];
  let best: string | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const [id, { x, y }] of places) {
    if (id === from) continue;
    const ahead = (x - start.x) * way.x + (y - start.y) * way.y;
    const aside = Math.abs((x - start.x) * way.y) + Math.abs((y - start.y) * way.x);
    if (ahead <= 0 || aside > 3 * ahead) continue;
    const cost = ahead + ASIDE * aside;
    if (cost < bestCost) {
      best = id;
      bestCost = cost;
    }
  }
  return best;
}
