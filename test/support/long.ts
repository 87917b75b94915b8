/**
 * The long form of tests: `npm run test:cluster -- --long`. Short or long, the same things are
 * asserted; long, the waits and counts are those of the promises, and what was measured is printed.
 */
export const IS_LONG = process.env.TEST_LONG === '1';

/** `short` in `npm test`, `long` in the long form. */
export function sized<T>(short: T, long: T): T {
  return IS_LONG ? long : short;
}

/** Prints what was measured, in the long form only: times on a busy machine say nothing. */
export function measured(text: string): void {
  if (IS_LONG) process.stderr.write(`measured: ${text}\n`);
}

/** `p50 1.2 ms, p99 3.4 ms, max 5.6 ms` of some times in ms. */
export function percentiles(timesMs: readonly number[]): string {
  if (timesMs.length === 0) return 'nothing';
  const sorted = timesMs.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return `p50 ${ms(at(0.5))}, p99 ${ms(at(0.99))}, max ${ms(at(1))} of ${sorted.length}`;
}
