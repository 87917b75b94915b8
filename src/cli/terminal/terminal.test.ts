import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellsOf, cut, fitTo } from './cells.js';
import { nodeLines } from './node-table.js';
import { ansiPaint, noPaint, paintFor } from './paint.js';
import { bytesText, countText, durationText, microsText, rateText, shareText } from './quantity.js';
import { spark } from './spark.js';
import { tableLines } from './table.js';

const stripped = stripVTControlCharacters;

describe('cells', () => {
  it('counts what a terminal shows', () => {
    expect(['abc', '\u6f22\u5b57', 'e\u0301', '\u{1f600}', ''].map(cellsOf)).toEqual([
      3, 4, 1, 2, 0,
    ]);
  });

  it('fits any text into exactly so many cells', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(40), (text, cells) => {
        const plain = text.replace(/\p{Cc}/gu, '');
        expect(cellsOf(fitTo(plain, cells))).toBe(cells);
        expect(cellsOf(cut(plain, cells))).toBeLessThanOrEqual(cells);
      }),
    );
  });
});

describe('paint', () => {
  it('is for terminals that have colours and users that want them', () => {
    const tty = { isTTY: true };
    expect(paintFor(tty, {})).toBe(ansiPaint);
    expect(paintFor({}, {})).toBe(noPaint);
    expect(paintFor(tty, { NO_COLOR: '1' })).toBe(noPaint);
    expect(paintFor(tty, { NO_COLOR: '' })).toBe(ansiPaint);
    expect(paintFor(tty, { TERM: 'dumb' })).toBe(noPaint);
  });
});

describe('spark', () => {
  it('draws the newest at the right, the largest as the highest, and gaps as gaps', () => {
    expect(spark([0, 8], 2)).toBe('\u2581\u2588');
    expect(spark([100, 1, 8, 4], 2)).toBe('\u2588\u2584');
    expect(spark([8, null, 8], 5)).toBe('  \u2588 \u2588');
    expect(spark([0, 0], 2)).toBe('\u2581\u2581');
    expect(spark([1], 0)).toBe('');
  });
});

describe('quantities', () => {
  it('are short, with their units', () => {
    expect([0, 999.6, 99_999, 100_000, 9_999_999].map(countText)).toEqual([
      '0',
      '1,000',
      '99,999',
      '100k',
      '10.0M',
    ]);
    expect([0, 0.25, 9.96, 1_234].map(rateText)).toEqual(['0', '0.3', '10', '1,234']);
    expect([0, 999, 999.9, 166e6].map(bytesText)).toEqual(['0 B', '999 B', '1.00 KB', '166 MB']);
    expect([46, 999.6, 12_345, 3e6].map(microsText)).toEqual([
      '46 \u00b5s',
      '1.00 ms',
      '12.3 ms',
      '3.00 s',
    ]);
    expect([5, 65, 3_700, 90_000].map(durationText)).toEqual([
      '5 s',
      '1 min',
      '1 h 1 min',
      '1 d 1 h',
    ]);
    expect([0.5, null, undefined, Number.NaN].map(shareText)).toEqual(['50 %', '-', '-', '-']);
  });

  it('stay short whatever the number', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e18, noNaN: true }), (value) => {
        for (const of of [countText, rateText, bytesText])
          expect(of(value).length).toBeLessThan(11);
      }),
    );
  });
});

describe('tables', () => {
  const columns = [
    { title: 'NAME', cellsMin: 4 },
    { title: 'N', align: 'right', rank: 2 },
    { title: 'WHY', rank: 1 },
  ] as const;
  const rows = [
    ['tracker-one', '5', { text: 'no reason', tone: 'bad' as const }],
    ['b', '1,000', ''],
  ];

  it('align columns, numbers to the right', () => {
    expect(tableLines(columns, rows)).toEqual([
      'NAME             N  WHY',
      'tracker-one      5  no reason',
      'b            1,000',
    ]);
  });

  it('lose the least important column first, then cut', () => {
    expect(tableLines(columns, rows, { width: 19 })).toEqual([
      'NAME             N',
      'tracker-one      5',
      'b            1,000',
    ]);
    expect(tableLines(columns, rows, { width: 13 })[1]).toBe('track\u2026      5');
    expect(tableLines(columns, rows, { width: 8 })).toEqual(['NAME', 'tracker\u2026', 'b']);
  });

  it('never draw what a stranger put into a cell', () => {
    const [, line] = tableLines([{ title: 'A' }], [['\x1b[2Jx\r\n\u009b2J\u202e']]);
    expect(line).toMatch(/^[^\p{Cc}\p{Cf}]*$/u);
  });

  it('are no wider than asked for and no different in colour', () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 });
    const node = fc.record({
      id: text,
      name: text,
      role: fc.constantFrom('tracker', 'minder'),
      state: fc.oneof(text, fc.constantFrom('healthy', 'unreachable', 'constructor')),
      reason: fc.option(text),
      version: text,
      lagMs: fc.option(fc.double()),
      clockOffsetMs: fc.option(fc.integer()),
      peers: fc.option(fc.nat()),
      requestsPerSecond: fc.option(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true })),
    });
    fc.assert(
      fc.property(
        fc.array(node, { maxLength: 5 }),
        fc.integer({ min: 24, max: 200 }),
        (nodes, width) => {
          const plain = nodeLines(nodes, { width });
          for (const line of plain) expect(cellsOf(line)).toBeLessThanOrEqual(width);
          expect(nodeLines(nodes, { width, paint: ansiPaint }).map(stripped)).toEqual(plain);
        },
      ),
    );
  });
});
