/**
 * Which minders are alive, as this one hears them, and in what order they take up work that one of
 * them is to do: by id. Two that do not hear each other both come first, and whatever they do must
 * bear that.
 */
import type { Clock } from '../lib/clock.js';
import type { ControlState } from './control-state.js';

export interface MinderOrderOptions {
  /** Without a heartbeat for longer, a minder does not count. Default 5 s. */
  readonly silentSeconds?: number;
}

const SILENT_SECONDS = 5;

export class MinderOrder {
  readonly #silentSeconds: number;
  readonly #state: ControlState;
  readonly #clock: Clock;
  /** When each was last heard; only minders of the state. */
  readonly #heard = new Map<string, number>();
  readonly #listeners: ((nodeId: string) => void)[] = [];

  constructor(
    { silentSeconds = SILENT_SECONDS }: MinderOrderOptions,
    { state, clock }: { state: ControlState; clock: Clock },
  ) {
    this.#silentSeconds = silentSeconds;
    this.#state = state;
    this.#clock = clock;
  }

  /** A heartbeat came on the subject of a node, of whatever role. */
  hear(nodeId: string): void {
    if (nodeId === this.#state.minderId || !this.#isMinder(nodeId)) return;
    const isNew = !this.#isLive(nodeId);
    this.#heard.set(nodeId, this.#clock.monotonicSeconds());
    if (isNew) for (const listener of this.#listeners) listener(nodeId);
  }

  /** Calls back when a minder is heard that was not before, or was silent. */
  onNew(listener: (nodeId: string) => void): void {
    this.#listeners.push(listener);
  }

  /** The other minders that live, in order. */
  others(): string[] {
    for (const nodeId of this.#heard.keys()) {
      if (!this.#isMinder(nodeId)) this.#heard.delete(nodeId);
    }
    return [...this.#heard.keys()].filter((nodeId) => this.#isLive(nodeId)).sort();
  }

  /** This minder's place in the order of those that live; 0 comes first. */
  rank(): number {
    return this.others().filter((nodeId) => nodeId < this.#state.minderId).length;
  }

  #isLive(nodeId: string): boolean {
    const heard = this.#heard.get(nodeId);
    if (heard === undefined) return false;
    return this.#clock.monotonicSeconds() - heard <= this.#silentSeconds;
  }

  #isMinder(nodeId: string): boolean {
    const state = this.#state;
    if (state.get('revocation', nodeId) !== undefined) return false;
    return (
      state.get('minder', nodeId) !== undefined || state.get('node', nodeId)?.role === 'minder'
    );
  }
}
