/** Numbers with their units, for people: short, and never longer than ten characters. */

const NOTHING = '-';

/** `1,234`, from a hundred thousand on `123k`, `1.23M`. */
export function countText(value: number | null | undefined): string {
  if (!isKnown(value)) return NOTHING;
  const size = Math.abs(value);
  if (size < 99_999.5) return Math.round(value).toLocaleString('en-US');
  return scaled(value, 1_000, ['', 'k', 'M', 'G', 'T', 'P', 'E'], '');
}

/** A second: `0`, `0.5`, `1,234`. */
export function rateText(value: number | null | undefined): string {
  if (!isKnown(value)) return NOTHING;
  return value > 0 && value < 9.95 ? value.toFixed(1) : countText(value);
}

/** `512 B`, `64.0 KB`, `1.2 GB`, by powers of 1,000. */
export function bytesText(value: number | null | undefined): string {
  if (!isKnown(value)) return NOTHING;
  return scaled(value, 1_000, ['B', 'KB', 'MB', 'GB', 'TB', 'PB', 'EB'], ' ');
}

/** From microseconds: `80 us`, `1.2 ms`, `3.0 s`. */
export function microsText(value: number | null | undefined): string {
  if (!isKnown(value)) return NOTHING;
  if (value < 999.5) return `${Math.round(value)} \u00b5s`;
  return value < 999_500 ? `${short(value / 1e3)} ms` : `${short(value / 1e6)} s`;
}

/** From milliseconds, which are not told apart further: `2 ms`, `1.20 s`, `5 min`. */
export function millisText(value: number | null | undefined): string {
  if (!isKnown(value)) return NOTHING;
  if (value < 999.5) return `${Math.round(value)} ms`;
  return value < 59_950 ? `${short(value / 1e3)} s` : durationText(value / 1e3);
}

/** `45 s`, `3 min`, `5 h 12 min`, `3 d 4 h`. */
export function durationText(seconds: number | null | undefined): string {
  if (!isKnown(seconds)) return NOTHING;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86_400)
    return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
  return `${Math.floor(whole / 86_400).toLocaleString('en-US')} d ${Math.floor((whole % 86_400) / 3_600)} h`;
}

/** A part of one: `2 %`. */
export function shareText(value: number | null | undefined): string {
  return isKnown(value) ? `${Math.round(value * 100)} %` : NOTHING;
}

function isKnown(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function scaled(value: number, base: number, units: readonly string[], gap: string): string {
  let unit = 0;
  let rest = value;
  while (Math.abs(rest) >= base * 0.9995 && unit < units.length - 1) {
    rest /= base;
    unit++;
  }
  return `${unit === 0 ? Math.round(rest) : short(rest)}${gap}${units[unit]}`;
}

/** Three figures. */
function short(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}
