/**
 * How trackers serve their clients, from the counters in their heartbeats: requests a second over the
 * last ten of them, the interval that clients are told, and for how long no client has come that
 * counts on the tracker.
 *
 * `visits` are announces that are no stops. Probes of minders announce a stop, and so do clients that
 * leave: neither keeps a tracker busy that is to be drained.
 */
import type { Heartbeat } from '../protocol/cluster/heartbeat.js';

/** Heartbeats between which requests are counted: one a second, and main counts once a second too. */
const KEPT = 10;

export interface ServiceView {
  /** Null while it is not known. */
  readonly requestsPerSecond: number | null;
  readonly intervalSeconds: number | null;
}

interface Served {
  epoch: number;
  samples: { wallMs: number; requests: number }[];
  visits: number | undefined;
  /** When the last visit was seen, or the tracker first heard of; and its last heartbeat. */
  visitedSeconds: number;
  heardSeconds: number;
  intervalSeconds: number | null;
}

const UNKNOWN: ServiceView = { requestsPerSecond: null, intervalSeconds: null };

export class ServiceMeter {
  /** Of nodes that have enrolled, as the registry sees to. */
  readonly #served = new Map<string, Served>();

  /** A heartbeat of a node was taken at this second. */
  note(id: string, { role, epoch, wallMs, counters }: Heartbeat, seconds: number): void {
    if (role !== 'tracker') return;
    const old = this.#served.get(id);
    const { requests, visits, intervalSeconds = null } = counters;
    const isSame = old !== undefined && old.epoch === epoch;
    const sample = requests === undefined ? [] : [{ wallMs, requests }];
    const samples = [...(isSame ? old.samples : []), ...sample].slice(-KEPT);
    // A start, and a clock or a count that went back, begin anew.
    const goesOn = samples.every((one, i) => {
      const before = samples[i - 1];
      return i === 0 || (one.wallMs >= before.wallMs && one.requests >= before.requests);
    });
    this.#served.set(id, {
      epoch,
      samples: goesOn ? samples : sample,
      visits,
      visitedSeconds: isSame && old.visits === visits ? old.visitedSeconds : seconds,
      heardSeconds: seconds,
      intervalSeconds,
    });
  }

  view(id: string): ServiceView {
    const served = this.#served.get(id);
    if (served === undefined) return UNKNOWN;
    const { samples, intervalSeconds } = served;
    const [first, last] = [samples[0], samples.at(-1)];
    const ms = first === undefined || last === undefined ? 0 : last.wallMs - first.wallMs;
    if (first === undefined || last === undefined || ms <= 0) {
      return { requestsPerSecond: null, intervalSeconds };
    }
    const perSecond = (1000 * (last.requests - first.requests)) / ms;
    return { requestsPerSecond: Math.round(10 * perSecond) / 10, intervalSeconds };
  }

  /**
   * Seconds, up to its last heartbeat, in which nobody visited the node, as far as this minder has
   * watched it; undefined for one that does not say.
   */
  quietSeconds(id: string): number | undefined {
    const served = this.#served.get(id);
    if (served?.visits === undefined) return undefined;
    return served.heardSeconds - served.visitedSeconds;
  }

  /** Forgets nodes that are gone. */
  sweep(isThere: (id: string) => boolean): void {
    for (const id of this.#served.keys()) if (!isThere(id)) this.#served.delete(id);
  }
}
