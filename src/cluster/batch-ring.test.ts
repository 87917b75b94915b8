import { expect, it } from 'vitest';
import { BatchRing } from './batch-ring.js';

it('holds the last batches within its bytes', () => {
  const ring = new BatchRing({ bytesMax: 1_000 });
  for (let n = 1; n <= 500; n++) {
    ring.push(new Uint8Array(10).fill(n));
    ring.cursor = ring.next;
  }
  expect([ring.first, ring.next, ring.bytes, ring.unpublished]).toEqual([401, 501, 1_000, 0]);
  expect(ring.get(400)).toBeUndefined();
  expect(ring.get(401)).toEqual(new Uint8Array(10).fill(401));
  expect(ring.get(500)).toEqual(new Uint8Array(10).fill(500));
  expect(ring.get(501)).toBeUndefined();
});

it('moves the cursor over batches that went before they were published, and counts them', () => {
  const ring = new BatchRing({ bytesMax: 100 });
  for (let n = 1; n <= 30; n++) ring.push(new Uint8Array(10));
  expect([ring.first, ring.cursor, ring.unpublished]).toEqual([21, 21, 20]);
});

it('holds one batch however large', () => {
  const ring = new BatchRing({ bytesMax: 100 });
  ring.push(new Uint8Array(500));
  expect(ring.get(1)?.length).toBe(500);
  ring.push(new Uint8Array(500));
  expect([ring.first, ring.next]).toEqual([2, 3]);
});
