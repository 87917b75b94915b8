/** Moments that are yet to come, as people write them on a command line. */
import { InvalidArgumentError } from 'commander';

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const DURATION = /^(\d{1,9})([smhd])$/;
/** A date alone means its begin. Without a zone it is UTC. */
const DATE =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?)?$/i;
/** Seconds since 1970 that fit 32 bits. */
const MS_MAX = 0xffff_ffff * 1000;

/** Reads `2027-01-31`, `2027-01-31T12:00Z` or `30d`; ms since 1970. Throws InvalidArgumentError. */
export function parseMoment(text: string, nowMs: number): number {
  const ms = durationEnd(text, nowMs) ?? dateMs(text);
  if (ms === undefined || ms > MS_MAX) {
    throw new InvalidArgumentError(
      'a date (2027-01-31), a time (2027-01-31T12:00Z) or a duration (30d, 12h) belongs here',
    );
  }
  if (ms <= nowMs) throw new InvalidArgumentError('this has been already');
  return ms;
}

function durationEnd(text: string, nowMs: number): number | undefined {
  const match = DURATION.exec(text);
  return match === null ? undefined : nowMs + Number(match[1]) * UNIT_MS[match[2]];
}

function dateMs(text: string): number | undefined {
  const match = DATE.exec(text);
  if (match === null) return undefined;
  const [, date, time = '00:00', zone = 'Z'] = match;
  // The 31st of February would become a day in March.
  const day = new Date(`${date}T00:00Z`);
  if (Number.isNaN(day.getTime()) || !day.toISOString().startsWith(date)) return undefined;
  const ms = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : ms;
}
