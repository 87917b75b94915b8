import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fitTo,
  NO_ZOOM,
  panned,
  placed,
  showing,
  ZOOM_MAX,
  ZOOM_MIN,
  zoomedAt,
} from './viewport.js';

const SIZE = { width: 900, height: 500 };
const MARGINS = { top: 40, right: 60, bottom: 70, left: 60 };
const point = fc.record({
  x: fc.integer({ min: -500, max: 500 }),
  y: fc.integer({ min: -500, max: 500 }),
});

describe('the fit', () => {
  it('keeps every node within the margins', () => {
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 30 }), (places) => {
        const fit = fitTo(places, SIZE, MARGINS);
        for (const place of places) {
          const { x, y } = placed(fit, place);
          expect(x).toBeGreaterThanOrEqual(MARGINS.left - 0.001);
          expect(x).toBeLessThanOrEqual(SIZE.width - MARGINS.right + 0.001);
          expect(y).toBeGreaterThanOrEqual(MARGINS.top - 0.001);
          expect(y).toBeLessThanOrEqual(SIZE.height - MARGINS.bottom + 0.001);
        }
      }),
    );
  });

  it('puts one node, or none, in the middle', () => {
    const middle = { x: 450, y: 235 };
    expect(placed(fitTo([{ x: 70, y: -3 }], SIZE, MARGINS), { x: 70, y: -3 })).toEqual(middle);
    expect(placed(fitTo([], SIZE, MARGINS), { x: 0, y: 0 })).toEqual({ x: 450, y: 250 });
  });

  it('survives a window that is smaller than its margins', () => {
    const fit = fitTo(
      [
        { x: 0, y: 0 },
        { x: 9, y: 9 },
      ],
      { width: 10, height: 10 },
      MARGINS,
    );
    expect(Object.values(fit).every(Number.isFinite)).toBe(true);
  });
});

describe('the zoom', () => {
  it('keeps what is under the pointer under the pointer', () => {
    const at = { x: 300, y: 200 };
    const zoom = zoomedAt(NO_ZOOM, 2, at, SIZE);
    expect(zoom.scale).toBe(2);
    expect((at.x - zoom.x) / zoom.scale).toBeCloseTo(300);
    expect((at.y - zoom.y) / zoom.scale).toBeCloseTo(200);
  });

  it('has bounds', () => {
    let zoom = NO_ZOOM;
    for (let i = 0; i < 50; i++) zoom = zoomedAt(zoom, 2, { x: 0, y: 0 }, SIZE);
    expect(zoom.scale).toBe(ZOOM_MAX);
    for (let i = 0; i < 50; i++) zoom = zoomedAt(zoom, 0.5, { x: 0, y: 0 }, SIZE);
    expect(zoom.scale).toBe(ZOOM_MIN);
  });

  it('cannot be panned away from the picture', () => {
    for (const far of [-1e6, 1e6]) {
      const { x, y, scale } = panned(NO_ZOOM, far, far, SIZE);
      expect(x).toBeLessThan(SIZE.width);
      expect(x + scale * SIZE.width).toBeGreaterThan(0);
      expect(y).toBeLessThan(SIZE.height);
      expect(y + scale * SIZE.height).toBeGreaterThan(0);
    }
  });

  it('goes to a node that is out of sight, and stays where it can be seen', () => {
    expect(showing(NO_ZOOM, { x: 450, y: 250 }, SIZE)).toBe(NO_ZOOM);
    const zoomed = zoomedAt(NO_ZOOM, 4, { x: 0, y: 0 }, SIZE);
    const moved = showing(zoomed, { x: 800, y: 400 }, SIZE);
    const x = moved.x + moved.scale * 800;
    expect(x).toBeGreaterThan(0);
    expect(x).toBeLessThan(SIZE.width);
  });
});
