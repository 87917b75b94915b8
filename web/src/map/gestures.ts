/**
 * Pointers and wheels on the map: drag the ground to pan, a node to move it, two fingers to zoom.
 *
 * The wheel alone scrolls the page; with Ctrl (which is what a pinch on a touchpad sends) it zooms.
 * Listeners only translate: what a movement does is the caller's.
 */
import type { Point } from './geometry.js';

export interface GestureEffects {
  pan(dx: number, dy: number): void;
  zoom(factor: number, at: Point): void;
  /** The ground was clicked. */
  press(): void;
  /** A node is dragged to there, in pixels of the map. */
  drag(nodeId: string, at: Point): void;
}

/** A press that moves less is a click. */
const CLICK_PX = 5;

interface Press {
  readonly nodeId: string | undefined;
  readonly start: Point;
  at: Point;
}

/** @returns ends it */
export function listenToGestures(element: SVGSVGElement, effects: GestureEffects): () => void {
  const gestures = new Gestures(element, effects);
  const listeners: [string, (event: Event) => void, AddEventListenerOptions?][] = [
    ['pointerdown', (event) => gestures.down(event as PointerEvent)],
    ['pointermove', (event) => gestures.move(event as PointerEvent)],
    ['pointerup', (event) => gestures.up(event as PointerEvent)],
    ['pointercancel', (event) => gestures.up(event as PointerEvent)],
    // Before the node hears of it: the end of a drag is no click.
    ['click', (event) => gestures.click(event), { capture: true }],
    ['wheel', (event) => gestures.wheel(event as WheelEvent), { passive: false }],
  ];
  for (const [name, listen, options] of listeners) element.addEventListener(name, listen, options);
  return () => {
    for (const [name, listen, options] of listeners) {
      element.removeEventListener(name, listen, options);
    }
  };
}

class Gestures {
  readonly #element: SVGSVGElement;
  readonly #effects: GestureEffects;
  readonly #presses = new Map<number, Press>();
  #isDrag = false;

  constructor(element: SVGSVGElement, effects: GestureEffects) {
    this.#element = element;
    this.#effects = effects;
  }

  down(event: PointerEvent): void {
    if (event.button !== 0 || this.#presses.size >= 2) return;
    if (this.#presses.size === 0) this.#isDrag = false;
    const start = this.#point(event);
    this.#presses.set(event.pointerId, { nodeId: nodeOf(event), start, at: start });
  }

  move(event: PointerEvent): void {
    const press = this.#presses.get(event.pointerId);
    if (press === undefined) return;
    const before = press.at;
    const now = this.#point(event);
    if (this.#presses.size === 2) {
      this.#capture(event);
      this.#pinch(event.pointerId, before, now);
    } else if (this.#isDrag || distance(press.start, now) >= CLICK_PX) {
      this.#capture(event);
      if (press.nodeId === undefined) this.#effects.pan(now.x - before.x, now.y - before.y);
      else this.#effects.drag(press.nodeId, now);
    } else {
      return;
    }
    press.at = now;
  }

  up(event: PointerEvent): void {
    this.#presses.delete(event.pointerId);
  }

  click(event: Event): void {
    if (!this.#isDrag) {
      if (nodeOf(event) === undefined) this.#effects.press();
      return;
    }
    this.#isDrag = false;
    event.stopPropagation();
    event.preventDefault();
  }

  wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const pixels = event.deltaMode === 0 ? event.deltaY : 20 * event.deltaY;
    this.#effects.zoom(Math.exp(-Math.max(-60, Math.min(60, pixels)) / 120), this.#point(event));
  }

  #pinch(pointerId: number, before: Point, now: Point): void {
    const other = [...this.#presses].find(([id]) => id !== pointerId)?.[1].at;
    if (other === undefined) return;
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    this.#effects.zoom(distance(now, other) / Math.max(1, distance(before, other)), middle);
    this.#effects.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  #capture(event: PointerEvent): void {
    this.#isDrag = true;
    if (!this.#element.hasPointerCapture(event.pointerId)) {
      this.#element.setPointerCapture(event.pointerId);
    }
  }

  #point(event: MouseEvent): Point {
    const { left, top } = this.#element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }
}

/** The node at which it happened. */
function nodeOf({ target }: Event): string | undefined {
  const node = target instanceof Element ? target.closest('[data-node]') : null;
  return node?.getAttribute('data-node') ?? undefined;
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
