/** Swarms and peers of the simulation, by number. */
import { PeerFamily, PeerQuery } from '../../src/swarm/query.js';
import { writeWebWire } from '../../src/swarm/web-wire.js';

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

/** The run of a tracker that a web peer is connected to. */
export interface WebHolder {
  readonly node: string;
  readonly epoch: number;
}

/** Every third peer has IPv6, and every fifth is a web peer. No address is loopback: budgets are for everybody. */
export function queryOf({ swarm, peer }: SimPeer, event: SimEvent, holder: WebHolder): PeerQuery {
  const query = new PeerQuery();
  query.infoHash.set(infoHashOf(swarm));
  query.wireBytes.fill(0);
  if (peer % 5 === 4) {
    query.family = PeerFamily.web;
    writeWebWire(query.wireBytes, 0, { ...holder, connection: peer });
  } else {
    query.family = peer % 3 === 0 ? 6 : 4;
    query.wireBytes.set(query.family === 6 ? [0x20, 0x01, 0x0d, 0xb8] : [203, 0, 113]);
    const last = query.family === 6 ? 18 : 6;
    query.wireBytes.set([peer, 0x1a, 0xe1], last - 3);
  }
  query.stopped = event === SimEvent.stop;
  query.seeder = event === SimEvent.seed || event === SimEvent.complete;
  query.completed = event === SimEvent.complete;
  query.partialSeed = event === SimEvent.pause;
  return query;
}
