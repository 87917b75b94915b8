import { describe, expect, it } from 'vitest';
import { type LayoutNode, MapLayout } from './layout.js';

const tracker = (id: string): LayoutNode => ({ id, role: 'tracker' });
const cluster = (trackers: number): LayoutNode[] => [
  { id: 'm', role: 'minder' },
  ...Array.from({ length: trackers }, (_, i) => tracker(`t${i}`)),
];

function snapshot(layout: MapLayout): Record<string, [number, number]> {
  return Object.fromEntries([...layout.places].map(([id, { x, y }]) => [id, [x, y]]));
}

function apart(layout: MapLayout): number {
  const places = [...layout.places.values()];
  let least = Number.POSITIVE_INFINITY;
  for (const [i, a] of places.entries()) {
    for (const b of places.slice(i + 1)) least = Math.min(least, Math.hypot(a.x - b.x, a.y - b.y));
  }
  return least;
}

describe('the layout', () => {
  it('is calm after its first nodes, and stands in the same places each time', () => {
    const one = new MapLayout();
    const other = new MapLayout();
    one.update(cluster(5));
    other.update(cluster(5).reverse());
    expect(one.isCalm).toBe(true);
    for (const [id, { x, y }] of one.places) {
      expect(other.places.get(id)!.x).toBeCloseTo(x, 0);
      expect(other.places.get(id)!.y).toBeCloseTo(y, 0);
    }
  });

  it('moves nobody while the same nodes are there', () => {
    const layout = new MapLayout();
    layout.update(cluster(5));
    const before = snapshot(layout);
    for (let i = 0; i < 10; i++) {
      expect(layout.update(cluster(5))).toBe(false);
      expect(layout.step()).toBe(false);
    }
    expect(snapshot(layout)).toEqual(before);
  });

  it('has the minder in the middle and the trackers around it', () => {
    const layout = new MapLayout();
    layout.update(cluster(6));
    const { m, ...trackers } = snapshot(layout);
    expect(Math.hypot(...m)).toBeLessThan(20);
    for (const place of Object.values(trackers)) expect(Math.hypot(...place)).toBeGreaterThan(70);
  });

  it('lets a new node in from the edge; the others keep their places nearly', () => {
    const layout = new MapLayout();
    layout.update(cluster(4));
    const before = snapshot(layout);
    const edge = Math.max(...Object.values(before).map((place) => Math.hypot(...place)));
    expect(layout.update([...cluster(4), tracker('new')])).toBe(true);
    const start = layout.places.get('new')!;
    expect(Math.hypot(start.x, start.y)).toBeGreaterThan(edge);
    let steps = 0;
    while (layout.step() && steps < 1_000) steps++;
    expect(layout.isCalm).toBe(true);
    expect(steps).toBeGreaterThan(20);
    expect(steps).toBeLessThan(1_000);
    const after = snapshot(layout);
    expect(Math.hypot(...after.new)).toBeLessThan(2 * edge);
    for (const [id, [x, y]] of Object.entries(before)) {
      // The order around the ring stays: nobody changes places with another.
      expect(Math.hypot(after[id][0] - x, after[id][1] - y)).toBeLessThan(edge);
    }
  });

  it('forgets who is gone', () => {
    const layout = new MapLayout();
    layout.update(cluster(4));
    expect(layout.update(cluster(3))).toBe(true);
    expect([...layout.places.keys()]).toEqual(['m', 't0', 't1', 't2']);
  });

  it('keeps 200 nodes apart and in bounds', () => {
    const layout = new MapLayout();
    layout.update(cluster(199));
    expect(layout.isCalm).toBe(true);
    expect(apart(layout)).toBeGreaterThan(45);
    for (const { x, y } of layout.places.values()) expect(Math.hypot(x, y)).toBeLessThan(2_000);
  });

  it('keeps a few nodes apart, several minders among them', () => {
    for (let trackers = 1; trackers <= 20; trackers++) {
      const layout = new MapLayout();
      layout.update([
        ...cluster(trackers),
        { id: 'm2', role: 'minder' },
        { id: 'm3', role: 'minder' },
      ]);
      expect(apart(layout), `${trackers} trackers`).toBeGreaterThan(45);
    }
  });

  it('leaves a node where the reader put it, until it is let go', () => {
    const layout = new MapLayout();
    layout.update(cluster(4));
    layout.drag('t1', { x: 250, y: -40 });
    layout.finish();
    expect(layout.places.get('t1')).toMatchObject({ x: 250, y: -40 });
    expect(layout.isCalm).toBe(true);
    layout.release();
    layout.finish();
    expect(Math.hypot(layout.places.get('t1')!.x, layout.places.get('t1')!.y)).toBeLessThan(150);
    layout.release();
    expect(layout.isCalm).toBe(true);
  });
});
