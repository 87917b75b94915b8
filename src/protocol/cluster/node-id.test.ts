import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isNodeId, NO_NODE, NODE_ID_BYTES, readNodeId, writeNodeId } from './node-id.js';

const id = fc
  .uint8Array({ minLength: NODE_ID_BYTES, maxLength: NODE_ID_BYTES })
  .map((bytes) => `n${Buffer.from(bytes).toString('hex')}`);

it('is read as it was written, and ordered as its bytes', () => {
  fc.assert(
    fc.property(id.filter(isNodeId), id.filter(isNodeId), (a, b) => {
      const bytes = new Uint8Array(2 * NODE_ID_BYTES);
      writeNodeId(bytes, 0, a);
      writeNodeId(bytes, NODE_ID_BYTES, b);
      expect([readNodeId(bytes, 0), readNodeId(bytes, NODE_ID_BYTES)]).toEqual([a, b]);
      const order = Buffer.compare(bytes.subarray(0, 8), bytes.subarray(8));
      expect(order).toBe(a < b ? -1 : a > b ? 1 : 0);
    }),
  );
});

it('writes no node as zeros, which no node has for an id', () => {
  const bytes = new Uint8Array(NODE_ID_BYTES).fill(0xff);
  writeNodeId(bytes, 0, NO_NODE);
  expect(bytes).toEqual(new Uint8Array(NODE_ID_BYTES));
  expect(readNodeId(bytes, 0)).toBe(NO_NODE);
  expect(isNodeId('n0000000000000000')).toBe(false);
});

it.each([
  '',
  'n',
  'n0123456789abcde',
  'n0123456789abcdef0',
  'N0123456789abcdef',
  'n0123456789ABCDEF',
  'n0123456789abcd.*',
  'n0123456789abcdef\n',
])('does not take %j for an id', (text) => {
  expect(isNodeId(text)).toBe(false);
});
