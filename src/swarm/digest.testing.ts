/** What the digest cells of a store should be, computed from nothing but its peers. */
import { type CellVisitor, CellWalk } from './cell-walk.js';
import { DigestHash, roleTag } from './digest-hash.js';
import type { WalkFamilies } from './layout.js';
import { wordsOf } from './leaf.js';
import { CELL_WORDS, CELLS } from './replication-memory.js';
import type { SwarmStore } from './swarm-store.js';

/** `families`: of which peers; all unless told otherwise. */
export function recomputeCells(store: SwarmStore, families: WalkFamilies = 'all'): Int32Array {
  if (store.replication === undefined) throw new Error('the store does not replicate');
  const hash = new DigestHash(store.replication.memory.digestKey);
  const cells = new Int32Array(CELLS * CELL_WORDS);
  const visitor: CellVisitor = {
    swarm(words, at) {
      hash.swarm(words, at);
    },
    peer(word) {
      hash.peer(word.wire, 0, wordsOf(word.kind), roleTag(word.kind, word.partialSeed));
      cells[CELL_WORDS * hash.cell] ^= hash.low;
      cells[CELL_WORDS * hash.cell + 1] ^= hash.high;
    },
  };
  const walk = new CellWalk(store, visitor, { families });
  while (walk.step(1_000));
  return cells;
}
