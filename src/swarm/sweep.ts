/** Removing peers of a leaf that a walk stands at: those whose time is over, or whose node is. */
import { Global, SEGMENT_SHIFT, Swarm } from './layout.js';
import { PeerFlag } from './leaf.js';
import type { SwarmStore } from './swarm-store.js';

/**
 * Removes the peers of which `isGone` is true, given their two meta words (leaf.ts). Returns how
 * many. Needs the lock of the shard.
 */
export function sweepLeaf(
  store: SwarmStore,
  shard: number,
  record: number,
  kind: number,
  index: number,
  words: number,
  isGone: (stamp: number, seenAndFlags: number) => boolean,
): number {
  const { sets, leaves, heap } = store;
  const set = record + Swarm.sets + 2 * kind;
  let removed = 0;
  // From the last slot down: a removal fills the gap with a peer that was looked at already.
  for (let slot = sets.peersAt(set, index) - 1; slot >= 0; slot--) {
    const leaf = sets.leafAt(set, index);
    const meta = leaves.metaStart(leaf, words) + 2 * slot;
    const segment = heap.i32[leaf >>> SEGMENT_SHIFT];
    if (!isGone(segment[meta], segment[meta + 1])) continue;
    store.removeAt(shard, record, kind, index, slot);
    removed++;
    // The removal may have merged this leaf away.
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
