import { describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { HostLookup } from './host-lookup.js';

function open(answers: Record<string, string[] | Error>, options = {}) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const resolve = async (name: string) => {
    asked.push(name);
    const answer = answers[name] ?? new Error('no such name');
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { clock, asked, lookup: new HostLookup(options, { clock, resolve }) };
}

/** Lets answers that are there arrive. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('the look-up of hosts', () => {
  it('knows an address without asking', () => {
    const { lookup, asked } = open({});
    expect(lookup.addresses('192.0.2.1', 'n')).toEqual(['192.0.2.1']);
    expect(lookup.addresses('2001:db8::1', 'n')).toEqual(['2001:db8::1']);
    expect(asked).toEqual([]);
  });

  it('looks a name up in the background, once a minute', async () => {
    const answers = { t: ['192.0.2.2', '192.0.2.1', '192.0.2.2'] };
    const { lookup, asked, clock } = open(answers);
    expect(lookup.addresses('t', 'n')).toEqual([]);
    await settle();
    expect(lookup.addresses('t', 'n')).toEqual(['192.0.2.1', '192.0.2.2']);
    answers.t = ['192.0.2.3'];
    clock.advance(59);
    lookup.addresses('t', 'n');
    expect(asked).toHaveLength(1);
    clock.advance(1);
    lookup.addresses('t', 'n');
    await settle();
    expect(lookup.addresses('t', 'n')).toEqual(['192.0.2.3']);
    expect(asked).toHaveLength(2);
  });

  it('keeps the addresses of a name that fails for ten minutes', async () => {
    const answers: Record<string, string[] | Error> = { t: ['192.0.2.1'] };
    const { lookup, clock } = open(answers);
    lookup.addresses('t', 'n');
    await settle();
    answers.t = new Error('away');
    for (let i = 0; i < 10; i++) {
      clock.advance(60);
      lookup.addresses('t', 'n');
      await settle();
      expect(lookup.addresses('t', 'n')).toEqual(['192.0.2.1']);
    }
    clock.advance(60);
    lookup.addresses('t', 'n');
    await settle();
    expect(lookup.addresses('t', 'n')).toEqual([]);
    expect(lookup.counters.lookupsFailed).toBe(11);
  });

  it('bounds addresses, names, and look-ups under way', async () => {
    const many = Array.from({ length: 50 }, (_, i) => `192.0.2.${i}`);
    const { lookup, asked, clock } = open({ a: many, b: many }, { namesMax: 3 });
    for (const name of ['a', 'b', 'c', 'd']) lookup.addresses(name, `n${name}`);
    expect(asked).toEqual(['a', 'b']);
    expect(lookup.counters.namesRefused).toBe(1);
    await settle();
    expect(lookup.addresses('a', 'na')).toHaveLength(8);
    clock.advance(601);
    lookup.sweep();
    lookup.addresses('d', 'nd');
    await settle();
    expect(asked).toContain('d');
  });

  it('keeps a node whose names hang, or change each second, from taking the turn of others', async () => {
    const clock = new ManualClock();
    const asked: string[] = [];
    const resolve = (name: string) => {
      asked.push(name);
      if (name.startsWith('bad')) return new Promise<string[]>((_, fail) => fails.push(fail));
      return Promise.resolve(['192.0.2.1']);
    };
    const fails: ((error: Error) => void)[] = [];
    const lookup = new HostLookup({ namesMax: 64, timeoutMs: 1e6 }, { clock, resolve });
    for (let second = 0; second < 100; second++, clock.advance(1)) {
      for (let i = 0; i < 16; i++) lookup.addresses(`bad${second}-${i}`, 'hostile');
      // It names what another one needs as well.
      lookup.addresses('good.example', 'hostile');
      lookup.addresses(`good${second % 4}.example`, 'honest');
      await settle();
      lookup.sweep();
      if (second % 5 === 4) for (const fail of fails.splice(0)) fail(new Error('timed out'));
    }
    await settle();
    for (let i = 0; i < 4; i++) {
      expect(lookup.addresses(`good${i}.example`, 'honest')).toEqual(['192.0.2.1']);
    }
    expect(lookup.counters.namesRefused).toBe(0);
    // One at a time, and a pause after each.
    expect(asked.filter((name) => name.startsWith('bad')).length).toBeLessThanOrEqual(4);
  });

  it('gives up on an answer that does not come', async () => {
    const clock = new ManualClock();
    const resolve = () => new Promise<string[]>(() => {});
    const lookup = new HostLookup({ timeoutMs: 1 }, { clock, resolve });
    lookup.addresses('t', 'n');
    while (lookup.counters.lookupsFailed === 0) await new Promise((done) => setTimeout(done, 1));
    expect(lookup.addresses('t', 'n')).toEqual([]);
  });
});
