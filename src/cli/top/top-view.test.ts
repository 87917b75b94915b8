import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { minderTick, trackerTick } from '../../admin/view-examples.js';
import { cellsOf } from '../terminal/cells.js';
import { ansiPaint, noPaint } from '../terminal/paint.js';
import { readHistory, readTick, type TopTick } from './tick-reader.js';
import { SORTS, TopState } from './top-state.js';
import { type Frame, frameLines } from './top-view.js';

const URL = 'http://127.0.0.1:6970';
const FRAME: Frame = { columns: 80, rows: 40, paint: noPaint, nowMs: 0, hasKeys: true };

function read(value: unknown): TopTick {
  const tick = readTick(value);
  if (tick === undefined) throw new Error('no tick');
  return tick;
}

function shown(value: unknown, frame: Partial<Frame> = {}, state = new TopState()) {
  state.took(read(value), URL);
  return frameLines(state, { ...FRAME, ...frame });
}

const node = (name: string, more: object = {}) => ({
  ...minderTick.cluster.nodes[0],
  id: `n-${name}`,
  name,
  state: 'healthy',
  reason: null,
  ...more,
});
const cluster = (nodes: readonly object[]) => ({
  ...minderTick,
  cluster: { ...minderTick.cluster, nodes },
});

describe('a frame of a tracker', () => {
  it('says who it is, what it does and what it dropped', () => {
    const text = shown(trackerTick).join('\n');
    expect(text).toContain('tracker-a  tracker 0.1.0  up 1 d 0 h');
    expect(text).toContain('http://127.0.0.1:6970  2026-01-01 00:00:00Z');
    expect(text).toMatch(/^announces\/s +9\.5 /m);
    expect(text).toMatch(/^latency p99 +80 \u00b5s /m);
    expect(text).toMatch(/^scrapes\/s +- /m);
    expect(text).toContain('peers 60 of 10.0M');
    expect(text).toContain(
      'dropped since the start: http not found 9, udp junk 2, websocket idle 1',
    );
    expect(text).toMatch(/^0123456789abcdef0123456789abcdef01234567 +3 +2 +1 +9$/m);
  });

  it('says why the interval is long, and that clients are sent away', () => {
    const load = { ...trackerTick.stats.load, stretch: 2.5, reason: 'busy', draining: true };
    const text = shown({ ...trackerTick, stats: { ...trackerTick.stats, load } }).join('\n');
    expect(text).toContain('the interval is 2.5 times as long as it would be (busy)');
    expect(text).toContain('draining: clients are sent to other trackers');
  });

  it('draws the minute that was, with a gap where nobody answered', () => {
    const state = new TopState();
    const at = (peers: number) => ({ ...trackerTick, values: { peers } });
    state.took(read(at(80)), URL);
    state.failed('nothing listens there', 1_000);
    const lines = shown(at(40), {}, state);
    expect(lines.find((line) => line.startsWith('peers '))).toMatch(/\u2588 \u2584$/);
  });
});

describe('a frame of a minder', () => {
  const nodes = [
    node('b', { peers: 5, lagMs: 9, requestsPerSecond: 1 }),
    node('a', { state: 'unreachable', reason: 'probes', peers: 7 }),
    node('c', { peers: 900, lagMs: 2, requestsPerSecond: 70 }),
  ];
  const names = (lines: readonly string[]) =>
    lines.flatMap((line) => /^n-(\w)/.exec(line)?.[1] ?? []).join('');

  it('lists the nodes with their states', () => {
    const text = shown(cluster(nodes), { columns: 120 }).join('\n');
    expect(text).toMatch(/^n-a +a +tracker +unreachable \(probes\) +2 ms +1 ms +7 /m);
    expect(text).toMatch(/^requests\/s +30 /m);
    expect(text).toMatch(/trackers well +3 of 3/);
  });

  it.each([
    ['name', 'abc', 'cba'],
    ['state', 'abc', 'cba'],
    ['lag', 'bac', 'cab'],
    ['peers', 'cab', 'bac'],
    ['requests', 'cba', 'abc'],
  ] as const)('sorts by %s, and the other way around when asked again', (sort, order, reversed) => {
    const state = new TopState();
    state.sort = SORTS.find((other) => other !== sort) ?? sort;
    state.sortBy(sort);
    expect(names(shown(cluster(nodes), { columns: 120 }, state))).toBe(order);
    state.sortBy(sort);
    expect(names(shown(cluster(nodes), { columns: 120 }, state))).toBe(reversed);
  });

  it('says how much more there is, and scrolls to the end and no further', () => {
    const many = cluster(Array.from({ length: 30 }, (_, i) => node(`x${100 + i}`)));
    const state = new TopState();
    const start = shown(many, { rows: 24 }, state);
    expect(start).toHaveLength(24);
    expect(start.join('\n')).toContain('x100');
    expect(start.at(-2)).toBe('and 19 more');
    state.scrolled = 1_000;
    const end = shown(many, { rows: 24 }, state).join('\n');
    expect(end).toContain('x129');
    expect(state.scrolled).toBe(19);
  });
});

describe('any frame', () => {
  it('says that nobody answers, since when, and that it tries on', () => {
    const state = new TopState();
    state.failed('http://127.0.0.1:6970: nothing listens there', 0);
    expect(frameLines(state, FRAME).join(' ')).toContain('nothing listens there; trying on');
    state.took(read(trackerTick), URL);
    expect(frameLines(state, FRAME).join(' ')).not.toContain('trying');
    state.failed('gone', 1_000);
    const text = frameLines(state, { ...FRAME, nowMs: 31_000 }).join('\n');
    expect(text).toContain('no answer for 30 s, trying on: gone');
    expect(text).toContain('tracker-a');
  });

  it.each([trackerTick, minderTick])(
    'fits every terminal, and shows the same in colour',
    (tick) => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 220 }),
          fc.integer({ min: 1, max: 60 }),
          (columns, rows) => {
            const plain = shown(tick, { columns, rows });
            expect(plain.length).toBeLessThanOrEqual(rows);
            for (const line of plain) expect(cellsOf(line)).toBeLessThanOrEqual(columns);
            const painted = shown(tick, { columns, rows, paint: ansiPaint });
            expect(painted.map(stripVTControlCharacters)).toEqual(plain);
          },
        ),
      );
    },
  );

  it('draws nothing that a stranger says, whatever it is', () => {
    const evil = '\x1b[2J\x1b]0;owned\x07\u009b31m\u202e\n';
    const json = JSON.stringify(minderTick).replaceAll(
      /"[a-z.:/0-9]+-?[a-z]?"(?=[,}\]])/g,
      (text) => (/minder"|tracker"/.test(text) ? text : JSON.stringify(evil)),
    );
    const lines = shown(JSON.parse(json));
    expect(json).toContain('owned');
    for (const line of lines) expect(line).toMatch(/^[^\p{Cc}\p{Cf}]*$/u);
  });

  it('comes of any JSON that says it is a tick', () => {
    const stats = fc.record({ role: fc.constantFrom('tracker', 'minder') });
    const any = fc.record({ stats, cluster: fc.jsonValue(), values: fc.jsonValue() });
    const rest = fc.dictionary(fc.constantFrom('atMs', 'busiest', 'dns'), fc.jsonValue());
    fc.assert(
      fc.property(any, rest, fc.jsonValue(), (tick, more, other) => {
        const whole = { ...more, ...tick, stats: { ...(other as object), ...tick.stats } };
        expect(shown(whole).length).toBeGreaterThan(3);
        readTick(other);
        readHistory(other, 60);
      }),
    );
  });
});

describe('the minute before the first tick', () => {
  it('is that of the history, a point for each second of it', () => {
    const state = new TopState();
    const series = { announces_udp4: [9, 1, 2], announces_web: [null, 3, null], peers: 'many' };
    state.remember(readHistory({ stepSeconds: 5, atMs: [], series }, 10));
    expect(state.history('announces')).toEqual([...Array(5).fill(4), ...Array(5).fill(2)]);
    expect(state.history('peers')).toEqual([]);
  });
});
