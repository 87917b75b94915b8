import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMicros,
  formatMillis,
  formatPart,
  formatRate,
  formatShare,
  formatShort,
  trimZeros,
} from './format.js';

/** As read: the narrow space is a space. */
const plain = (text: string) => text.replaceAll('\u202f', ' ');

describe('numbers', () => {
  it('are short, with their unit', () => {
    const cases: [string, string][] = [
      [formatCount(1_234_567), '1,234,567'],
      [formatShort(999), '999'],
      [formatShort(12_345), '12.3 k'],
      [formatShort(4_560_000), '4.56 M'],
      [formatRate(0), '0'],
      [formatRate(0.42), '0.4'],
      [formatRate(12.3), '12'],
      [formatRate(123_456), '123 k'],
      [formatBytes(512), '512 B'],
      [formatBytes(1_500_000_000), '1.50 GB'],
      [formatPart(4_190_000, 513_000_000), '4.19 of 513 MB'],
      [formatPart(900, 513_000_000), '900 B of 513 MB'],
      [formatMicros(12), '12 µs'],
      [formatMicros(3_400), '3.40 ms'],
      [formatMillis(1_200), '1.2 s'],
      [formatMillis(3), '3 ms'],
      [formatShare(0), '0 %'],
      [formatShare(0.0004), '< 0.1 %'],
      [formatShare(0.004), '0.4 %'],
      [formatShare(0.37), '37 %'],
      [trimZeros('2.50 k'), '2.5 k'],
      [trimZeros('10.0 ms'), '10 ms'],
      [trimZeros('1,000'), '1,000'],
    ];
    for (const [got, wanted] of cases) expect(plain(got)).toBe(wanted);
  });

  it('round up into the next unit instead of past the last digit', () => {
    expect(plain(formatShort(999_999))).toBe('1.00 M');
    expect(plain(formatBytes(999.7))).toBe('1.00 kB');
    expect(plain(formatMicros(999_999))).toBe('1.00 s');
    expect(formatRate(9.99)).toBe('10');
  });

  it('that are not known are a dash', () => {
    for (const format of [formatCount, formatShort, formatRate, formatBytes, formatMicros]) {
      expect([format(null), format(undefined), format(Number.NaN)]).toEqual(['–', '–', '–']);
    }
  });

  it('stay short whatever they are', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e15, noNaN: true }), (value) => {
        expect(formatShort(value).length).toBeLessThanOrEqual(7);
        expect(formatBytes(value).length).toBeLessThanOrEqual(8);
      }),
    );
  });
});

describe('durations', () => {
  it('have the two largest units that are not zero', () => {
    const cases: [number, string][] = [
      [0, '0 s'],
      [7.9, '7 s'],
      [192, '3 min 12 s'],
      [3_600, '1 h'],
      [18_420, '5 h 7 min'],
      [86_400 * 12 + 3_600 * 3 + 59, '12 d 3 h'],
      [-1, '0 s'],
    ];
    for (const [seconds, wanted] of cases) expect(plain(formatDuration(seconds))).toBe(wanted);
  });
});
