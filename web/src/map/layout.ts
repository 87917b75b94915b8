/**
 * Where nodes stand: minders in the middle, trackers around them.
 *
 * A force layout that is computed only when nodes come or go. Nobody moves because numbers change or a
 * link falls silent: an operator learns where a tracker stands, and looks there when it dies. The
 * first layout is computed at once; later ones run step by step, so that the others make room for a new
 * node before the reader's eyes. Seeded by node ids: the same nodes stand in the same places after a
 * reload.
 */
import {
  forceCollide,
  forceManyBody,
  forceRadial,
  forceSimulation,
  forceX,
  forceY,
  type Simulation,
  type SimulationNodeDatum,
} from 'd3-force';
import type { Point } from './geometry.js';

export interface LayoutNode {
  readonly id: string;
  readonly role: 'tracker' | 'minder';
}

interface Body extends SimulationNodeDatum {
  readonly id: string;
  readonly role: 'tracker' | 'minder';
  x: number;
  y: number;
}

/** Distance that two trackers keep, in units of the layout; the unit is free. */
const SPACING = 100;
/** Up to so many trackers stand on a ring; more fill the disc. */
const RING_MAX = 18;
/** Steps of the first layout; with 200 nodes they take about a tenth of a second. */
const FIRST_STEPS = 240;
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));
const CALM = 0.012;
/** How much the others move when somebody comes. */
const STIR = 0.35;

export class MapLayout {
  readonly #simulation: Simulation<Body, undefined>;
  readonly #bodies = new Map<string, Body>();
  #isCalm = true;

  constructor() {
    this.#simulation = forceSimulation<Body>([])
      .stop()
      .alphaMin(CALM)
      .alphaDecay(0.035)
      .velocityDecay(0.45)
      .randomSource(sequence(1));
  }

  /** Whether nothing moves: no step is needed. */
  get isCalm(): boolean {
    return this.#isCalm;
  }

  get places(): ReadonlyMap<string, Point> {
    return this.#bodies;
  }

  /** Takes the nodes of a tick. @returns whether any came or went */
  update(nodes: readonly LayoutNode[]): boolean {
    const ids = new Set(nodes.map(({ id }) => id));
    const gone = [...this.#bodies.keys()].filter((id) => !ids.has(id));
    const fresh = nodes.filter(({ id }) => !this.#bodies.has(id));
    if (gone.length === 0 && fresh.length === 0) return false;
    const isFirst = this.#bodies.size === 0;
    for (const id of gone) this.#bodies.delete(id);
    this.#enter(fresh, isFirst);
    this.#direct();
    if (isFirst) this.#settle();
    else this.#stir();
    return true;
  }

  /** One step of the movement. @returns whether there is more to come */
  step(): boolean {
    if (this.#isCalm) return false;
    this.#simulation.tick();
    this.#isCalm = this.#simulation.alpha() < CALM;
    return !this.#isCalm;
  }

  /** Puts a node where the reader drags it; the others make room. */
  drag(id: string, { x, y }: Point): void {
    const body = this.#bodies.get(id);
    if (body === undefined) return;
    body.fx = x;
    body.fy = y;
    body.x = x;
    body.y = y;
    this.#stir();
  }

  /** Lets all nodes go that were dragged. */
  release(): void {
    for (const body of this.#bodies.values()) {
      if (body.fx === undefined) continue;
      delete body.fx;
      delete body.fy;
      this.#stir();
    }
  }

  /** Goes all the way at once: for readers who want no movement. */
  finish(): void {
    for (let i = 0; i < FIRST_STEPS && this.step(); i++);
  }

  /** The first stand where they belong already; later ones come in from the edge. */
  #enter(fresh: readonly LayoutNode[], isFirst: boolean): void {
    const sorted = fresh.toSorted(byId);
    const trackers = sorted.filter(({ role }) => role === 'tracker');
    const edge = this.#edge() + SPACING * 0.6;
    for (const node of sorted) {
      const { id, role } = node;
      const start = { radius: edge, angle: angleOf(id) };
      if (isFirst && role === 'minder') start.radius = SPACING / 8;
      else if (isFirst) Object.assign(start, this.#seat(trackers.indexOf(node), trackers.length));
      const x = start.radius * Math.sin(start.angle);
      const y = -start.radius * Math.cos(start.angle);
      this.#bodies.set(id, { id, role, x, y });
    }
  }

  /** On the ring, the first at the top; or on the spiral of sunflower seeds, which fills a disc. */
  #seat(rank: number, count: number): { radius: number; angle: number } {
    if (count <= RING_MAX)
      return { radius: this.#ring(count), angle: (rank / count) * 2 * Math.PI };
    return { radius: 0.53 * SPACING * Math.sqrt(rank + 3), angle: rank * GOLDEN_ANGLE };
  }

  #direct(): void {
    const bodies = [...this.#bodies.values()];
    const trackers = bodies.filter(({ role }) => role === 'tracker').length;
    const isRing = trackers <= RING_MAX;
    const ring = this.#ring(trackers);
    const isMinder = ({ role }: Body) => role === 'minder';
    this.#simulation
      .nodes(bodies)
      .force(
        'apart',
        forceManyBody<Body>()
          .strength(isRing ? -420 : -160)
          .distanceMax(6 * SPACING),
      )
      .force(
        'room',
        forceCollide<Body>((body) => SPACING * (!isRing && isMinder(body) ? 0.8 : 0.43)).iterations(
          2,
        ),
      )
      .force(
        'ring',
        forceRadial<Body>((body) => (isMinder(body) ? 0 : ring)).strength((body) =>
          isMinder(body) ? 0.3 : isRing ? 0.8 : 0,
        ),
      )
      .force('x', forceX<Body>(0).strength(isRing ? 0 : 0.05))
      .force('y', forceY<Body>(0).strength(isRing ? 0 : 0.05));
  }

  #settle(): void {
    this.#simulation.alpha(1);
    this.#isCalm = false;
    this.finish();
  }

  #stir(): void {
    this.#simulation.alpha(Math.max(STIR, this.#simulation.alpha()));
    this.#isCalm = false;
  }

  /** Radius on which so many trackers keep their distance. */
  #ring(trackers: number): number {
    return Math.max(SPACING, (SPACING * trackers) / (2 * Math.PI));
  }

  #edge(): number {
    let edge = SPACING;
    for (const { x, y } of this.#bodies.values()) edge = Math.max(edge, Math.hypot(x, y));
    return edge;
  }
}

/** An angle that belongs to an id: FNV-1a. */
function angleOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return ((hash >>> 0) / 2 ** 32) * 2 * Math.PI;
}

function byId(a: LayoutNode, b: LayoutNode): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Numbers from 0 to 1, the same each time: xorshift. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
