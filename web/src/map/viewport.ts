/**
 * From places of the layout to pixels, and what zooming and panning do to that.
 *
 * ```
 * layout (any unit) --Fit--> scene (pixels at zoom 1) --Zoom--> screen
 * ```
 *
 * The fit stretches places to the shape of the window, never nodes: a round layout fills a wide one.
 */
import type { Point } from './geometry.js';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Pixels that stay free at the rim: half a node, and its label below. */
export interface Margins {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

export interface Fit {
  readonly scaleX: number;
  readonly scaleY: number;
  readonly x: number;
  readonly y: number;
}

export interface Zoom {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export const ZOOM_MIN = 0.5;
export const ZOOM_MAX = 6;
export const NO_ZOOM: Zoom = { scale: 1, x: 0, y: 0 };
/** How much more the one direction may be stretched than the other. */
const STRETCH_MAX = 1.9;
/** Pixels of a unit at most: two nodes are not torn to the two ends of a wide window. */
const SCALE_MAX = 3.2;

/** Zooming in is to tell things apart: nodes and names grow less than the room between them. */
export function shrinkAt(scale: number): number {
  return scale ** -0.75;
}

export function fitTo(places: Iterable<Point>, size: Size, margins: Margins): Fit {
  let left = Number.POSITIVE_INFINITY;
  let top = Number.POSITIVE_INFINITY;
  let right = Number.NEGATIVE_INFINITY;
  let bottom = Number.NEGATIVE_INFINITY;
  for (const { x, y } of places) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  if (left > right) return { scaleX: 1, scaleY: 1, x: size.width / 2, y: size.height / 2 };
  const width = Math.max(1, size.width - margins.left - margins.right);
  const height = Math.max(1, size.height - margins.top - margins.bottom);
  const most = { x: width / Math.max(1, right - left), y: height / Math.max(1, bottom - top) };
  const scaleX = Math.min(most.x, STRETCH_MAX * most.y, SCALE_MAX);
  const scaleY = Math.min(most.y, STRETCH_MAX * most.x, SCALE_MAX);
  return {
    scaleX,
    scaleY,
    x: margins.left + width / 2 - (scaleX * (left + right)) / 2,
    y: margins.top + height / 2 - (scaleY * (top + bottom)) / 2,
  };
}

export function placed({ scaleX, scaleY, x, y }: Fit, place: Point): Point {
  return { x: x + scaleX * place.x, y: y + scaleY * place.y };
}

/** Zooms so that what is under `at` stays there. */
export function zoomedAt(zoom: Zoom, factor: number, at: Point, size: Size): Zoom {
  const scale = Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, zoom.scale * factor));
  const share = scale / zoom.scale;
  const x = at.x - (at.x - zoom.x) * share;
  const y = at.y - (at.y - zoom.y) * share;
  return bounded({ scale, x, y }, size);
}

export function panned(zoom: Zoom, dx: number, dy: number, size: Size): Zoom {
  return bounded({ scale: zoom.scale, x: zoom.x + dx, y: zoom.y + dy }, size);
}

/** So that a point of the scene is in the middle third of the window; the same zoom where it is. */
export function showing(zoom: Zoom, { x, y }: Point, size: Size): Zoom {
  const at = { x: zoom.x + zoom.scale * x, y: zoom.y + zoom.scale * y };
  const isSeen = at.x > 40 && at.x < size.width - 40 && at.y > 40 && at.y < size.height - 60;
  if (isSeen) return zoom;
  return panned(zoom, size.width / 2 - at.x, size.height / 2 - at.y, size);
}

/** A quarter of the scene stays in sight. */
function bounded({ scale, x, y }: Zoom, { width, height }: Size): Zoom {
  return {
    scale,
    x: within(x, width * (0.25 - scale), width * 0.75),
    y: within(y, height * (0.25 - scale), height * 0.75),
  };
}

function within(value: number, from: number, to: number): number {
  return Math.min(to, Math.max(from, value));
}
