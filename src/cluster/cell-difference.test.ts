import { expect, it } from 'vitest';
import { CELL_MAP_BYTES, CELLS } from '../protocol/cluster/repair.js';
import { differenceOf, limit, stable } from './cell-difference.js';

const ALL = new Uint8Array(CELL_MAP_BYTES).fill(0xff);

function cellsWith(values: Record<number, readonly [number, number]>): Int32Array {
  const cells = new Int32Array(2 * CELLS);
  for (const [cell, words] of Object.entries(values)) cells.set(words, 2 * Number(cell));
  return cells;
}

function listOf({ bits }: { bits: Uint8Array }): number[] {
  return Array.from({ length: CELLS }, (_, cell) => cell).filter(
    (cell) => (bits[cell >>> 3] & (1 << (cell & 7))) !== 0,
  );
}

it('takes cells that differ twice in the same way, and no others', () => {
  const ours = cellsWith({ 0: [1, 0], 5: [7, 7], 9: [0, 3], 4095: [0, -1] });
  const first = differenceOf(ours, cellsWith({ 5: [7, 7], 9: [0, 3], 11: [1, 1] }));
  const second = differenceOf(ours, cellsWith({ 5: [7, 7], 9: [0, 2], 11: [1, 2] }));
  const found = stable(first, second, ALL);
  expect(listOf(found)).toEqual([0, 4_095]);
  expect(found.size).toBe(2);
  expect(listOf(stable(first, second, Uint8Array.of(1, ...ALL.subarray(1).fill(0))))).toEqual([0]);
});

it('limits a set to a part that begins anywhere', () => {
  const cells = { bits: new Uint8Array(CELL_MAP_BYTES).fill(0xff), size: CELLS };
  expect(listOf(limit(cells, 3, 4_094))).toEqual([0, 4_094, 4_095]);
  expect(limit(cells, CELLS, 5)).toEqual(cells);
});
