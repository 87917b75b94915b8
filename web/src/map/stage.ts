/**
 * Moves what the map has drawn. Preact says what is there, once a tick; where it is, in each frame of a
 * movement, is set here, straight on the elements: nothing else is drawn again for that.
 *
 * ```
 * show() / resize() / zoomTo() --> frames until calm --> places of nodes, paths of links
 *                                  frames while seen --> dots on the canvas (30 a second)
 * ```
 *
 * No frame is asked for while nothing moves, while the page or the map is out of sight, and no dot runs
 * for readers who want less motion or while the numbers are old.
 */
import {
  ARROW,
  curveBetween,
  type Disc,
  linkWidth,
  type Point,
  pathOf,
  THIN_FROM_LINKS,
} from './geometry.js';
import { type LayoutNode, MapLayout } from './layout.js';
import { clear, Particles, type Stream } from './particles.js';
import {
  type Fit,
  fitTo,
  type Margins,
  NO_ZOOM,
  placed,
  type Size,
  shrinkAt,
  type Zoom,
} from './viewport.js';

export interface StageNode extends LayoutNode {
  readonly radius: number;
}

export interface StageLink {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** Undefined for the tie between a minder and a node: heartbeats, not records. */
  readonly recordsPerSecond?: number;
  readonly isDim: boolean;
}

/** Where things are drawn. */
export interface Surfaces {
  readonly node: (id: string) => SVGElement | undefined;
  readonly link: (id: string) => SVGElement | undefined;
  /** Holds links and nodes: is zoomed. */
  readonly scene: () => SVGElement | null;
  readonly canvas: () => HTMLCanvasElement | null;
}

/** Between two drawings of dots; where links are many, and each dot says less. */
const DOTS_MS = 31;
const DOTS_OF_MANY_MS = 62;
/** How fast the picture follows a window that changed: the share that is left after a frame. */
const FIT_REST = 0.8;

export class MapStage {
  readonly #surfaces: Surfaces;
  readonly #layout = new MapLayout();
  readonly #particles = new Particles();
  readonly #discs = new Map<string, Disc>();
  #nodes: readonly StageNode[] = [];
  #links: readonly StageLink[] = [];
  #streams: Stream[] = [];
  #size: Size = { width: 0, height: 0 };
  #margins: Margins = { top: 0, right: 0, bottom: 0, left: 0 };
  #fit: Fit | undefined;
  #zoom: Zoom = NO_ZOOM;
  #color = 'gray';
  #isSeen = true;
  #isStill = false;
  #isLive = true;
  #frame = 0;
  #dotsMs = 0;

  constructor(surfaces: Surfaces) {
    this.#surfaces = surfaces;
  }

  get zoom(): Zoom {
    return this.#zoom;
  }

  get size(): Size {
    return this.#size;
  }

  /** Centres of nodes in the scene. */
  get places(): ReadonlyMap<string, Point> {
    return this.#discs;
  }

  /** To be called after each drawing: elements may be new. */
  show(nodes: readonly StageNode[], links: readonly StageLink[]): void {
    this.#nodes = nodes;
    this.#links = links;
    const isFirst = this.#layout.places.size === 0;
    this.#layout.update(nodes);
    if (isFirst) this.#fit = undefined;
    if (this.#isStill) this.#layout.finish();
    this.#place();
    this.#go();
  }

  resize(size: Size, margins: Margins): void {
    const isFirst = this.#size.width === 0;
    this.#size = size;
    this.#margins = margins;
    if (isFirst || this.#isStill) this.#fit = undefined;
    const canvas = this.#surfaces.canvas();
    if (canvas !== null) {
      canvas.width = Math.round(size.width * ratio());
      canvas.height = Math.round(size.height * ratio());
    }
    this.#place();
    this.#go();
  }

  zoomTo(zoom: Zoom): void {
    this.#zoom = zoom;
    const { scale, x, y } = zoom;
    this.#surfaces.scene()?.setAttribute('transform', `translate(${x} ${y}) scale(${scale})`);
    this.#surfaces.scene()?.style.setProperty('--shrink', shrinkAt(scale).toFixed(3));
    this.#place();
    this.#go();
  }

  /** @param at in pixels of the scene */
  drag(id: string, at: Point): void {
    const fit = this.#fit;
    if (fit === undefined) return;
    this.#layout.drag(id, { x: (at.x - fit.x) / fit.scaleX, y: (at.y - fit.y) / fit.scaleY });
    if (this.#isStill) this.#layout.finish();
    this.#place();
    this.#go();
  }

  /** All of it as it was before anybody touched it. */
  reset(): void {
    this.#layout.release();
    if (this.#isStill) this.#layout.finish();
    this.zoomTo(NO_ZOOM);
  }

  /** `isStill`: no movement is wanted. `isLive`: the numbers are of this second. */
  setMood({ isStill, isLive }: { readonly isStill: boolean; readonly isLive: boolean }): void {
    this.#isStill = isStill;
    this.#isLive = isLive;
    this.#go();
  }

  setSeen(isSeen: boolean): void {
    this.#isSeen = isSeen;
    this.#go();
  }

  /** Of the dots, as a canvas takes it. */
  setColor(color: string): void {
    this.#color = color;
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#isSeen = false;
  }

  get #dotsEveryMs(): number {
    return this.#streams.length > THIN_FROM_LINKS ? DOTS_OF_MANY_MS : DOTS_MS;
  }

  get #hasDots(): boolean {
    return this.#isLive && !this.#isStill && this.#streams.length > 0;
  }

  /** Asks for a frame where one is needed. */
  #go(): void {
    if (this.#frame !== 0 || !this.#isSeen) return;
    if (!this.#hasDots) this.#wipe();
    if (this.#layout.isCalm && this.#isFitted() && !this.#hasDots) return;
    this.#frame = requestAnimationFrame((nowMs) => this.#onFrame(nowMs));
  }

  #onFrame(nowMs: number): void {
    this.#frame = 0;
    if (!this.#layout.isCalm || !this.#isFitted()) {
      this.#layout.step();
      this.#place();
    }
    const ms = nowMs - this.#dotsMs;
    if (this.#hasDots && ms >= this.#dotsEveryMs) {
      this.#dotsMs = nowMs;
      // After a pause they go on where they were.
      this.#dots(Math.min(ms, 100) / 1_000);
    }
    this.#go();
  }

  #dots(seconds: number): void {
    const context = this.#surfaces.canvas()?.getContext('2d');
    if (context === null || context === undefined) return;
    const look = { size: this.#size, zoom: this.#zoom, ratio: ratio(), color: this.#color };
    this.#particles.draw(context, this.#streams, seconds, look);
  }

  #wipe(): void {
    const context = this.#surfaces.canvas()?.getContext('2d');
    if (context !== null && context !== undefined) clear(context);
  }

  #place(): void {
    if (this.#size.width === 0) return;
    const fit = this.#follow();
    const shrink = shrinkAt(this.#zoom.scale);
    this.#discs.clear();
    for (const { id, radius } of this.#nodes) {
      const place = this.#layout.places.get(id);
      if (place === undefined) continue;
      const { x, y } = placed(fit, place);
      this.#discs.set(id, { x, y, radius: radius * shrink });
      const move = `translate(${x.toFixed(1)} ${y.toFixed(1)})`;
      put(this.#surfaces.node(id), 'transform', move);
    }
    this.#connect();
  }

  #connect(): void {
    this.#streams = [];
    const isMany = this.#links.length > THIN_FROM_LINKS;
    const arrow = isMany ? 0 : ARROW * shrinkAt(this.#zoom.scale);
    for (const { id, from, to, recordsPerSecond, isDim } of this.#links) {
      const element = this.#surfaces.link(id);
      const [start, end] = [this.#discs.get(from), this.#discs.get(to)];
      if (start === undefined || end === undefined) continue;
      if (recordsPerSecond === undefined) {
        put(
          element,
          'd',
          `M${start.x.toFixed(1)},${start.y.toFixed(1)}L${end.x.toFixed(1)},${end.y.toFixed(1)}`,
        );
        continue;
      }
      const curve = curveBetween(start, end);
      put(element, 'd', curve === undefined ? '' : pathOf(curve, arrow));
      put(element, 'stroke-width', linkWidth(recordsPerSecond, this.#links.length).toFixed(2));
      if (curve === undefined) continue;
      if (recordsPerSecond > 0) this.#streams.push({ id, curve, recordsPerSecond, isDim });
    }
  }

  #follow(): Fit {
    const goal = this.#goal();
    const last = this.#fit;
    if (last === undefined || this.#isStill || isNear(last, goal)) {
      this.#fit = goal;
      return goal;
    }
    const mix = (from: number, to: number) => to + (from - to) * FIT_REST;
    this.#fit = {
      scaleX: mix(last.scaleX, goal.scaleX),
      scaleY: mix(last.scaleY, goal.scaleY),
      x: mix(last.x, goal.x),
      y: mix(last.y, goal.y),
    };
    return this.#fit;
  }

  #goal(): Fit {
    return fitTo(this.#layout.places.values(), this.#size, this.#margins);
  }

  #isFitted(): boolean {
    return this.#fit === undefined || isNear(this.#fit, this.#goal());
  }
}

/** Nothing is drawn again for a value that is there already. */
function put(element: SVGElement | undefined, name: string, value: string): void {
  if (element !== undefined && element.getAttribute(name) !== value) {
    element.setAttribute(name, value);
  }
}

function isNear(a: Fit, b: Fit): boolean {
  return (
    Math.abs(a.x - b.x) < 0.25 &&
    Math.abs(a.y - b.y) < 0.25 &&
    Math.abs(a.scaleX - b.scaleX) < 0.002 &&
    Math.abs(a.scaleY - b.scaleY) < 0.002
  );
}

/** Pixels of the screen in one of ours; more than two are not worth their cost. */
function ratio(): number {
  return Math.min(2, globalThis.devicePixelRatio || 1);
}
