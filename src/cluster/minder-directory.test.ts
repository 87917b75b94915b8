import { beforeEach, describe, expect, it } from 'vitest';
import type { ClusterSettings, MinderAddresses } from '../protocol/cluster/control.js';
import { type KnownAddresses, MinderDirectory } from './minder-directory.js';

const [A, B, C] = ['a', 'b', 'c'].map((digit) => `n${digit.repeat(16)}`);
const START: KnownAddresses = {
  minders: ['https://first:7443'],
  bus: ['tls://first:7422'],
  directory: [],
};
let directory: MinderDirectory;
beforeEach(() => {
  directory = new MinderDirectory();
});

function at(id: string, ...hosts: string[]): MinderAddresses {
  return {
    id,
    urls: hosts.map((host) => `https://${host}:7443`),
    bus: hosts.map((host) => `tls://${host}:7422`),
  };
}

function says(minder: string, minders: MinderAddresses[], revoked: string[] = []): ClusterSettings {
  const key = '0'.repeat(32);
  const keyRing = { generation: 1, previous: key, current: key, next: key };
  return { version: 1, type: 'settings', revision: 1, minder, keyRing, revoked, minders };
}

const hosts = ({ minders }: KnownAddresses) => minders.map((url) => new URL(url).hostname);
const servers = ({ bus }: KnownAddresses) => bus.map((url) => /\/\/(.*):/.exec(url)?.[1]);

describe('where minders are', () => {
  it('is what they say, before what was known', () => {
    const known = directory.take(START, says(A, [at(A, 'a'), at(B, 'b')]), 0);
    expect(hosts(known)).toEqual(['a', 'b', 'first']);
    expect(servers(known)).toEqual(['a', 'b', 'first']);
  });

  it('stays as it is when minders name the same in another order', () => {
    const known = directory.take(START, says(A, [at(A, 'a'), at(B, 'b')]), 0);
    const again = directory.take(known, says(B, [at(B, 'b'), at(A, 'a')]), 10);
    expect(again).toEqual(known);
  });

  it('is kept of one that is not named', () => {
    const known = directory.take(START, says(A, [at(A, 'a'), at(B, 'b')]), 0);
    const later = directory.take(known, says(A, [at(A, 'a2')]), 10);
    expect(hosts(later)).toEqual(['a2', 'b', 'a', 'first']);
  });

  it('is what a minder says of itself, while it speaks', () => {
    let known = directory.take(START, says(B, [at(B, 'new')]), 0);
    known = directory.take(known, says(A, [at(A, 'a'), at(B, 'old')]), 30_000);
    expect(hosts(known)).toEqual(['a', 'new', 'first']);
    known = directory.take(known, says(A, [at(A, 'a'), at(B, 'moved')]), 90_000);
    expect(hosts(known)).toEqual(['a', 'moved', 'new', 'first']);
  });

  it('is forgotten of one that was revoked, whoever names it, and not of others', () => {
    let known = directory.take(START, says(A, [at(A, 'a', 'shared'), at(B, 'b', 'shared')]), 0);
    known = directory.take(known, says(A, [at(A, 'a', 'shared'), at(B, 'b')], [B]), 10);
    expect(hosts(known)).toEqual(['a', 'shared', 'first']);
    expect(known.directory.map(({ id }) => id)).toEqual([A]);
  });

  it('is not forgotten altogether', () => {
    const alone = { ...START, directory: [at(A, 'first')] };
    expect(hosts(directory.take(alone, says(B, [], [A]), 0))).toEqual(['first']);
  });

  it('has the first address of each minder before the second of any, and a bound', () => {
    const many = (name: string) => Array.from({ length: 16 }, (_, i) => `${name}${i}`);
    const known = directory.take(
      START,
      says(A, [at(A, ...many('a')), at(B, ...many('b')), at(C, ...many('c'))]),
      0,
    );
    expect(hosts(known).slice(0, 4)).toEqual(['a0', 'b0', 'c0', 'a1']);
    expect(hosts(known)).toHaveLength(32);
  });

  it('is not lost when a minder does not know its own address', () => {
    const known = directory.take(START, says(A, [at(B, 'b')]), 0);
    const later = directory.take(known, says(B, [at(B)]), 10);
    expect(hosts(later)).toEqual(['b', 'first']);
  });
});
