/** In which digest cells two stores differ, and whether that lasts. */
import { CELL_MAP_BYTES, CELLS } from '../protocol/cluster/repair.js';

/** The exclusive or of two sets of cells, two words a cell. */
export type CellDifference = Int32Array;

export function differenceOf(ours: Int32Array, theirs: Int32Array): CellDifference {
  return Int32Array.from({ length: 2 * CELLS }, (_, i) => ours[i] ^ theirs[i]);
}

/** A bitmap of cells, and how many they are. */
export interface CellSet {
  readonly bits: Uint8Array;
  readonly size: number;
}

/**
 * Cells that differ in the same way in two comparisons, within `among`: what differs otherwise is
 * changes on their way.
 */
export function stable(first: CellDifference, second: CellDifference, among: Uint8Array): CellSet {
  return select((cell) => {
    if (((among[cell >>> 3] >>> (cell & 7)) & 1) === 0) return false;
    const low = second[2 * cell];
    const high = second[2 * cell + 1];
    return (low | high) !== 0 && low === first[2 * cell] && high === first[2 * cell + 1];
  });
}

/** Up to `sizeMax` of the cells, from `start` on and around. */
export function limit({ bits, size }: CellSet, sizeMax: number, start: number): CellSet {
  if (size <= sizeMax) return { bits, size };
  const limited = new Uint8Array(CELL_MAP_BYTES);
  for (let i = 0, left = sizeMax; i < CELLS && left > 0; i++) {
    const cell = (start + i) % CELLS;
    const bit = 1 << (cell & 7);
    if ((bits[cell >>> 3] & bit) === 0) continue;
    limited[cell >>> 3] |= bit;
    left--;
  }
  return { bits: limited, size: sizeMax };
}

function select(isIn: (cell: number) => boolean): CellSet {
  const bits = new Uint8Array(CELL_MAP_BYTES);
  let size = 0;
  for (let cell = 0; cell < CELLS; cell++) {
    if (!isIn(cell)) continue;
    bits[cell >>> 3] |= 1 << (cell & 7);
    size++;
  }
  return { bits, size };
}
