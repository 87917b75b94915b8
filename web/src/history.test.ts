import { describe, expect, it } from 'vitest';
import { History } from './history.js';
import type { HistoryReply } from './tick.js';

const STEP = 5_000;

function kept(count: number, endMs: number): HistoryReply {
  const atMs = Array.from({ length: count }, (_, i) => endMs - (count - 1 - i) * STEP);
  return { stepSeconds: 5, atMs, series: { peers: atMs.map((_, i) => i) } };
}

describe('the history', () => {
  it('goes on live in steps of five seconds: rates are averages, levels the last', () => {
    const history = new History();
    for (let second = 0; second <= 12; second++) {
      history.add({ atMs: second * 1_000, values: { peers: second, drops: second } });
    }
    expect(history.atSeconds).toEqual([5, 10, 12]);
    expect(history.column('peers')).toEqual([5, 10, 12]);
    // Each over the five ticks up to then, the open step too.
    expect(history.column('drops')).toEqual([3, 8, 10]);
  });

  it('continues what the listener kept', () => {
    const history = new History();
    history.load(kept(3, 100_000));
    history.add({ atMs: 101_000, values: { peers: 50 } });
    history.add({ atMs: 102_000, values: { peers: 60 } });
    expect(history.atSeconds).toEqual([90, 95, 100, 102]);
    expect(history.column('peers')).toEqual([0, 1, 2, 60]);
  });

  it('keeps what it heard after the end of what it loads', () => {
    const history = new History();
    history.add({ atMs: 101_000, values: { peers: 7 } });
    history.load(kept(2, 100_000));
    expect(history.atSeconds).toEqual([95, 100, 101]);
    expect(history.column('peers')).toEqual([0, 1, 7]);
  });

  it('puts a hole where nothing was heard, so that no line crosses it', () => {
    const history = new History();
    history.add({ atMs: 0, values: { peers: 1 } });
    history.add({ atMs: 60_000, values: { peers: 2 } });
    expect(history.column('peers')).toEqual([1, null, 2]);
  });

  it('holds an hour and no more', () => {
    const history = new History();
    history.load(kept(900, 9_000_000));
    expect(history.atSeconds).toHaveLength(720);
    for (let second = 1; second <= 60; second++) {
      history.add({ atMs: 9_000_000 + second * 1_000, values: { peers: second } });
    }
    expect(history.atSeconds).toHaveLength(720);
    expect(history.column('peers')).toHaveLength(720);
    expect(history.column('peers').at(-1)).toBe(60);
  });

  it('does not know a series before it came, nor one that is null', () => {
    const history = new History();
    history.load(kept(2, 100_000));
    history.add({ atMs: 101_000, values: { drops: 4, swarms: null } });
    expect(history.column('drops')).toEqual([null, null, 4]);
    expect(history.column('swarms')).toEqual([null, null, null]);
    expect(history.tail('drops', 10)).toEqual([4]);
  });

  it('begins anew when the clock was set back', () => {
    const history = new History();
    history.load(kept(5, 100_000));
    history.add({ atMs: 40_000, values: { peers: 3 } });
    expect(history.atSeconds).toEqual([40]);
    expect(history.column('peers')).toEqual([3]);
  });
});
