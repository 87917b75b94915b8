/**
 * Decides how much longer clients should stay away while a tracker has too much to do.
 *
 * ```
 * above a bound for 30 s              stretch x 1.25, and again each 30 s
 * below 3/4 of every bound for 60 s   stretch / 1.25, and again each 60 s
 * in between                          stays
 * ```
 *
 * A step down brings 1.25 times the requests that are left, which is at most 15/16 of the bound it
 * came from: so a load that is steady does not make it swing. What a step does shows only as clients
 * come back, an interval later; until then further steps follow as long as the bound is exceeded.
 */

/** How much a step is. */
export const STEP = 1.25;
/** Load below this share of each bound has room for a step down. */
export const CALM_SHARE = 0.75;
const HOT_SECONDS = 30;
const CALM_SECONDS = 60;

export interface LoadBounds {
  /** Share of its time that a worker may be busy; 0 sets no bound. */
  readonly busyShareMax: number;
  /** Requests a second; 0 sets no bound. */
  readonly requestsPerSecondMax: number;
  /** How many times the interval may become longer. */
  readonly stretchMax: number;
}

export interface LoadPolicyOptions extends LoadBounds {
  /** How long a bound must be exceeded, and how long all must be kept well. */
  readonly hotSeconds?: number;
  readonly calmSeconds?: number;
}

export interface LoadSample {
  readonly busyShare: number;
  readonly requestsPerSecond: number;
}

/** Why the stretch is what it is, for people; empty while there is none. */
export type LoadReason = '' | 'busy' | 'requests' | 'calming';

export class LoadPolicy {
  /** From 1 to `stretchMax`. */
  stretch = 1;
  reason: LoadReason = '';
  readonly #options: Required<LoadPolicyOptions>;
  #level = 0;
  /** Since when it is so; undefined while it is not. */
  #hotSince: number | undefined;
  #calmSince: number | undefined;

  constructor(options: LoadPolicyOptions) {
    this.#options = { hotSeconds: HOT_SECONDS, calmSeconds: CALM_SECONDS, ...options };
  }

  /**
   * Takes the load of the last second. `isLongest`: the interval cannot become longer. True when the
   * stretch has changed.
   */
  step(seconds: number, sample: LoadSample, { isLongest = false } = {}): boolean {
    const { hotSeconds, calmSeconds } = this.#options;
    const share = this.#shareOfBounds(sample);
    this.#hotSince = share > 1 ? (this.#hotSince ?? seconds) : undefined;
    this.#calmSince = share < CALM_SHARE ? (this.#calmSince ?? seconds) : undefined;
    if (this.#hotSince !== undefined && seconds - this.#hotSince >= hotSeconds) {
      this.#hotSince = seconds;
      return !isLongest && this.#moveTo(this.#level + 1, this.#worst(sample));
    }
    if (this.#calmSince !== undefined && seconds - this.#calmSince >= calmSeconds) {
      this.#calmSince = seconds;
      return this.#moveTo(this.#level - 1, 'calming');
    }
    return false;
  }

  #moveTo(level: number, reason: LoadReason): boolean {
    const stretch = Math.min(this.#options.stretchMax, STEP ** Math.max(0, level));
    if (stretch === this.stretch) return false;
    this.#level = level;
    this.stretch = stretch;
    this.reason = stretch === 1 ? '' : reason;
    return true;
  }

  /** The load in shares of its bound, the larger of the two. */
  #shareOfBounds({ busyShare, requestsPerSecond }: LoadSample): number {
    const { busyShareMax, requestsPerSecondMax } = this.#options;
    return Math.max(
      busyShareMax === 0 ? 0 : busyShare / busyShareMax,
      requestsPerSecondMax === 0 ? 0 : requestsPerSecond / requestsPerSecondMax,
    );
  }

  #worst({ busyShare }: LoadSample): LoadReason {
    const { busyShareMax } = this.#options;
    return busyShareMax !== 0 && busyShare > busyShareMax ? 'busy' : 'requests';
  }
}
