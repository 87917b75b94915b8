import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  curveBetween,
  hexagon,
  linkWidth,
  nodeRadius,
  particleCount,
  particleSpeed,
  pathOf,
  pointAt,
  roomFor,
} from './geometry.js';

const A = { x: 0, y: 0, radius: 20 };
const B = { x: 300, y: 0, radius: 10 };
const disc = fc.record({
  x: fc.integer({ min: 0, max: 2_000 }),
  y: fc.integer({ min: 0, max: 2_000 }),
  radius: fc.integer({ min: 4, max: 40 }),
});
const rate = fc.oneof(fc.double(), fc.constantFrom(-1, 0, Number.NaN, Number.POSITIVE_INFINITY));

describe('a link', () => {
  it('begins and ends outside of both nodes', () => {
    fc.assert(
      fc.property(disc, disc, (from, to) => {
        const curve = curveBetween(from, to);
        if (curve === undefined) return;
        expect(Math.hypot(curve.from.x - from.x, curve.from.y - from.y)).toBeGreaterThan(
          from.radius,
        );
        expect(Math.hypot(curve.to.x - to.x, curve.to.y - to.y)).toBeGreaterThan(to.radius);
      }),
    );
  });

  it('lies apart from the one that goes back', () => {
    const there = pointAt(curveBetween(A, B)!, 0.5);
    const back = pointAt(curveBetween(B, A)!, 0.5);
    expect(there.y).toBeGreaterThan(5);
    expect(back.y).toBeLessThan(-5);
  });

  it('is not drawn between nodes that overlap or stand in the same place', () => {
    expect(curveBetween(A, { ...A })).toBeUndefined();
    expect(curveBetween(A, { ...A, x: 35 })).toBeUndefined();
    expect(curveBetween(A, { ...A, x: Number.NaN })).toBeUndefined();
  });

  it('has an arrowhead at its end', () => {
    const path = pathOf(curveBetween(A, B)!);
    const [line, head] = path.slice(1).split('M');
    const end = line.split(' ').at(-1)!;
    expect(head).toContain(`L${end}L`);
    expect(path).not.toContain('NaN');
  });

  it('grows with its rate, up to a bound, and stays thin among many', () => {
    expect(linkWidth(0, 1)).toBeGreaterThan(0);
    expect(linkWidth(1_000, 1)).toBeGreaterThan(linkWidth(10, 1));
    expect(linkWidth(1e12, 1)).toBe(5);
    expect(linkWidth(1e12, 1_000)).toBe(1);
  });

  it('carries no dot in silence, and a bounded number whatever a node claims', () => {
    expect(particleCount(0)).toBe(0);
    expect(particleCount(0.2)).toBe(1);
    fc.assert(
      fc.property(rate, (value) => {
        expect(particleCount(value)).toBeLessThanOrEqual(6);
        expect(particleSpeed(value)).toBeLessThanOrEqual(120);
        expect(particleSpeed(value)).toBeGreaterThan(0);
        expect(linkWidth(value, 10)).toBeLessThanOrEqual(5);
      }),
    );
  });
});

describe('a node', () => {
  it('is largest where most is, and never vanishes', () => {
    expect(nodeRadius(1_000, 1_000, 30)).toBe(30);
    expect(nodeRadius(0, 1_000, 30)).toBeGreaterThan(15);
    expect(nodeRadius(0, 0, 30)).toBeGreaterThan(15);
    expect(nodeRadius(10, 1_000, 30)).toBeLessThan(nodeRadius(500, 1_000, 30));
  });

  it('has less room among many and on a small screen', () => {
    expect(roomFor(200, 1_000, 600)).toBeLessThan(roomFor(4, 1_000, 600));
    expect(roomFor(4, 300, 200)).toBeLessThanOrEqual(roomFor(4, 1_000, 600));
    expect(roomFor(0, 0, 0)).toBeGreaterThan(0);
  });

  it('that is a minder has six corners', () => {
    expect(hexagon(10).split(' ')).toHaveLength(6);
    expect(hexagon(10).split(' ')[0]).toBe('0,-10');
  });
});
