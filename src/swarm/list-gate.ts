/**
 * Says whether an info hash may have a swarm, by the lists and their mode. A swarm that exists is
 * allowed: this is asked only where a record would be made, so the announces of known swarms pay
 * nothing for it, and whoever changes a list drops the swarms that it forbids (list-sweep.ts).
 */
import { HashList, ListMode } from './hash-list.js';
import { Global, type StoreMemory } from './layout.js';

export class ListGate {
  /** Wall time of what follows, seconds since 1970. */
  wallSeconds = 0;
  readonly #control: Int32Array;
  readonly #deny: HashList | undefined;
  readonly #allow: HashList | undefined;

  constructor({ control, lists }: StoreMemory) {
    this.#control = new Int32Array(control);
    if (lists === undefined) return;
    this.#deny = new HashList(lists.deny);
    this.#allow = new HashList(lists.allow);
  }

  /** True when the info hash, five words at `at`, may have no swarm. */
  refuses(words: Int32Array, at: number): boolean {
    const mode = Atomics.load(this.#control, Global.listMode);
    if (mode === ListMode.open || this.#deny === undefined) return false;
    if (mode === ListMode.deny) return this.#deny.has(words, at, this.wallSeconds);
    return this.#allow?.has(words, at, this.wallSeconds) !== true;
  }
}
