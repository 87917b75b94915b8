/**
 * Takes a minder's challenge off the bus and has this tracker's scrapes answer it: so the minder
 * sees which addresses are this tracker's. Only minders may publish on `ctl.<id>`.
 */
import type { Clock } from '../lib/clock.js';
import { decodeChallenge } from '../protocol/cluster/control.js';
import { ProbeAnswersWriter } from '../swarm/probe-answers.js';
import { readInfoHashes } from '../swarm/query.js';

export class ChallengeTaker {
  readonly counters = { challenges: 0 };
  readonly #answers: ProbeAnswersWriter;
  readonly #clock: Clock;
  readonly #hash = new Int32Array(5);

  /** `memory`: `StoreMemory.probeAnswers`. There is one taker a process. */
  constructor({ memory }: { memory: SharedArrayBuffer }, { clock }: { clock: Clock }) {
    this.#answers = new ProbeAnswersWriter(memory);
    this.#clock = clock;
  }

  /** A message to this node; false when it is no challenge. Never throws. */
  take(payload: Uint8Array): boolean {
    const challenge = decodeChallenge(payload);
    if (challenge === undefined) return false;
    const seconds = this.#clock.monotonicSeconds();
    readInfoHashes(Buffer.from(challenge.hash, 'hex'), 0, this.#hash, 0, 1);
    const [complete, downloaded, incomplete] = challenge.counts;
    const end = seconds + challenge.ttlSeconds;
    this.#answers.put(this.#hash, [complete, downloaded, incomplete], end, seconds);
    this.counters.challenges++;
    return true;
  }
}
