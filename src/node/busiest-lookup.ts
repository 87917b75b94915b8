/** The busiest swarms as operators see them: found by the keeper, counted when they are asked for. */
import type { BusiestSwarm, BusiestView } from '../admin/admin-source.js';
import { INFO_HASH_BYTES } from '../swarm/busiest.js';
import type { StoreMemory } from '../swarm/layout.js';
import { ListGate } from '../swarm/list-gate.js';
import { lookUpSwarm } from '../swarm/lookup.js';
import { PeerQuery } from '../swarm/query.js';
import type { SwarmStore } from '../swarm/swarm-store.js';
import type { BusiestReport } from './message.js';

/** A shard that nobody lets go costs a wait for each of its swarms: no more of them than this. */
const WAIT_MS_MAX = 1_000;

export class BusiestLookup {
  readonly #store: SwarmStore;
  readonly #gate: ListGate;
  readonly #query = new PeerQuery();
  #report: BusiestReport = { atMs: 0, infoHashes: new Uint8Array(0) };

  constructor(store: SwarmStore, memory: StoreMemory) {
    this.#store = store;
    this.#gate = new ListGate(memory);
  }

  note(report: BusiestReport): void {
    this.#report = report;
  }

  /** With the counts of now. Swarms that are gone or forbidden meanwhile are left out. */
  view(wallMs: number): BusiestView {
    const { atMs, infoHashes } = this.#report;
    this.#gate.wallSeconds = Math.floor(wallMs / 1000);
    const untilMs = performance.now() + WAIT_MS_MAX;
    const swarms: BusiestSwarm[] = [];
    for (let at = 0; at < infoHashes.length; at += INFO_HASH_BYTES) {
      if (performance.now() > untilMs) break;
      const swarm = this.#lookUp(infoHashes.subarray(at, at + INFO_HASH_BYTES));
      if (swarm !== undefined) swarms.push(swarm);
    }
    const peersOf = ({ seeders, leechers }: BusiestSwarm) => seeders + leechers;
    return { atMs, swarms: swarms.sort((a, b) => peersOf(b) - peersOf(a)) };
  }

  #lookUp(bytes: Uint8Array): BusiestSwarm | undefined {
    this.#query.setInfoHash(bytes, 0);
    const { infoHash } = this.#query;
    if (this.#gate.refuses(infoHash, 0)) return undefined;
    const found = lookUpSwarm(this.#store, infoHash, 0);
    if (found === undefined) return undefined;
    const { seeders, leechers, downloads } = found.counts;
    if (seeders + leechers === 0) return undefined;
    const hex = Buffer.from(bytes).toString('hex');
    return { infoHash: hex, seeders, leechers, webPeers: found.webPeers, downloads };
  }
}
