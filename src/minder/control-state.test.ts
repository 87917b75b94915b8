import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import type { WriteStep } from '../lib/private-file.js';
import { type ControlChange, type ControlEntry, ControlState } from './control-state.js';
import { nodeRecord, temporaryDirectory } from './minder-rig.testing.js';

const ONE = `n${'1'.repeat(16)}`;
const TWO = `n${'2'.repeat(16)}`;
let directory = '';
let path = '';
let clock: ManualClock;

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory, 'state.json');
  clock = new ManualClock();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(file = path, limits = {}): ControlState {
  return new ControlState({ path: file, limits }, { clock });
}

const put = (id: string, name: string): ControlChange => ({
  kind: 'node',
  id,
  value: nodeRecord(name),
});

describe('the state of a minder', () => {
  it('is there again after a restart, with its minder and its revision', () => {
    const state = open();
    state.commit([put(ONE, 'a'), put(TWO, 'b')]);
    const again = open();
    expect(again.minderId).toBe(state.minderId);
    expect(again.revision).toBe(state.revision);
    expect(again.list('node')).toEqual(state.list('node'));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['state.json']);
  });

  it('grows in revision with every change, whatever the clock does', () => {
    const state = open();
    state.commit([put(ONE, 'a'), put(TWO, 'b')]);
    let last = state.revision;
    for (const stepSeconds of [1, -3_600, 0, -1, 60]) {
      clock.advance(stepSeconds);
      state.commit([put(ONE, String(stepSeconds))]);
      expect(state.revision).toBeGreaterThan(last);
      last = state.revision;
      expect(open().revision).toBe(last);
    }
  });

  it.each<[WriteStep, string]>([
    ['written', 'old'],
    ['renamed', 'new'],
  ])('that is killed once the new text is %s is whole, and %s', (step, expected) => {
    open().commit([put(ONE, 'old')]);
    // A process that is killed does nothing more: what is on the disk then is looked at by another.
    let seen = '';
    const onStep = (at: WriteStep) => {
      if (at === step) seen = open().get('node', ONE)?.name ?? '';
    };
    new ControlState({ path }, { clock, onStep }).commit([put(ONE, 'new')]);
    expect(seen).toBe(expected);
  });

  it('overlooks what a killed write left behind', () => {
    open().commit([put(ONE, 'old')]);
    writeFileSync(`${path}.new`, '{"half', { mode: 0o600 });
    const state = open();
    expect(state.get('node', ONE)?.name).toBe('old');
    state.commit([put(ONE, 'new')]);
    expect(open().get('node', ONE)?.name).toBe('new');
  });

  it('does not change when it cannot be written', () => {
    const state = open();
    state.commit([put(ONE, 'old')]);
    const { revision } = state;
    rmSync(directory, { recursive: true });
    writeFileSync(directory, 'no directory');
    expect(() => state.commit([put(ONE, 'new'), put(TWO, 'b')])).toThrow(/cannot write/);
    expect(state.get('node', ONE)?.name).toBe('old');
    expect(state.get('node', TWO)).toBeUndefined();
    expect(state.revision).toBe(revision);
  });

  it('takes only so many records, all of a change or none', () => {
    const state = open(path, { entriesMax: 1 });
    expect(() => state.commit([put(ONE, 'a'), put(TWO, 'b')])).toThrow(
      expect.objectContaining({ code: 'state_full' }),
    );
    expect(state.list('node')).toEqual([]);
    state.commit([put(ONE, 'a')]);
  });

  it('forgets removed records in the end', () => {
    const state = open(path, { removedMs: 60_000 });
    state.commit([put(ONE, 'a')]);
    state.commit([{ kind: 'node', id: ONE, value: null }]);
    expect(state.get('node', ONE)).toBeUndefined();
    expect(state.entries()).toHaveLength(1);
    clock.advance(120);
    state.commit([put(TWO, 'b')]);
    expect(state.entries().map(({ id }) => id)).toEqual([TWO]);
  });

  it.each([
    ['is cut short', (text: string) => text.slice(0, -10)],
    ['has another version', (text: string) => text.replace('"version": 1', '"version": 2')],
    [
      'names a record that is none',
      (text: string) => text.replace('"role": "tracker"', '"role": 7'),
    ],
    ['has an id that is none', (text: string) => text.replaceAll(ONE, 'x')],
  ])('is refused when it %s', (_what, alter) => {
    open().commit([put(ONE, 'a')]);
    writeFileSync(path, alter(readFileSync(path, 'utf8')));
    expect(() => open()).toThrow(expect.objectContaining({ code: 'state_damaged' }));
  });

  it('is refused when others can read it', () => {
    open();
    writeFileSync(path, readFileSync(path));
    rmSync(path);
    writeFileSync(path, '{}', { mode: 0o644 });
    expect(() => open()).toThrow(expect.objectContaining({ code: 'file_exposed' }));
  });
});

describe('the exchange between minders', () => {
  it('ends alike, in whatever order entries come', () => {
    const minders = [ONE, TWO];
    const entries = fc.array(
      fc.record({
        kind: fc.constant('node' as const),
        id: fc.constantFrom(...minders),
        stamp: fc.nat(5),
        by: fc.constantFrom(...minders),
        value: fc.option(fc.constantFrom('a', 'b').map((name) => nodeRecord(name))),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(entries, fc.nat(), (given, turn) => {
        // One minder writes one value with one stamp.
        const unique = [
          ...new Map(
            given.map((entry) => [`${entry.id}${entry.stamp}${entry.by}`, entry]),
          ).values(),
        ] as ControlEntry[];
        const shuffled = unique.toSorted(
          (a, b) => ((a.stamp * 7 + turn) % 11) - ((b.stamp * 7 + turn) % 11),
        );
        rmSync(`${path}.a`, { force: true });
        rmSync(`${path}.b`, { force: true });
        const one = open(`${path}.a`, { removedMs: 1e15 });
        const two = open(`${path}.b`, { removedMs: 1e15 });
        one.merge(unique);
        for (const entry of shuffled) two.merge([entry]);
        two.merge(shuffled);
        const sorted = (state: ControlState) =>
          state.entries().toSorted((a, b) => (a.id < b.id ? -1 : 1));
        expect(sorted(two)).toEqual(sorted(one));
        expect(one.merge(two.entries())).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it('drops entries that are none', () => {
    const state = open();
    const bad = { kind: 'node', id: 'x', stamp: 9e15, by: ONE, value: nodeRecord('a') } as const;
    expect(state.merge([bad])).toBe(0);
    const wrong = {
      ...bad,
      id: ONE,
      value: { ...nodeRecord('a'), name: 7 },
    } as unknown as ControlEntry;
    expect(state.merge([wrong])).toBe(0);
    expect(state.entries()).toEqual([]);
  });
});
