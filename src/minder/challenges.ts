/**
 * The challenges of this minder: for each tracker an info hash and three counts that only it and we
 * know, told to it over the bus. Whoever answers a scrape of the hash with the counts is it.
 *
 * ```
 * made ---- 0.5 s ----> used -------------- 10 min ------------> replaced
 *      told to the tracker at once, and again before every probe: it may have started anew
 * ```
 *
 * A tracker remembers one for 15 min after it was told last, so with the bus away probes go on.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { ReplicationTransport } from '../cluster/transport.js';
import { CONTROL_VERSION, controlSubject, encodeControl } from '../protocol/cluster/control.js';
import type { ProbeCounts } from '../swarm/probe-answers.js';

export interface Challenge {
  /** 20 bytes. */
  readonly hash: Uint8Array;
  readonly counts: ProbeCounts;
}

/** On its way over the bus. */
const CHALLENGE_TRAVEL_MS = 500;
export const CHALLENGE_LIFE_MS = 600_000;
const TTL_SECONDS = 900;
/** Told again no more often than this, however many endpoints a tracker has. */
const RETELL_MS = 900;
const COUNT_MAX = 2 ** 31 - 1;

interface Issued {
  readonly challenge: Challenge;
  readonly message: Uint8Array;
  readonly madeMs: number;
  /** When it was told for the first time, and for the last. */
  firstToldMs: number;
  toldMs: number;
}

interface Pair {
  current: Issued;
  /** Takes over when it has had time to arrive. */
  next: Issued | undefined;
}

export interface ChallengesDependencies {
  readonly transport: ReplicationTransport;
  readonly clock: { monotonicMs(): number };
}

export class Challenges {
  readonly #minderId: string;
  readonly #transport: ReplicationTransport;
  readonly #clock: { monotonicMs(): number };
  /** By node that has enrolled. */
  readonly #pairs = new Map<string, Pair>();

  constructor({ minderId }: { minderId: string }, { transport, clock }: ChallengesDependencies) {
    this.#minderId = minderId;
    this.#transport = transport;
    this.#clock = clock;
  }

  /** The challenge to probe a node with; undefined while it is on its way. Tells the node if due. */
  for(nodeId: string): Challenge | undefined {
    const nowMs = this.#clock.monotonicMs();
    const pair = this.#pairs.get(nodeId) ?? { current: this.#issue(nowMs), next: undefined };
    this.#pairs.set(nodeId, pair);
    if (pair.next === undefined && nowMs - pair.current.madeMs >= CHALLENGE_LIFE_MS) {
      pair.next = this.#issue(nowMs);
    }
    if (pair.next !== undefined) {
      this.#tell(nodeId, pair.next, nowMs);
      if (isThere(pair.next, nowMs)) {
        pair.current = pair.next;
        pair.next = undefined;
      }
    }
    this.#tell(nodeId, pair.current, nowMs);
    return isThere(pair.current, nowMs) ? pair.current.challenge : undefined;
  }

  /** Keeps the challenges of these nodes only. */
  keep(nodeIds: ReadonlySet<string>): void {
    for (const id of this.#pairs.keys()) if (!nodeIds.has(id)) this.#pairs.delete(id);
  }

  #issue(nowMs: number): Issued {
    const hash = randomBytes(20);
    const counts = [count(), count(), count()] as const;
    const message = encodeControl({
      version: CONTROL_VERSION,
      type: 'challenge',
      minder: this.#minderId,
      hash: hash.toString('hex'),
      counts: [...counts],
      ttlSeconds: TTL_SECONDS,
    });
    return {
      challenge: { hash, counts },
      message,
      madeMs: nowMs,
      firstToldMs: Number.POSITIVE_INFINITY,
      toldMs: Number.NEGATIVE_INFINITY,
    };
  }

  #tell(nodeId: string, issued: Issued, nowMs: number): void {
    if (nowMs - issued.toldMs < RETELL_MS || !this.#transport.connected) return;
    issued.toldMs = nowMs;
    issued.firstToldMs = Math.min(issued.firstToldMs, nowMs);
    this.#transport.publish(controlSubject(nodeId), issued.message);
  }
}

/** Told long enough ago, if at all. */
function isThere({ firstToldMs }: Issued, nowMs: number): boolean {
  return nowMs - firstToldMs >= CHALLENGE_TRAVEL_MS;
}

/** Over zero, since zeros are what any tracker answers. */
function count(): number {
  return randomInt(1, COUNT_MAX);
}
