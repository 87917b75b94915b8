/** Removing peers of a leaf that a walk stands at: those whose time is over, or whose node is. */
import { Global, SEGMENT_MASK, SEGMENT_SHIFT } from './layout.js';
import { PeerFlag } from './leaf.js';
import type { SwarmStore } from './swarm-store.js';

/** Decides about a peer by its two meta words (leaf.ts), and its wire, words of `all` from `at` on. */
export type IsGone = (stamp: number, seenAndFlags: number, all: Uint16Array, at: number) => boolean;

/** Removes the peers of which `isGone` is true. Returns how many. Needs the lock of the shard. */
export function sweepLeaf(
  store: SwarmStore,
  shard: number,
  record: number,
  kind: number,
  index: number,
  words: number,
  isGone: IsGone,
): number {
  const { sets, leaves, heap, table } = store;
  let set = table.setOf(record, kind);
  let removed = 0;
  // From the last slot down: a removal fills the gap with a peer that was looked at already.
  for (let slot = sets.peersAt(set, index) - 1; slot >= 0; slot--) {
    const leaf = sets.leafAt(set, index);
    const meta = leaves.metaStart(leaf, words) + 2 * slot;
    const segment = heap.i32[leaf >>> SEGMENT_SHIFT];
    const wire = (leaf & SEGMENT_MASK) * 4 + slot * words;
    if (!isGone(segment[meta], segment[meta + 1], heap.u16[leaf >>> SEGMENT_SHIFT], wire)) continue;
    table.remove(shard, record, kind, index, slot);
    removed++;
    // The removal may have merged this leaf away, or taken the words of the set.
    set = table.setOf(record, kind);
    if (index >= sets.leafCount(set)) break;
  }
  return removed;
}

/**
 * Whether the time of a peer is over, by its flags, the seconds since it was heard of, and its stamp.
 * A tracker that stands alone, perhaps once part of a cluster, takes all peers for its own: they live
 * `peerTtlSeconds`, or longer while the store's control words say so.
 */
export function isOver(
  { replication, control, stamp: now }: SwarmStore,
  flags: number,
  age: number,
  stamp: number,
  peerTtlSeconds: number,
): boolean {
  if (replication === undefined) return age > (control[Global.peerTtlSeconds] || peerTtlSeconds);
  return replication.isOver(flags & PeerFlag.origin, age, stamp, now);
}
