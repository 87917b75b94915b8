/** Measurements of one contender doing one kind of work, and their medians. */
import { median } from './median.js';
import type { Workload, World } from './workloads.js';

/** One measurement. */
export interface Sample {
  readonly requestsPerSecond: number;
  /** Of the server's processor time, all threads, by request. */
  readonly userUs: number;
  readonly systemUs: number;
  /** Requests for each second that the server computed. */
  readonly perCpuSecond: number;
  /** Share of its core that the server used, and the load generator of its own. */
  readonly serverBusy: number;
  readonly loadBusy: number;
  readonly peersPerReply: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly errors: number;
}

export interface Figure {
  readonly world: World;
  readonly workload: Workload;
  readonly contender: string;
  readonly median: Sample;
  readonly rounds: number;
}

export interface MemoryFigure {
  readonly world: World;
  readonly contender: string;
  readonly emptyBytes: number;
  readonly filledBytes: number;
  readonly peers: number;
}

/** The median of each number by itself. */
export function medianOf(samples: readonly Sample[]): Sample {
  const pick = (read: (sample: Sample) => number) => median(samples.map(read));
  return {
    requestsPerSecond: pick((each) => each.requestsPerSecond),
    userUs: pick((each) => each.userUs),
    systemUs: pick((each) => each.systemUs),
    perCpuSecond: pick((each) => each.perCpuSecond),
    serverBusy: pick((each) => each.serverBusy),
    loadBusy: pick((each) => each.loadBusy),
    peersPerReply: pick((each) => each.peersPerReply),
    p50Us: pick((each) => each.p50Us),
    p99Us: pick((each) => each.p99Us),
    errors: pick((each) => each.errors),
  };
}
