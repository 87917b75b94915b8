/**
 * How wrong this machine's clock is, as most of the cluster has it, and the correction that stamps get
 * for that. The other nodes vote with their heartbeats, this one with its own clock; of an even number
 * of voters the clock nearer to ours wins, so that two that disagree do not change places.
 */
import { Global } from '../swarm/layout.js';
import type { NodeTable } from './node-table.js';
import type { ReplicationContext } from './replication-context.js';

/** A correction changes when it is off by so much, and goes when the clock is right again. */
const STEP_MS = 250;
const MILLISECONDS_MAX = 0x7fffffff;

export class ClockCorrection {
  /** How far the cluster's clock is ahead of ours, ms; 0 while nobody says otherwise. */
  offsetMs = 0;
  readonly #context: ReplicationContext;
  readonly #nodes: NodeTable;
  #correctionMs = 0;

  constructor(context: ReplicationContext, { nodes }: { readonly nodes: NodeTable }) {
    this.#context = context;
    this.#nodes = nodes;
  }

  /** Takes the votes. */
  update(): void {
    const { options, nowMs, means } = this.#context;
    const votes = [0];
    for (const node of this.#nodes.values()) {
      const { offsetMs } = node.lag;
      if (offsetMs !== undefined && !node.isSilent(nowMs, options.silentMs)) votes.push(offsetMs);
    }
    this.offsetMs = medianNearZero(votes);
    const size = Math.abs(this.offsetMs);
    const wanted = size > options.clockOffsetMs ? Math.round(this.offsetMs) : 0;
    const isRight = wanted === 0 && size > options.clockOffsetMs / 2;
    if (isRight || Math.abs(wanted - this.#correctionMs) < STEP_MS) return;
    if (Math.abs(wanted) > MILLISECONDS_MAX) return;
    this.#correctionMs = wanted;
    Atomics.store(means.store.control, Global.clockCorrectionMs, wanted);
    means.log.log('warn', "this machine's clock is not the cluster's: its stamps are corrected", {
      correctionMs: wanted,
    });
  }
}

function medianNearZero(values: number[]): number {
  values.sort((a, b) => a - b);
  const upper = values[values.length >>> 1];
  const lower = values[(values.length - 1) >>> 1];
  return Math.abs(lower) <= Math.abs(upper) ? lower : upper;
}
