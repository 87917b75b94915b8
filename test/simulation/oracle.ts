/**
 * What the cluster must agree on when all is said: of each peer the newest word that any node heard,
 * by stamp and then by node id; of each swarm all downloads that any node counted.
 */

/** What a node stored for an announce, as its own store has it afterwards. */
export interface HeardWord {
  readonly stamp: number;
  /** Id of the node. */
  readonly origin: string;
  /** Role as `describeRole` has it; undefined: the peer left. */
  readonly role: string | undefined;
}

export class Oracle {
  readonly #words = new Map<string, HeardWord>();
  readonly #downloads = new Map<string, number>();
  /** Every line that `peers` could ever have had. */
  readonly #lines = new Set<string>();

  /** A node heard of a peer. */
  heard(key: string, word: HeardWord): void {
    if (word.role !== undefined) this.#lines.add(`${key} ${word.role}`);
    const known = this.#words.get(key);
    if (known === undefined || isNewer(word, known)) this.#words.set(key, word);
  }

  counted(swarm: string, downloads: number): void {
    if (downloads > 0) this.#downloads.set(swarm, (this.#downloads.get(swarm) ?? 0) + downloads);
  }

  /** The peers that are there, one line each, sorted. */
  get peers(): string[] {
    const lines: string[] = [];
    for (const [key, { role }] of this.#words) {
      if (role !== undefined) lines.push(`${key} ${role}`);
    }
    return lines.sort();
  }

  /** Swarms that have downloads, one line each, sorted. */
  get downloads(): string[] {
    return [...this.#downloads].map(([swarm, count]) => `${swarm} ${count}`).sort();
  }

  /** Of some peers those that no node ever heard of in that role. */
  invented(peers: readonly string[]): string[] {
    return peers.filter((line) => !this.#lines.has(line));
  }

  /** Of some swarms those that have more downloads than were counted. */
  exaggerated(downloads: readonly string[]): string[] {
    return downloads.filter((line) => {
      const [swarm, count] = line.split(' ');
      return Number(count) > (this.#downloads.get(swarm) ?? 0);
    });
  }
}

function isNewer(word: HeardWord, than: HeardWord): boolean {
  const ahead = (word.stamp - than.stamp) | 0;
  // A node says nothing twice under one stamp, except what it said before.
  return ahead > 0 || (ahead === 0 && word.origin >= than.origin);
}
