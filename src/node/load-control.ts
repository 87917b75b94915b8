/**
 * Watches a tracker's load each second, and has its clients come less often while there is too much
 * of it. Main calls `tick`; workers find what it decides in the live settings.
 */
import type { LoadView } from '../admin/admin-source.js';
import type { Logger } from '../lib/log.js';
import { INTERVAL_TOLD_SECONDS_MAX, type LiveSettings } from '../tracker/live-settings.js';
import type { LoadMeter } from './load-meter.js';
import { LoadPolicy, type LoadPolicyOptions } from './load-policy.js';

/** How often `tick` should be called. */
export const LOAD_TICK_MS = 1_000;

export interface LoadControlDependencies {
  /** Main's view of the live settings. */
  readonly live: LiveSettings;
  readonly meter: Pick<LoadMeter, 'measure'>;
  readonly clock: { monotonicSeconds(): number };
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

export class LoadControl {
  readonly #policy: LoadPolicy;
  readonly #dependencies: LoadControlDependencies;
  #busyShare = 0;
  #requestsPerSecond = 0;

  constructor(options: LoadPolicyOptions, dependencies: LoadControlDependencies) {
    this.#policy = new LoadPolicy(options);
    this.#dependencies = dependencies;
  }

  tick(): void {
    const { live, meter, clock } = this.#dependencies;
    const measure = meter.measure();
    live.setTotals(measure);
    this.#busyShare = measure.busyShare;
    this.#requestsPerSecond = measure.requestsPerSecond;
    live.refresh();
    const isLongest = live.intervalSeconds >= INTERVAL_TOLD_SECONDS_MAX;
    const before = this.#policy.stretch;
    if (!this.#policy.step(clock.monotonicSeconds(), measure, { isLongest })) return;
    live.setStretch(this.#policy.stretch);
    this.#say(before);
  }

  /** For `/stats.json`. */
  view(): LoadView {
    const { live } = this.#dependencies;
    live.refresh();
    return {
      busyShare: round(this.#busyShare, 1_000),
      requestsPerSecond: round(this.#requestsPerSecond, 10),
      stretch: round(this.#policy.stretch, 1_000),
      intervalSeconds: live.intervalSeconds,
      draining: live.draining,
      reason: this.#policy.reason,
    };
  }

  #say(before: number): void {
    const { logger } = this.#dependencies;
    const { draining: _, ...fields } = this.view();
    if (this.#policy.stretch > before) {
      logger.warn(fields, 'too much to do: clients are asked to come less often');
    } else if (this.#policy.stretch > 1) {
      logger.info(fields, 'less to do: clients are asked to come more often again');
    } else {
      logger.info(fields, 'the load is over: clients are asked to come as often as ever');
    }
  }
}

function round(value: number, unit: number): number {
  return Math.round(value * unit) / unit;
}
