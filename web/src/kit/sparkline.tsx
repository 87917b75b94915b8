const WIDTH = 100;
const HEIGHT = 24;

/** A small line without scales, from 0 to its highest; whoever places it says what it shows. */
export function Sparkline({ values }: { readonly values: readonly number[] }) {
  const line = linePath(values);
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      {line !== '' && <path class="spark-area" d={`${line}V${HEIGHT}H0Z`} />}
      {line !== '' && <path class="spark-line" d={line} />}
    </svg>
  );
}

/** A level line for a value that does not move; empty for less than two values. */
function linePath(values: readonly number[]): string {
  if (values.length < 2) return '';
  const top = Math.max(...values, 0) || 1;
  return values
    .map((value, i) => {
      const x = (i / (values.length - 1)) * WIDTH;
      const y = HEIGHT - (Math.max(0, value) / top) * (HEIGHT - 2) - 1;
      return `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join('');
}
