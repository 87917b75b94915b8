/** A line of small bars: what a number did of late. */

const BARS = '\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588';
const UNKNOWN = ' ';

/**
 * One cell for each of the last `cells` values, the newest at the right; the largest of those shown
 * is the highest bar, 0 the lowest. Blank where nothing is known.
 */
export function spark(values: readonly (number | null)[], cells: number): string {
  if (cells <= 0) return '';
  const shown = values.slice(-cells);
  const most = shown.reduce<number>((max, value) => Math.max(max, value ?? 0), 0);
  const bars = shown.map((value) => {
    if (value === null) return UNKNOWN;
    const height = most <= 0 ? 0 : Math.ceil((Math.max(0, value) / most) * BARS.length) - 1;
    return BARS[Math.max(0, height)];
  });
  return bars.join('').padStart(cells);
}
