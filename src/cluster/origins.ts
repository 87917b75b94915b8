/**
 * The nodes that peers came from, by the 12-bit slots in which the store keeps them.
 *
 * ```
 * slot 0        this node
 *      1..4094  other nodes, in the order in which they were first heard of; a slot is never reused
 *      4095     nodes that came when all slots were given out: they cannot be told apart
 * ```
 *
 * The store and its snapshots hold slots, so the table must be on disk before they do: whoever keeps
 * it is told of each new node at once (origins-file.ts).
 */
import { assert } from '../lib/assert.js';
import { isNodeId, NO_NODE } from '../protocol/cluster/node-id.js';

/** This node's own slot. */
export const SELF_SLOT = 0;
/** Slots that can be given out, this node's not counted. */
export const ORIGINS_MAX = 4_094;
/** The slot of all nodes that found no slot of their own. */
export const OTHER_SLOT = 4_095;

export interface OriginsOptions {
  /** This node's id. */
  readonly self: string;
  /** Ids of slots 1, 2, ..., as they were kept. */
  readonly known?: readonly string[];
}

export interface OriginsDependencies {
  /** Called with the ids of slots 1, 2, ... when one is added, which is not when this throws. */
  readonly keep: (ids: readonly string[]) => void;
}

export class Origins {
  readonly self: string;
  readonly #ids: string[];
  readonly #slots = new Map<string, number>();
  readonly #keep: (ids: readonly string[]) => void;
  #refused = 0;

  constructor({ self, known = [] }: OriginsOptions, { keep }: OriginsDependencies) {
    assert(known.length <= ORIGINS_MAX, 'known origins fit their slots');
    this.self = self;
    this.#ids = [...known];
    this.#keep = keep;
    known.forEach((id, index) => {
      this.#slots.set(id, index + 1);
    });
    // Last: a node that has an id from before may find it in its own table.
    this.#slots.set(self, SELF_SLOT);
  }

  /** Nodes known, this one not counted. */
  get size(): number {
    return this.#ids.length;
  }

  /** How often a node was asked for that found no slot. */
  get refused(): number {
    return this.#refused;
  }

  /** The slot of a node, given out when it has none yet; OTHER_SLOT when there can be none. */
  slotOf(id: string): number {
    const slot = this.#slots.get(id);
    if (slot !== undefined) return slot;
    if (!isNodeId(id)) return OTHER_SLOT;
    if (this.#ids.length === ORIGINS_MAX) {
      this.#refused++;
      return OTHER_SLOT;
    }
    this.#ids.push(id);
    try {
      this.#keep(this.#ids);
    } catch {
      // A slot that is not on disk could mean another node after a restart. The next word tries again.
      this.#ids.pop();
      this.#refused++;
      return OTHER_SLOT;
    }
    this.#slots.set(id, this.#ids.length);
    return this.#ids.length;
  }

  /** The slot of a node that has one, else -1. */
  find(id: string): number {
    return this.#slots.get(id) ?? -1;
  }

  /** The node in a slot; NO_NODE for one that cannot be named. */
  idOf(slot: number): string {
    return slot === SELF_SLOT ? this.self : (this.#ids[slot - 1] ?? NO_NODE);
  }

  /**
   * Which of two origins counts when they said something with the same stamp: over 0 when it is the
   * first. Every node of the cluster answers the same, whatever its slots.
   */
  readonly compare = (slotA: number, slotB: number): number => {
    if (slotA === slotB) return 0;
    const a = this.idOf(slotA);
    const b = this.idOf(slotB);
    return a < b ? -1 : a > b ? 1 : 0;
  };
}
