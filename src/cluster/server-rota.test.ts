import { describe, expect, it } from 'vitest';
import { Prng } from '../lib/prng.js';
import { ServerRota } from './server-rota.js';

function rota(servers: readonly string[], groups?: string[][], seed = 1): ServerRota {
  const prng = new Prng(seed);
  return new ServerRota({ servers, groups }, { random: () => prng.next() / 2 ** 32 });
}

const take = (from: ServerRota, count: number) => Array.from({ length: count }, () => from.next());

describe('the order in which servers are tried', () => {
  it('has each once in a round', () => {
    const servers = ['a', 'b', 'c', 'd'];
    for (let seed = 0; seed < 50; seed++) {
      const order = rota(servers, undefined, seed);
      for (let round = 0; round < 3; round++) expect(take(order, 4).sort()).toEqual(servers);
    }
  });

  it('differs from node to node, so that they spread', () => {
    const firsts = Array.from({ length: 300 }, (_, seed) => rota(['a', 'b', 'c'], [], seed).next());
    for (const server of ['a', 'b', 'c']) {
      expect(firsts.filter((first) => first === server).length).toBeGreaterThan(50);
    }
  });

  it('has other servers before another address of the one that failed', () => {
    for (let seed = 0; seed < 50; seed++) {
      const groups = [
        ['a1', 'a2', 'a3'],
        ['b1', 'b2'],
      ];
      const order = rota(groups.flat(), groups, seed);
      const first = order.next();
      order.blame(first);
      expect(order.next()[0]).not.toBe(first[0]);
    }
  });

  it('has the server last that was lost, also when a round begins', () => {
    for (let seed = 0; seed < 50; seed++) {
      const order = rota(['a', 'b', 'c'], [], seed);
      const lost = order.next();
      order.set(['a', 'b', 'c']);
      order.blame(lost);
      expect(take(order, 3)[2]).toBe(lost);
    }
  });

  it('begins anew once a server has let us in', () => {
    const order = rota(['a', 'b', 'c']);
    order.blame('a');
    order.blame('b');
    order.next();
    order.settle();
    order.blame('c');
    expect(take(order, 3)[2]).toBe('c');
  });

  it('has only servers that are named now', () => {
    const order = rota(['a', 'b']);
    order.next();
    order.set(['c', 'd']);
    order.blame('a');
    expect(take(order, 2).sort()).toEqual(['c', 'd']);
  });
});
