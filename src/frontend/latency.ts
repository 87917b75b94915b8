/**
 * How long requests took, in cells of shared memory behind a worker's counters (counters.ts). One
 * worker writes them, so no atomics are needed; main reads them.
 *
 * ```
 * Float64Array, for each protocol   [ sum, seconds ][ up to 10 us ][ up to 20 us ] ... [ up to 10 s ][ over it ]
 * ```
 *
 * Time begins when the tracker knew of a request: the loop was told that its socket is ready, or
 * node's server has parsed it. It ends when the reply was handed to the system. Requests that are
 * answered together are measured together: one look at the clock a batch, about 60 ns.
 */

/** Seconds: a bucket holds what took no longer than its bound. Three a decade. */
export const LATENCY_BOUNDS: readonly number[] = [
  0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
  0.2, 0.5, 1, 2, 5, 10,
];

/** Protocols by number. */
export const LatencyProtocol = { udp: 0, http: 1, websocket: 2 } as const;
export type LatencyProtocolName = keyof typeof LatencyProtocol;
export type LatencyProtocolIndex = (typeof LatencyProtocol)[LatencyProtocolName];

const BUCKETS = LATENCY_BOUNDS.length + 1;
const PROTOCOL_CELLS = 1 + BUCKETS;
export const LATENCY_CELLS = Object.keys(LatencyProtocol).length * PROTOCOL_CELLS;

/** In the clock's milliseconds, where the hot path compares. */
const BOUNDS_MS = Float64Array.from(LATENCY_BOUNDS, (seconds) => seconds * 1000);

export class LatencyCells {
  readonly #cells: Float64Array;

  constructor(cells: Float64Array) {
    this.#cells = cells;
  }

  /** Counts `requests` that took `ms` each. A clock that went back is no time at all. */
  record(protocol: LatencyProtocolIndex, ms: number, requests: number): void {
    let bucket = 0;
    while (bucket < BOUNDS_MS.length && ms > BOUNDS_MS[bucket]) bucket++;
    const at = protocol * PROTOCOL_CELLS;
    this.#cells[at] += ms > 0 ? (requests * ms) / 1000 : 0;
    this.#cells[at + 1 + bucket] += requests;
  }

  sumSeconds(protocol: LatencyProtocolIndex): number {
    return this.#cells[protocol * PROTOCOL_CELLS];
  }

  /** Requests by bucket, one more than there are bounds. */
  counts(protocol: LatencyProtocolIndex): Float64Array {
    const at = protocol * PROTOCOL_CELLS + 1;
    return this.#cells.slice(at, at + BUCKETS);
  }
}

/** What several workers measured of one protocol. */
export function sumLatencyCells(workers: readonly LatencyCells[], protocol: LatencyProtocolIndex) {
  const counts = new Array<number>(BUCKETS).fill(0);
  let sumSeconds = 0;
  for (const worker of workers) {
    sumSeconds += worker.sumSeconds(protocol);
    const cells = worker.counts(protocol);
    for (let i = 0; i < BUCKETS; i++) counts[i] += cells[i];
  }
  const count = counts.reduce((sum, each) => sum + each, 0);
  return { count, sumSeconds, bounds: LATENCY_BOUNDS, counts };
}
