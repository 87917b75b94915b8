/**
 * How long requests took, as counts between bounds: what `/stats.json`, `/metrics` and the page are
 * told, and what may be read from the difference of two of them.
 *
 * ```
 * bounds   b0    b1    b2  ...  bn            seconds, ascending
 * counts   c0 |  c1 |  c2 | ... cn | c(n+1)   ci: over b(i-1), up to bi; the last: over bn
 * ```
 */

export interface LatencyView {
  /** Requests measured: the sum of `counts`. */
  readonly count: number;
  readonly sumSeconds: number;
  readonly bounds: readonly number[];
  /** Not cumulative; one more than bounds. */
  readonly counts: readonly number[];
}

/** What was measured between two views of the same histogram. */
export function latencySince(before: LatencyView, now: LatencyView): LatencyView {
  return {
    count: now.count - before.count,
    sumSeconds: now.sumSeconds - before.sumSeconds,
    bounds: now.bounds,
    counts: now.counts.map((count, i) => count - (before.counts[i] ?? 0)),
  };
}

/** Several histograms with the same bounds as one. */
export function sumLatency(views: readonly [LatencyView, ...LatencyView[]]): LatencyView {
  return views.reduce((sum, view) => ({
    count: sum.count + view.count,
    sumSeconds: sum.sumSeconds + view.sumSeconds,
    bounds: sum.bounds,
    counts: sum.counts.map((count, i) => count + (view.counts[i] ?? 0)),
  }));
}

/**
 * Seconds that a share of the requests, 0 to 1, did not take longer than: within the bounds that it
 * falls between, as if requests were spread evenly there. Null when nothing was measured. What lies
 * over the last bound is told as that bound.
 */
export function latencyQuantile({ bounds, counts }: LatencyView, share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return null;
  const wanted = total * share;
  let before = 0;
  for (let i = 0; i < bounds.length; i++) {
    const count = counts[i];
    if (count > 0 && before + count >= wanted) {
      const low = i === 0 ? 0 : bounds[i - 1];
      return low + ((bounds[i] - low) * (wanted - before)) / count;
    }
    before += count;
  }
  return bounds[bounds.length - 1] ?? null;
}
