/**
 * Where links run, and how large things are.
 *
 * ```
 *        ( a )----->-----( b )       each direction bows to its own right, so that the two
 *        ( a )-----<-----( b )       of a pair lie apart
 * ```
 *
 * Sizes grow with the logarithm of what they show: a tracker with 100 times the peers is twice as
 * large, not 100 times. Lengths are in pixels of the scene at zoom 1.
 */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Disc extends Point {
  readonly radius: number;
}

/** A quadratic Bezier curve from the rim of one node to the rim of the other. */
export interface Curve {
  readonly from: Point;
  readonly control: Point;
  readonly to: Point;
  readonly length: number;
}

/** Links beyond this many are drawn thin. */
export const THIN_FROM_LINKS = 300;
/** How far a link bows, as a share of its length, and at most. */
const BOW_SHARE = 0.13;
const BOW_MAX = 44;
const RIM_GAP = 4;
export const ARROW = 7;

/** @returns undefined for nodes that overlap: there is nothing to draw between them */
export function curveBetween(from: Disc, to: Disc): Curve | undefined {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const distance = Math.hypot(dx, dy);
  if (!(distance > from.radius + to.radius + 2 * RIM_GAP + 2)) return undefined;
  const bow = Math.min(BOW_MAX, BOW_SHARE * distance);
  // Right of the way in screen coordinates, where y grows downwards.
  const control = {
    x: (from.x + to.x) / 2 - (dy / distance) * bow,
    y: (from.y + to.y) / 2 + (dx / distance) * bow,
  };
  const start = towards(from, control, from.radius + RIM_GAP);
  const end = towards(to, control, to.radius + RIM_GAP);
  return { from: start, control, to: end, length: lengthOf(start, control, end) };
}

/** The point of a curve at `t`, 0 at its start and 1 at its end. */
export function pointAt({ from, control, to }: Curve, t: number): Point {
  const u = 1 - t;
  return {
    x: u * u * from.x + 2 * u * t * control.x + t * t * to.x,
    y: u * u * from.y + 2 * u * t * control.y + t * t * to.y,
  };
}

/** As an SVG path, with an open arrowhead of that length at its end. */
export function pathOf({ from, control, to }: Curve, arrow = ARROW): string {
  const line = `M${near(from)}Q${near(control)} ${near(to)}`;
  if (arrow === 0) return line;
  const dx = to.x - control.x;
  const dy = to.y - control.y;
  const length = Math.hypot(dx, dy) || 1;
  const back = { x: to.x - (dx / length) * arrow, y: to.y - (dy / length) * arrow };
  const aside = { x: (-dy / length) * arrow * 0.5, y: (dx / length) * arrow * 0.5 };
  return (
    `${line}M${near({ x: back.x + aside.x, y: back.y + aside.y })}L${near(to)}` +
    `L${near({ x: back.x - aside.x, y: back.y - aside.y })}`
  );
}

/** Stroke of a link: from 0.75 px for silence to 5 px. */
export function linkWidth(recordsPerSecond: number, linkCount: number): number {
  const width = 0.75 + 0.85 * magnitude(recordsPerSecond);
  return Math.min(width, linkCount > THIN_FROM_LINKS ? 1 : 5);
}

/** Dots on the way at a time: none on a silent link, six on a busy one. */
export function particleCount(recordsPerSecond: number): number {
  if (!(recordsPerSecond > 0)) return 0;
  return Math.min(6, 1 + Math.round(magnitude(recordsPerSecond)));
}

/** How fast they go, in pixels a second. */
export function particleSpeed(recordsPerSecond: number): number {
  return 34 + 16 * Math.min(5, magnitude(recordsPerSecond));
}

/**
 * Radius of a tracker that has `value` of something of which the largest has `largest`.
 * @param room radius of the largest: shrinks when there are many
 */
export function nodeRadius(value: number, largest: number, room: number): number {
  const share = largest > 0 ? magnitude(value) / Math.max(1, magnitude(largest)) : 0;
  return room * (0.66 + 0.34 * Math.min(1, share));
}

/** Radius of the largest node in a scene of that size and with that many nodes. */
export function roomFor(count: number, width: number, height: number): number {
  const share = 0.2 * Math.sqrt((width * height) / Math.max(1, count));
  return Math.min(34, Math.max(6, share));
}

/** A regular hexagon with a point on top, for `polygon`: the shape of minders. */
export function hexagon(radius: number): string {
  const corners: string[] = [];
  for (let i = 0; i < 6; i++) {
    const angle = (Math.PI / 3) * i - Math.PI / 2;
    corners.push(near({ x: radius * Math.cos(angle), y: radius * Math.sin(angle) }));
  }
  return corners.join(' ');
}

function magnitude(value: number): number {
  return value > 0 && Number.isFinite(value) ? Math.log10(1 + value) : 0;
}

function towards(from: Point, to: Point, distance: number): Point {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const share = distance / (Math.hypot(dx, dy) || 1);
  return { x: from.x + dx * share, y: from.y + dy * share };
}

/** Between the chord and the way around the control point: close enough for the speed of dots. */
function lengthOf(from: Point, control: Point, to: Point): number {
  const chord = Math.hypot(to.x - from.x, to.y - from.y);
  const around =
    Math.hypot(control.x - from.x, control.y - from.y) +
    Math.hypot(to.x - control.x, to.y - control.y);
  return (2 * chord + around) / 3;
}

function near({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10},${Math.round(y * 10) / 10}`;
}
