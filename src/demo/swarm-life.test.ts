import { describe, expect, it } from 'vitest';
import { Agenda } from './agenda.js';
import { type Peer, SwarmLife } from './swarm-life.js';

describe('the life of swarms', () => {
  it('is the same again from the same seed', () => {
    const lives = [new SwarmLife(7), new SwarmLife(7), new SwarmLife(8)];
    const [a, b, c] = lives.map((life) => Array.from({ length: 50 }, () => life.arrive(0, false)));
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  });

  it('has popular swarms with many that download, and old ones with some that seed', () => {
    const life = new SwarmLife(1);
    const peers = Array.from({ length: 5_000 }, () => life.arrive(1_000, false));
    const inSwarm = (swarm: number) =>
      peers.filter(({ infoHash }) => infoHash === life.hashes[swarm]);
    expect(inSwarm(0).length).toBeGreaterThan(5 * inSwarm(50).length);
    const seeders = (swarm: number) => inSwarm(swarm).filter(({ isSeeder }) => isSeeder).length;
    expect(seeders(0) / inSwarm(0).length).toBeLessThan(0.3);
    expect(seeders(50) / inSwarm(50).length).toBeGreaterThan(0.5);
    for (const protocol of ['udp', 'http', 'web']) {
      expect(peers.some((peer) => peer.protocol === protocol)).toBe(true);
    }
  });

  it('lets nobody leave before it completed, and nobody who seeds complete', () => {
    const life = new SwarmLife(2);
    for (let i = 0; i < 1_000; i++) {
      const { isSeeder, completesMs, leavesMs } = life.arrive(5_000, i % 2 === 0);
      if (isSeeder) expect(completesMs).toBe(Number.POSITIVE_INFINITY);
      else expect(leavesMs).toBeGreaterThan(completesMs);
    }
  });

  it('begins as it goes on: some who were there before have all of it, and nobody is overdue', () => {
    const life = new SwarmLife(3);
    const now = 500_000;
    const arrive = (isUnderWay: boolean) =>
      Array.from({ length: 5_000 }, () => life.arrive(now, isUnderWay));
    const seeders = (peers: readonly Peer[]) => peers.filter(({ isSeeder }) => isSeeder).length;
    const [before, fresh] = [arrive(true), arrive(false)];
    for (const { completesMs, leavesMs } of before) {
      expect(leavesMs).toBeGreaterThan(now);
      expect(completesMs).toBeGreaterThan(now);
    }
    // What comes is to what is there as a moment to a life.
    expect(seeders(before)).toBeGreaterThan(1.2 * seeders(fresh));
  });
});

describe('an agenda', () => {
  it('gives everything once, not before its time, and what is late with the next slot', () => {
    const agenda = new Agenda<string>(10, 100);
    agenda.add('b', 125);
    agenda.add('a', 109);
    expect(agenda.take(105)).toEqual(['a']);
    expect(agenda.take(119)).toEqual([]);
    agenda.add('late', 50);
    expect(agenda.take(130).sort()).toEqual(['b', 'late']);
    expect(agenda.take(10_000)).toEqual([]);
  });
});
