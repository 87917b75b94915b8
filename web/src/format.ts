/** Numbers as operators read them: short, with their unit, and the same everywhere. */

/** A thin space that does not break: a number stays with its unit. */
const NARROW = '\u202f';
export const UNKNOWN = '–';

type Maybe = number | null | undefined;

const isNumber = (value: Maybe): value is number =>
  typeof value === 'number' && Number.isFinite(value);

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** `1,234,567`. */
export function formatCount(value: Maybe): string {
  return isNumber(value) ? whole.format(value) : UNKNOWN;
}

/** At most three digits before the unit: `987`, `12.3 k`, `4.56 M`. */
export function formatShort(value: Maybe): string {
  if (!isNumber(value)) return UNKNOWN;
  const { digits, unit } = scale(value, 1000, ['', 'k', 'M', 'G', 'T']);
  return unit === '' ? digits : `${digits}${NARROW}${unit}`;
}

/** Per second: `0.4`, `12.3`, `1,234`; the unit stands beside it. */
export function formatRate(value: Maybe): string {
  if (!isNumber(value)) return UNKNOWN;
  if (value === 0) return '0';
  if (Math.abs(value) < 9.95) return value.toFixed(1);
  return Math.abs(value) < 100_000 ? whole.format(value) : formatShort(value);
}

/** `512 B`, `1.50 GB`: powers of 1,000, as disks and networks are counted. */
export function formatBytes(value: Maybe): string {
  if (!isNumber(value)) return UNKNOWN;
  const { digits, unit } = scale(value, 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB']);
  return `${digits}${NARROW}${unit}`;
}

/** A part of a whole, in the unit of the whole where it fits: `4.19 of 513 MB`. */
export function formatPart(bytes: Maybe, wholeBytes: Maybe): string {
  const [part, partUnit] = formatBytes(bytes).split(NARROW);
  const [all, unit] = formatBytes(wholeBytes).split(NARROW);
  const shown = partUnit === undefined || partUnit === unit ? part : `${part}${NARROW}${partUnit}`;
  return unit === undefined ? shown : `${shown} of ${all}${NARROW}${unit}`;
}

/** On a scale nothing is gained by zeros: `2.50 k` is `2.5 k`, `10.0 ms` is `10 ms`. */
export function trimZeros(text: string): string {
  return text.replace(/\.(\d*?)0+(?=\D|$)/, (_, digits) => (digits === '' ? '' : `.${digits}`));
}

/** `7 s`, `3 min 12 s`, `5 h 7 min`, `12 d 3 h`: the two largest units. */
export function formatDuration(seconds: Maybe): string {
  if (!isNumber(seconds)) return UNKNOWN;
  const s = Math.max(0, Math.floor(seconds));
  const steps = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ] as const;
  const first = steps.findIndex(([, size]) => s >= size);
  if (first < 0) return `0${NARROW}s`;
  const parts: string[] = [];
  let rest = s;
  for (const [unit, size] of steps.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${NARROW}${unit}`);
  }
  return parts.join(' ');
}

/** `12 µs`, `3.40 ms`, `1.20 s`. */
export function formatMicros(micros: Maybe): string {
  if (!isNumber(micros)) return UNKNOWN;
  const { digits, unit } = scale(micros, 1000, ['µs', 'ms', 's']);
  return `${digits}${NARROW}${unit}`;
}

/** `3 ms`, `251 ms`, `1.2 s`. */
export function formatMillis(millis: Maybe): string {
  return isNumber(millis) ? trimZeros(formatMicros(millis * 1000)) : UNKNOWN;
}

/** A share of one: `0 %`, `0.4 %`, `37 %`. */
export function formatShare(share: Maybe): string {
  if (!isNumber(share)) return UNKNOWN;
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return `<${NARROW}0.1${NARROW}%`;
  const digits = percent > 0 && percent < 9.95 ? percent.toFixed(1) : String(Math.round(percent));
  return `${digits}${NARROW}%`;
}

/** Time of day, local: `14:03:27`. */
export function formatTime(ms: number): string {
  const at = new Date(ms);
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

/** A name in snake case as words: `bad_connection_id` is `bad connection id`. */
export function formatName(name: string): string {
  return name.replaceAll('_', ' ');
}

/** Three significant digits. What rounds up to the next unit is written in it. */
function scale(value: number, base: number, units: readonly string[]) {
  let index = 0;
  let rest = value;
  while (index < units.length - 1 && Math.abs(rest) >= base - 0.5) {
    rest /= base;
    index++;
  }
  return { digits: significant(rest, index === 0), unit: units[index] };
}

function significant(value: number, isBase: boolean): string {
  const size = Math.abs(value);
  if (isBase && Number.isInteger(value)) return whole.format(value);
  if (size >= 99.95) return whole.format(value);
  return value.toFixed(size >= 9.995 ? 1 : 2);
}
