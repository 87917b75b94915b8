/**
 * The peers of a test, what each of them said last, and so what every tracker must know in the end:
 * the model that replicas are compared with.
 */
import type { Prng } from './prng.js';

export type PeerEvent = 'started' | 'completed' | 'stopped' | 'refresh';
export type PeerRole = 'absent' | 'leecher' | 'seeder';

export interface Peer {
  readonly infoHash: Buffer;
  /** The address that it speaks from, of this machine. */
  readonly host: string;
  readonly port: number;
  role: PeerRole;
  /** It said `completed` since it began, and ever: a test can tell how often that counts if it is once. */
  completed: boolean;
  hasCompleted: boolean;
  /** Where it said its last word, and when that was answered; free for the next word after that. */
  tracker: number;
  answeredMs: number;
  isBusy: boolean;
}

/** What a peer says at one moment. */
export interface Word {
  readonly peer: Peer;
  readonly event: PeerEvent;
  readonly left: 0 | 1;
}

export interface SwarmCounts {
  readonly seeders: number;
  readonly leechers: number;
  readonly downloads: number;
}

export interface PopulationOptions {
  readonly peers: number;
  readonly swarms: number;
  /** Peers are dealt out to these addresses in turn. */
  readonly hosts: readonly string[];
}

const PORTS_FROM = 10_000;
const PORTS_COUNT = 50_000;

export class Population {
  readonly peers: Peer[] = [];
  /** Off while a tracker may die: it may have saved a download that it has told to nobody. */
  mayComplete = true;
  readonly hashes: readonly Buffer[];
  /** Of a peer that stopped a completed download counts for ever. */
  readonly #downloads = new Map<string, number>();

  constructor(
    { peers, swarms, hosts }: PopulationOptions,
    readonly prng: Prng,
  ) {
    this.hashes = Array.from({ length: swarms }, () => prng.bytes(20));
    const capacity = swarms * hosts.length * PORTS_COUNT;
    if (peers > capacity) throw new Error(`${peers} peers need more swarms or addresses`);
    for (let i = 0; i < peers; i++) {
      this.peers.push({
        infoHash: this.hashes[i % swarms],
        host: hosts[Math.floor(i / swarms) % hosts.length],
        port: PORTS_FROM + Math.floor(i / (swarms * hosts.length)),
        role: 'absent',
        completed: false,
        hasCompleted: false,
        tracker: -1,
        answeredMs: 0,
        isBusy: false,
      });
    }
  }

  /** Has the peer say this, and remembers it as its last word. */
  say(peer: Peer, event: PeerEvent, role: PeerRole = peer.role): Word {
    if (event === 'stopped') {
      peer.role = 'absent';
      peer.completed = false;
      return { peer, event, left: 1 };
    }
    peer.role = event === 'completed' ? 'seeder' : role;
    if (event === 'completed' && !peer.hasCompleted) {
      peer.completed = true;
      peer.hasCompleted = true;
      const key = peer.infoHash.toString('hex');
      this.#downloads.set(key, 1 + (this.#downloads.get(key) ?? 0));
    }
    return { peer, event, left: peer.role === 'seeder' ? 0 : 1 };
  }

  /** The peer's last word once more, for another tracker when the first may have lost it. */
  repeat(peer: Peer): Word {
    if (peer.role === 'absent') return { peer, event: 'stopped', left: 1 };
    if (peer.completed) return { peer, event: 'completed', left: 0 };
    return { peer, event: 'started', left: peer.role === 'seeder' ? 0 : 1 };
  }

  /** A word that the peer may say next: one in three of a living one ends or changes something. */
  next(peer: Peer): Word {
    const { prng } = this;
    if (peer.role === 'absent') {
      return this.say(peer, 'started', prng.below(3) === 0 ? 'seeder' : 'leecher');
    }
    const dice = prng.below(6);
    if (dice === 0) return this.say(peer, 'stopped');
    if (dice === 1 && peer.role === 'leecher' && !peer.hasCompleted && this.mayComplete) {
      return this.say(peer, 'completed');
    }
    return this.say(peer, 'refresh');
  }

  get living(): number {
    return this.peers.reduce((count, { role }) => count + (role === 'absent' ? 0 : 1), 0);
  }

  /** What a scrape must say, by info hash in hexadecimal. */
  counts(): Map<string, SwarmCounts> {
    const counts = new Map<string, { seeders: number; leechers: number; downloads: number }>();
    for (const hash of this.hashes) {
      const key = hash.toString('hex');
      counts.set(key, { seeders: 0, leechers: 0, downloads: this.#downloads.get(key) ?? 0 });
    }
    for (const { infoHash, role } of this.peers) {
      const entry = counts.get(infoHash.toString('hex'))!;
      if (role === 'seeder') entry.seeders++;
      if (role === 'leecher') entry.leechers++;
    }
    return counts;
  }

  /** The living peers of a swarm as `[ip:port, seeder]`, sorted. */
  peersOf(infoHash: Buffer): string[] {
    return this.peers
      .filter((peer) => peer.infoHash === infoHash && peer.role !== 'absent')
      .map(({ host, port, role }) => peerLine(host, port, role === 'seeder'))
      .toSorted();
  }
}

export function peerLine(host: string, port: number, seeder: boolean): string {
  return `${host} ${port} ${seeder ? 'seeds' : 'leeches'}`;
}
