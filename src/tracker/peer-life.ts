/**
 * How long peers live: as long as configured, or longer where clients were told to come back later
 * than that. Expiry follows the longest interval that any tracker of the cluster told within the last
 * expiry period, so that it never shrinks before those who were told a longer one had their time.
 *
 * ```
 * configured   interval 10 s, peers live 15 s
 * told         100 s until 10:00:00, 10 s from then on
 * peers live   150 s until 10:02:30 (in a cluster: until copies run out, 10:04:21), 15 s afterwards
 * ```
 *
 * Trackers tell each other the longest interval and when it was last told: so one that joins, or that
 * a message did not reach, knows it too, and telling it again does not make it younger.
 */
import { Global } from '../swarm/layout.js';
import { PEER_LIFE_SECONDS_MAX } from '../swarm/peer-age.js';
import { INTERVAL_TOLD_SECONDS_MAX } from './live-settings.js';

export interface PeerLifeOptions {
  /** As configured: what peers live as long as nobody was told a longer interval. */
  readonly intervalSeconds: number;
  readonly peerTtlSeconds: number;
  /** As configured; absent on a tracker that stands alone. */
  readonly remoteTtlSeconds?: number;
  /** Share of the interval by which it varies. */
  readonly intervalJitter: number;
}

export interface PeerLifeDependencies {
  /** The store's control words, of which this is the one writer of two. */
  readonly control: Int32Array;
  readonly clock: { monotonicSeconds(): number };
}

/** The longest interval that still counts. */
export interface LongestInterval {
  readonly intervalSeconds: number;
  /** Seconds since a client was last told so. */
  readonly ageSeconds: number;
}

/** Intervals kept, the longest first, each told later than those before it. */
const KEPT_MAX = 32;
/** How long a peer lives, in intervals; less where the operator configured less. */
const LIFE_INTERVALS = 1.5;

interface Told {
  readonly intervalSeconds: number;
  atSeconds: number;
}

export class PeerLife {
  readonly #options: PeerLifeOptions;
  readonly #control: Int32Array;
  readonly #clock: PeerLifeDependencies['clock'];
  #told: Told[] = [];

  constructor(options: PeerLifeOptions, { control, clock }: PeerLifeDependencies) {
    this.#options = options;
    this.#control = control;
    this.#clock = clock;
  }

  /** Some tracker told its clients this interval, so many seconds ago. Other values are left out. */
  told(intervalSeconds: number, ageSeconds = 0): void {
    if (!(intervalSeconds >= 1 && ageSeconds >= 0)) return;
    const interval = Math.min(INTERVAL_TOLD_SECONDS_MAX, Math.ceil(intervalSeconds));
    const atSeconds = this.#clock.monotonicSeconds() - Math.floor(ageSeconds);
    const told = this.#told;
    // A longer one that was told no earlier says it all.
    if (told.some((one) => one.intervalSeconds >= interval && one.atSeconds >= atSeconds)) return;
    const kept = told.filter((one) => one.intervalSeconds > interval || one.atSeconds > atSeconds);
    const at = kept.findIndex((one) => one.intervalSeconds < interval);
    kept.splice(at < 0 ? kept.length : at, 0, { intervalSeconds: interval, atSeconds });
    // The shortest counts as the one before it, which only makes lives longer.
    if (kept.length > KEPT_MAX) {
      const [shortest] = kept.splice(-1);
      kept[kept.length - 1].atSeconds = shortest.atSeconds;
    }
    this.#told = kept;
  }

  /** Forgets what is over, and writes how long peers live. True when that is news. */
  update(): boolean {
    const now = this.#clock.monotonicSeconds();
    this.#told = this.#told.filter(
      ({ intervalSeconds, atSeconds }) => now - atSeconds <= this.#windowSeconds(intervalSeconds),
    );
    const interval = this.#told[0]?.intervalSeconds ?? 0;
    const control = this.#control;
    const peer = this.#peerTtl(interval);
    const remote = this.#remoteTtl(interval);
    if (control[Global.peerTtlSeconds] === peer && control[Global.remoteTtlSeconds] === remote) {
      return false;
    }
    // Peers of others first: own ones may not outlive them.
    Atomics.store(control, Global.remoteTtlSeconds, remote);
    Atomics.store(control, Global.peerTtlSeconds, peer);
    return true;
  }

  /** Told to the other trackers, and kept over a restart. */
  get longest(): LongestInterval | undefined {
    const [first] = this.#told;
    if (first === undefined) return undefined;
    const ageSeconds = Math.max(0, this.#clock.monotonicSeconds() - first.atSeconds);
    return { intervalSeconds: first.intervalSeconds, ageSeconds };
  }

  /** Peers may have to come back for so long after they were told an interval, copies included. */
  #windowSeconds(intervalSeconds: number): number {
    return this.#options.remoteTtlSeconds === undefined
      ? this.#peerTtl(intervalSeconds)
      : this.#remoteTtl(intervalSeconds);
  }

  #peerTtl(intervalSeconds: number): number {
    const { peerTtlSeconds, intervalSeconds: configured } = this.#options;
    if (intervalSeconds <= configured) return peerTtlSeconds;
    const intervals = Math.min(LIFE_INTERVALS, peerTtlSeconds / configured);
    const followed = Math.ceil(intervals * intervalSeconds);
    return Math.min(PEER_LIFE_SECONDS_MAX, Math.max(peerTtlSeconds, followed));
  }

  /** Only every second refresh is told to others: their copies live an interval longer. */
  #remoteTtl(intervalSeconds: number): number {
    const { remoteTtlSeconds = 0, intervalSeconds: configured, intervalJitter } = this.#options;
    if (intervalSeconds <= configured) return remoteTtlSeconds;
    const extra = Math.ceil(intervalSeconds * (1 + intervalJitter));
    const followed = this.#peerTtl(intervalSeconds) + extra;
    return Math.min(PEER_LIFE_SECONDS_MAX, Math.max(remoteTtlSeconds, followed));
  }
}
