/**
 * The swarm store as one would write it without a thought for speed: plain Maps. It is the oracle
 * that the real one is tested against, and says what an announce means in the fewest lines.
 */
import type { ScrapeEntry } from '../protocol/announce.js';
import type { StoreLimits } from './layout.js';
import { Outcome, PeerFamily, type PeerQuery, WantFamily } from './query.js';

export interface NaivePeer {
  family: PeerFamily;
  seeder: boolean;
  partialSeed: boolean;
  completed: boolean;
  seen: number;
}

export interface NaiveSwarm {
  readonly peers: Map<string, NaivePeer>;
  downloads: number;
  emptySince: number;
}

/** What the oracle says of an announce: counts, and every peer that a reply may name. */
export interface NaiveAnswer {
  outcome: Outcome;
  seeders: number;
  leechers: number;
  downloads: number;
  /** Keys of the peers that may be told, and how many of them a reply names. */
  candidates4: Set<string>;
  candidates6: Set<string>;
  told: number;
  /** The same of web peers. */
  candidatesWeb: Set<string>;
  toldWeb: number;
}

/** The key of a peer in wire form. */
export function peerKey(bytes: Uint8Array, at: number, family: PeerFamily): string {
  return Buffer.from(bytes.subarray(at, at + (family === 4 ? 6 : 18))).toString('hex');
}

export class NaiveStore {
  readonly swarms = new Map<string, NaiveSwarm>();
  seconds = 0;
  peers = 0;
  readonly #limits: StoreLimits;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  announce(query: PeerQuery): NaiveAnswer {
    const id = query.infoHash.join();
    const key = peerKey(query.wireBytes, 0, query.family);
    let outcome: Outcome = Outcome.done;
    let swarm = this.swarms.get(id);
    const wasEmpty = swarm?.peers.size === 0;
    if (query.stopped) {
      if (swarm?.peers.delete(key)) this.peers--;
    } else {
      const known = swarm?.peers.get(key);
      // A swarm with web peers takes two records.
      const needed =
        (swarm === undefined ? 1 : 0) +
        (query.family === PeerFamily.web && !hasWebPeers(swarm) ? 1 : 0);
      const room =
        this.peers < this.#limits.peersMax && this.#records() + needed <= this.#limits.swarmsMax;
      if (known === undefined && !room) {
        outcome = Outcome.full;
      } else {
        swarm ??= this.#create(id);
        if (known === undefined) this.peers++;
        const completed = query.completed && query.seeder;
        if (completed && !known?.completed) swarm.downloads++;
        swarm.peers.set(key, {
          family: query.family,
          seeder: query.seeder,
          partialSeed: query.partialSeed && !query.seeder,
          completed: completed || known?.completed === true,
          seen: this.seconds,
        });
      }
    }
    const answer = this.#answer(swarm, query, key, outcome);
    if (swarm !== undefined && swarm.peers.size === 0) {
      if (swarm.downloads === 0) this.swarms.delete(id);
      else if (!wasEmpty) swarm.emptySince = this.seconds;
    }
    return answer;
  }

  scrape(infoHash: Int32Array): ScrapeEntry {
    const swarm = this.swarms.get(infoHash.join());
    const entry = { seeders: 0, leechers: 0, downloads: swarm?.downloads ?? 0, partialSeeds: 0 };
    for (const peer of swarm?.peers.values() ?? []) {
      if (peer.seeder) entry.seeders++;
      else entry.leechers++;
      if (peer.partialSeed) entry.partialSeeds++;
    }
    return entry;
  }

  expire(peerTtlSeconds: number, emptySwarmSeconds: number): void {
    for (const [id, swarm] of this.swarms) {
      const wasEmpty = swarm.peers.size === 0;
      for (const [key, peer] of swarm.peers) {
        if (this.seconds - peer.seen <= peerTtlSeconds) continue;
        swarm.peers.delete(key);
        this.peers--;
      }
      if (swarm.peers.size > 0) continue;
      if (swarm.downloads > 0 && !wasEmpty) swarm.emptySince = this.seconds;
      const forgotten = this.seconds - swarm.emptySince > emptySwarmSeconds;
      if (swarm.downloads === 0 || forgotten) this.swarms.delete(id);
    }
  }

  #records(): number {
    let records = this.swarms.size;
    for (const swarm of this.swarms.values()) if (hasWebPeers(swarm)) records++;
    return records;
  }

  #create(id: string): NaiveSwarm {
    const swarm = { peers: new Map<string, NaivePeer>(), downloads: 0, emptySince: 0 };
    this.swarms.set(id, swarm);
    return swarm;
  }

  #answer(
    swarm: NaiveSwarm | undefined,
    query: PeerQuery,
    self: string,
    outcome: Outcome,
  ): NaiveAnswer {
    const answer: NaiveAnswer = {
      outcome,
      seeders: 0,
      leechers: 0,
      downloads: swarm?.downloads ?? 0,
      candidates4: new Set(),
      candidates6: new Set(),
      told: 0,
      candidatesWeb: new Set(),
      toldWeb: 0,
    };
    for (const [key, peer] of swarm?.peers ?? []) {
      if (peer.seeder) answer.seeders++;
      else answer.leechers++;
      if (key === self || (peer.seeder && (query.seeder || query.partialSeed))) continue;
      if (peer.family === PeerFamily.web) answer.candidatesWeb.add(key);
      else (peer.family === 4 ? answer.candidates4 : answer.candidates6).add(key);
    }
    const told4 = (query.families & WantFamily.ipv4) === 0 ? 0 : answer.candidates4.size;
    const told6 = (query.families & WantFamily.ipv6) === 0 ? 0 : answer.candidates6.size;
    answer.told = query.stopped ? 0 : Math.min(query.numwant, told4 + told6);
    const toldWeb = (query.families & WantFamily.web) === 0 ? 0 : answer.candidatesWeb.size;
    answer.toldWeb = query.stopped ? 0 : Math.min(query.numwant, toldWeb);
    return answer;
  }
}

function hasWebPeers(swarm: NaiveSwarm | undefined): boolean {
  for (const peer of swarm?.peers.values() ?? []) if (peer.family === PeerFamily.web) return true;
  return false;
}
