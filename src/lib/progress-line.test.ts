import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { ProgressLine } from './progress-line.js';

function rig(output: { isTTY?: boolean; columns?: number } = { isTTY: true }) {
  const written: string[] = [];
  const clock = { nowMs: 0 };
  const write = (text: string) => written.push(text);
  const line = new ProgressLine('loading', {
    output: { ...output, write },
    nowMs: () => clock.nowMs,
  });
  const last = () => stripVTControlCharacters(written.at(-1) ?? '').replaceAll('\r', '');
  return { line, written, clock, last };
}

it('shows how far it is as a bar and in numbers', () => {
  const { line, last, clock } = rig();
  line.show('5 of 20', 0.25);
  expect(last()).toBe(`loading  ${'\u2588'.repeat(5)}${'\u2592'.repeat(15)}  25 %  5 of 20`);
  clock.nowMs = 100;
  line.show('odd', Number.NaN);
  expect(last()).toContain('  0 %  odd');
  clock.nowMs = 200;
  line.show('no end is known');
  expect(last()).toBe('loading  no end is known');
});

it('is written ten times a second at most, and wiped once', () => {
  const { line, written, clock } = rig();
  for (clock.nowMs = 0; clock.nowMs < 1_000; clock.nowMs++) line.show('x', 0.5);
  expect(written).toHaveLength(10);
  line.clear();
  line.clear();
  expect(written.slice(10)).toEqual(['\r\x1b[K']);
});

it('never wraps', () => {
  const { line, last } = rig({ isTTY: true, columns: 30 });
  line.show('x'.repeat(100), 0.5);
  expect(last()).toHaveLength(29);
});

it('is silent where there is no terminal', () => {
  const { line, written } = rig({});
  line.show('x', 0.5);
  line.clear();
  expect(written).toEqual([]);
});
