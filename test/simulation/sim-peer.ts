/** Swarms and peers of the simulation, by number. */
import { PeerQuery } from '../../src/swarm/query.js';

export interface SimPeer {
  readonly swarm: number;
  readonly peer: number;
}

/** What a peer says of itself. */
export const SimEvent = {
  leech: 0,
  seed: 1,
  complete: 2,
  pause: 3,
  stop: 4,
} as const;
export type SimEvent = (typeof SimEvent)[keyof typeof SimEvent];

export function infoHashOf(swarm: number): Int32Array {
  const word = (salt: number) => Math.imul(swarm + 1, 0x9e3779b1) ^ Math.imul(salt, 0x85ebca6b);
  return Int32Array.of(word(1), word(2), word(3), word(4), swarm);
}

/** Every third peer has IPv6. No address is loopback: budgets are for everybody. */
export function queryOf({ swarm, peer }: SimPeer, event: SimEvent): PeerQuery {
  const query = new PeerQuery();
  query.infoHash.set(infoHashOf(swarm));
  query.family = peer % 3 === 0 ? 6 : 4;
  query.wireBytes.fill(0);
  query.wireBytes.set(query.family === 6 ? [0x20, 0x01, 0x0d, 0xb8] : [203, 0, 113]);
  const last = query.family === 6 ? 18 : 6;
  query.wireBytes.set([peer, 0x1a, 0xe1], last - 3);
  query.stopped = event === SimEvent.stop;
  query.seeder = event === SimEvent.seed || event === SimEvent.complete;
  query.completed = event === SimEvent.complete;
  query.partialSeed = event === SimEvent.pause;
  return query;
}
