/** Another node of the cluster as this one knows it. Its memory is bounded, whatever it says. */
import { SecondBudget } from '../lib/second-budget.js';
import { HEARTBEATS_PER_SECOND_MAX, type Heartbeat } from '../protocol/cluster/heartbeat.js';
import type { WalkFamilies } from '../swarm/layout.js';
import { LagMeter } from './lag-meter.js';
import { OriginStream } from './origin-stream.js';

export class RemoteNode {
  /** When anything was heard of it, on the monotonic clock; and when its last heartbeat was. */
  heardMs: number;
  heartbeatMs = Number.NEGATIVE_INFINITY;
  heartbeat: Heartbeat | undefined;
  readonly stream = new OriginStream();
  readonly lag = new LagMeter();
  /** Records of its batches that came. */
  recordsIn = 0;
  /** Records that it says it tells in a second. */
  recordsPerSecond = 0;
  /** Its digest differs from ours since then; undefined while it does not. */
  differsSinceMs: number | undefined;
  /** Something was lost that only a comparison of digests finds. */
  isCompareDue = false;
  /** When digests of cells were last compared with it. */
  comparedMs = Number.NEGATIVE_INFINITY;
  /** It heard nothing from clients between its last two heartbeats. */
  isQuiet = false;
  /** Comparing digests with it makes no sense before. */
  compareAfterMs = 0;
  backoffMs = 0;
  /** It has no walk to spare, or failed us, until then. */
  busyUntilMs = 0;
  /** Heartbeats of it that are read in a second: what was held up on the way may come at once. */
  readonly heartbeats = new SecondBudget(HEARTBEATS_PER_SECOND_MAX);
  /** Comparisons that it may ask for in a second: each reads 64 KiB for every thread. */
  readonly comparisons = new SecondBudget(4);
  /** Walks that it may begin in a second: each takes buffers of its own. */
  readonly walks = new SecondBudget(8);

  constructor(
    readonly id: string,
    { nowMs }: { readonly nowMs: number },
  ) {
    this.heardMs = nowMs;
  }

  get isTracker(): boolean {
    return this.heartbeat?.role !== 'minder';
  }

  /** It takes words about web peers: the first versions refuse whatever holds one. */
  get knowsWeb(): boolean {
    return (this.heartbeat?.counters.web ?? 0) >= 1;
  }

  /** Peers that it can be told of, and whose digests can be compared. */
  get families(): WalkFamilies {
    return this.knowsWeb ? 'all' : 'addresses';
  }

  isSilent(nowMs: number, silentMs: number): boolean {
    return nowMs - this.heartbeatMs > silentMs;
  }
}
