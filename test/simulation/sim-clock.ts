import type { ReplicationClock } from '../../src/cluster/replicator-options.js';

/** Time in the simulated world, ms since it began. */
export interface WorldTime {
  nowMs: number;
}

const EPOCH_MS = 1_700_000_000_000;
/** A machine that has been up for a while. */
const UPTIME_MS = 1_000_000;

/** The clocks of one machine: the wall clock is wrong by `skewMs`. */
export class SimClock implements ReplicationClock {
  constructor(
    readonly world: WorldTime,
    public skewMs: number,
  ) {}

  monotonicMs(): number {
    return UPTIME_MS + this.world.nowMs;
  }

  monotonicSeconds(): number {
    return Math.floor(this.monotonicMs() / 1000);
  }

  wallMs(): number {
    return EPOCH_MS + this.world.nowMs + this.skewMs;
  }
}
