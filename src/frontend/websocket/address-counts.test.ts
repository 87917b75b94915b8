import { expect, it } from 'vitest';
import { Endpoint } from '../../lib/endpoint.js';
import { AddressCounts, createAddressCounts, NO_CELL } from './address-counts.js';

function endpoint(address: string): Endpoint {
  const result = new Endpoint();
  result.setAddressText(address);
  return result;
}

it('lets so many of one address in, in all threads together, until some are gone', () => {
  const shared = createAddressCounts();
  const threads = [new AddressCounts(3, shared), new AddressCounts(3, shared)];
  const source = endpoint('192.0.2.1');
  const cells = [0, 1, 0].map((i) => threads[i].take(source));
  for (const cell of cells) expect(cell).toBeGreaterThan(NO_CELL);
  expect(threads.map((counts) => counts.take(source))).toEqual([-1, -1]);
  threads[1].give(cells[0]);
  expect(threads[0].take(source)).toBeGreaterThan(NO_CELL);
  expect(threads[1].take(source)).toBe(-1);
});

it('counts an IPv6 network as one address, and others apart', () => {
  const counts = new AddressCounts(1, createAddressCounts());
  expect(counts.take(endpoint('2001:db8::1'))).toBeGreaterThan(NO_CELL);
  expect(counts.take(endpoint('2001:db8::2'))).toBe(-1);
  // One of a few may share a cell by chance, all of them never.
  const others = ['192.0.2.1', '192.0.2.2', '198.51.100.1', '2001:db8:0:1::1', '2001:db9::1'];
  const cells = others.map((address) => counts.take(endpoint(address)));
  expect(new Set(cells.filter((cell) => cell > NO_CELL)).size).toBeGreaterThan(2);
});

it('counts neither loopback nor anybody where there is no bound', () => {
  const counts = new AddressCounts(1, createAddressCounts());
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
    for (let i = 0; i < 3; i++) expect(counts.take(endpoint(address))).toBe(NO_CELL);
  }
  const unbounded = new AddressCounts(0, createAddressCounts());
  for (let i = 0; i < 3; i++) expect(unbounded.take(endpoint('192.0.2.1'))).toBe(NO_CELL);
});
