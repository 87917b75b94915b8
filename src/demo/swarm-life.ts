/**
 * The life of swarms, without any network: who comes, what for, how long the download takes, and when
 * they leave. A few swarms are popular and have fresh releases in them, with many that download; most
 * are small and old, with a few that seed.
 *
 * ```
 * comes (started) -> announces again each interval -> completes -> seeds a while -> leaves (stopped)
 * ```
 */
import { createHash } from 'node:crypto';
import { Prng } from '../lib/prng.js';
import { zipfSizes } from '../load/zipf.js';

const SWARMS = 60;
/** Exponent of Zipf's law. */
const UNEQUAL = 0.9;
/** The most popular swarms are new. */
const FRESH = 6;
const SEEDER_SHARE = { fresh: 0.15, old: 0.75 };
const DOWNLOAD_MS = { least: 20_000, more: 100_000 };
const SEED_MS = { least: 20_000, more: 160_000 };
const WEB_SHARE = 0.06;
const HTTP_SHARE = 0.3;
const PORT_MIN = 10_000;
const PORTS = 55_000;

export type Protocol = 'udp' | 'http' | 'web';

/** One client in one swarm. */
export interface Peer {
  readonly infoHash: Uint8Array;
  readonly peerId: Uint8Array;
  readonly protocol: Protocol;
  readonly port: number;
  /** Has all of it. */
  isSeeder: boolean;
  /** On the clock of whoever asks, in ms; infinite for who seeds already. */
  completesMs: number;
  leavesMs: number;
}

export class SwarmLife {
  readonly #random: Prng;
  readonly #hashes: readonly Uint8Array[];
  /** A swarm's number for each of many who come. */
  readonly #draw: readonly number[];
  #nextPort = 0;

  constructor(seed: number) {
    this.#random = new Prng(seed);
    this.#hashes = Array.from({ length: SWARMS }, (_, swarm) =>
      createHash('sha1').update(`trackerbt demo ${seed} ${swarm}`).digest(),
    );
    const sizes = [...zipfSizes(SWARMS, 20 * SWARMS, UNEQUAL)];
    this.#draw = sizes.flatMap((size, swarm) => new Array<number>(size).fill(swarm));
  }

  get hashes(): readonly Uint8Array[] {
    return this.#hashes;
  }

  /**
   * Somebody comes. `isUnderWay`: before now, anywhere in a life, so that those who are there at first
   * are as far as those who are there later.
   */
  arrive(nowMs: number, isUnderWay: boolean): Peer {
    const random = this.#random;
    const swarm = this.#draw[random.below(this.#draw.length)];
    const isFresh = swarm < FRESH;
    const isSeeder = random.chance(isFresh ? SEEDER_SHARE.fresh : SEEDER_SHARE.old);
    const downloadMs = isSeeder ? 0 : DOWNLOAD_MS.least + random.below(DOWNLOAD_MS.more);
    const lifeMs = downloadMs + SEED_MS.least + random.below(SEED_MS.more);
    const startMs = isUnderWay ? nowMs - random.below(lifeMs) : nowMs;
    const hasAll = isSeeder || startMs + downloadMs <= nowMs;
    const peerId = new Uint8Array(20);
    random.fill(peerId);
    peerId.set(CLIENTS[random.below(CLIENTS.length)]);
    this.#nextPort = (this.#nextPort + 1) % PORTS;
    return {
      infoHash: this.#hashes[swarm],
      peerId,
      protocol: this.#protocol(),
      port: PORT_MIN + this.#nextPort,
      isSeeder: hasAll,
      completesMs: hasAll ? Number.POSITIVE_INFINITY : startMs + downloadMs,
      leavesMs: startMs + lifeMs,
    };
  }

  /** A whole number below `bound`. */
  below(bound: number): number {
    return this.#random.below(bound);
  }

  #protocol(): Protocol {
    if (this.#random.chance(WEB_SHARE)) return 'web';
    return this.#random.chance(HTTP_SHARE) ? 'http' : 'udp';
  }
}

/** How clients begin their peer ids (BEP 20). */
const CLIENTS = ['-TR4060-', '-qB5000-', '-DE2110-', '-LT2080-', '-UT3600-'].map((text) =>
  Buffer.from(text),
);
