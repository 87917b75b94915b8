/**
 * The dots that run along links, on a canvas below the nodes. Phases are kept per link, so that a rate
 * that changes makes dots faster or slower and never lets them jump.
 */
import { type Curve, particleCount, particleSpeed, pointAt, THIN_FROM_LINKS } from './geometry.js';
import { type Size, shrinkAt, type Zoom } from './viewport.js';

/** Dots in all, whatever the links claim. */
export const PARTICLES_MAX = 600;

export interface Stream {
  readonly id: string;
  readonly curve: Curve;
  readonly recordsPerSecond: number;
  /** Drawn pale, since another node is looked at. */
  readonly isDim: boolean;
}

export class Particles {
  /** From 0 to 1: where the first dot of a link is between two dots. */
  readonly #phases = new Map<string, number>();

  /** Moves all dots on by that time, and draws them. */
  draw(
    context: CanvasRenderingContext2D,
    streams: readonly Stream[],
    seconds: number,
    look: {
      readonly size: Size;
      readonly zoom: Zoom;
      readonly ratio: number;
      readonly color: string;
    },
  ): void {
    const { zoom, ratio } = look;
    this.#forget(streams);
    clear(context);
    context.setTransform(
      ratio * zoom.scale,
      0,
      0,
      ratio * zoom.scale,
      ratio * zoom.x,
      ratio * zoom.y,
    );
    context.fillStyle = look.color;
    const size = 2.1 * shrinkAt(zoom.scale);
    const isMany = streams.length > THIN_FROM_LINKS;
    let room = PARTICLES_MAX;
    for (const stream of streams) {
      const count = Math.min(room, isMany ? 1 : particleCount(stream.recordsPerSecond));
      if (count === 0) continue;
      room -= count;
      const phase = this.#advance(stream, count, seconds);
      context.globalAlpha = stream.isDim ? 0.12 : isMany ? 0.5 : 0.95;
      context.beginPath();
      for (let i = 0; i < count; i++) {
        const t = (i + phase) / count;
        const { x, y } = pointAt(stream.curve, t);
        // They come out of one node and go into the other.
        const radius = size * Math.min(1, 8 * t, 8 * (1 - t));
        context.moveTo(x + radius, y);
        context.arc(x, y, radius, 0, 2 * Math.PI);
      }
      context.fill();
    }
    context.globalAlpha = 1;
  }

  #advance({ id, curve, recordsPerSecond }: Stream, count: number, seconds: number): number {
    const apart = Math.max(1, curve.length) / count;
    const before = this.#phases.get(id) ?? startOf(id);
    const phase = (before + (seconds * particleSpeed(recordsPerSecond)) / apart) % 1;
    this.#phases.set(id, phase);
    return phase;
  }

  #forget(streams: readonly Stream[]): void {
    if (this.#phases.size <= 2 * streams.length + 16) return;
    const ids = new Set(streams.map(({ id }) => id));
    for (const id of this.#phases.keys()) if (!ids.has(id)) this.#phases.delete(id);
  }
}

export function clear(context: CanvasRenderingContext2D): void {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
}

/** Links do not all begin in step. */
function startOf(id: string): number {
  let hash = 0;
  for (let i = 0; i < id.length; i++) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) | 0;
  return (hash >>> 0) / 2 ** 32;
}
