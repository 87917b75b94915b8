import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import type { EndpointVerdict, NodeVerdict } from './health.js';
import { temporaryDirectory } from './minder-rig.testing.js';
import { parseEndpoint } from './probe-endpoint.js';
import { ADDRESSES_PER_MEMBER_MAX, TrackerSetKeeper } from './tracker-set.js';

const idOf = (name: string) => `n${name.charCodeAt(0).toString(16).padStart(16, '0')}`;
const URLS: Readonly<Record<string, readonly string[]>> = {
  a: ['udp://192.0.2.1:6969', 'http://192.0.2.1:6969/announce', 'udp://[2001:db8::1]:6969'],
  b: ['udp://192.0.2.2:6969'],
  c: ['udp://192.0.2.3:7000'],
};
let directory = '';
let path = '';
let clock: ManualClock;
let lines: string[] = [];
const log = {
  log: (level: string, msg: string) => {
    lines.push(`${level} ${msg}`);
  },
};

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory, 'tracker-set.json');
  clock = new ManualClock();
  lines = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

type State = NodeVerdict['state'];
type Words = readonly [State, ...EndpointVerdict['state'][]];

function verdict(name: string, [state, ...states]: Words, reason: string | null = null) {
  const endpoints = URLS[name].map((url, i) => ({
    endpoint: parseEndpoint(url)!,
    state: states[i] ?? states.at(-1) ?? ('well' as const),
    rttMs: null,
    error: null,
  }));
  const isDraining = state === 'draining' || reason === 'silent and drained';
  return { id: idOf(name), name, state, reason, isDraining, endpoints };
}

const all = (said: Readonly<Record<string, Words>>) =>
  Object.entries(said).map(([name, words]) => verdict(name, words));

function open(): TrackerSetKeeper {
  return new TrackerSetKeeper({ path }, { clock, log });
}

/** One that is past its first seconds. */
function settled(): TrackerSetKeeper {
  const keeper = open();
  clock.advance(60);
  return keeper;
}

const namesOf = (keeper: TrackerSetKeeper) => keeper.members.map(({ name }) => name);

describe('the set of trackers', () => {
  it('is empty before any tracker was known', () => {
    const keeper = open();
    expect(keeper.set).toEqual({ revision: 0, addresses4: [], addresses6: [], services: [] });
    keeper.update(all({ a: ['joining', 'unverified'] }));
    expect(keeper.set.addresses4).toEqual([]);
    expect(keeper.sinceMs).toBe(0);
  });

  it('gives a tracker with many addresses no more weight than a few have', () => {
    const keeper = settled();
    const many = Array.from({ length: 32 }, (_, i) => `udp://[2001:db8:bad::${i + 1}]:9999`);
    const endpoints = many.map((url) => ({
      endpoint: parseEndpoint(url)!,
      state: 'well' as const,
      rttMs: null,
      error: null,
    }));
    const greedy = { ...verdict('c', ['healthy']), endpoints };
    keeper.update([...all({ a: ['healthy'], b: ['healthy'] }), greedy]);
    const { addresses6, services } = keeper.set;
    expect(addresses6.filter((ip) => ip.startsWith('2001:db8:bad:'))).toHaveLength(
      ADDRESSES_PER_MEMBER_MAX,
    );
    expect(addresses6).toContain('2001:db8::1');
    expect(services[0]).toEqual({ protocol: 'udp', port: 6969 });
    expect(services.filter(({ port }) => port === 9999)).toHaveLength(1);
  });

  it('has the addresses and services of healthy trackers, the most common service first', () => {
    const keeper = settled();
    keeper.update(all({ c: ['healthy'], b: ['healthy'], a: ['healthy'] }));
    const { addresses4, addresses6, services } = keeper.set;
    expect(addresses4).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
    expect(addresses6).toEqual(['2001:db8::1']);
    expect(services.map(({ protocol, port }) => `${protocol} ${port}`)).toEqual([
      'udp 6969',
      'udp 6969',
      'http 6969',
      'udp 7000',
    ]);
    expect(keeper.sinceMs).toBe(clock.wallMs());
  });

  it('leaves out endpoints that do not count, and trackers that have none', () => {
    const keeper = settled();
    keeper.update(
      all({
        a: ['healthy', 'dead', 'well', 'unknown'],
        b: ['healthy', 'unverified'],
        c: ['joining'],
      }),
    );
    expect(namesOf(keeper)).toEqual(['a']);
    expect(keeper.set).toMatchObject({
      addresses4: ['192.0.2.1'],
      addresses6: ['2001:db8::1'],
      services: [
        { protocol: 'http', port: 6969 },
        { protocol: 'udp', port: 6969 },
      ],
    });
    keeper.update(all({ a: ['healthy', 'dead', 'dead', 'well'] }));
    expect(keeper.set.addresses4).toEqual([]);
  });

  it('has a new and higher revision with every change, and only then', () => {
    const keeper = settled();
    keeper.update(all({ a: ['healthy'], b: ['healthy'] }));
    const first = keeper.set;
    expect(first.revision).toBe(Math.floor(clock.wallMs() / 1000));
    clock.advance(1);
    keeper.update(all({ b: ['healthy'], a: ['healthy'] }));
    expect(keeper.set).toBe(first);
    // The clock goes back.
    clock.epochMs -= 1_000_000;
    keeper.update(all({ a: ['healthy'] }));
    expect(keeper.set.revision).toBe(first.revision + 1);
  });

  it('lets a tracker go at once while another is healthy', () => {
    const keeper = settled();
    keeper.update(all({ a: ['healthy'], b: ['healthy'] }));
    for (const words of [['unreachable'], ['draining'], ['revoked'], ['joining']] as const) {
      keeper.update(all({ a: words, b: ['healthy'] }));
      expect(namesOf(keeper)).toEqual(['b']);
      keeper.update(all({ a: ['healthy'], b: ['healthy'] }));
      expect(namesOf(keeper)).toEqual(['a', 'b']);
    }
  });

  it('stays the last one when none is healthy, without those that are revoked, drained or gone', () => {
    const keeper = settled();
    keeper.update(all({ a: ['healthy'], b: ['healthy'], c: ['healthy'] }));
    const before = keeper.set;
    keeper.update(
      all({ a: ['unreachable', 'dead'], b: ['unreachable', 'dead'], c: ['unreachable', 'dead'] }),
    );
    expect(keeper.set).toBe(before);
    keeper.update(all({ a: ['revoked'], b: ['unreachable', 'dead'], c: ['unreachable', 'dead'] }));
    expect(keeper.set.addresses4).toEqual(['192.0.2.2', '192.0.2.3']);
    keeper.update(all({ b: ['draining'], c: ['unreachable', 'dead'] }));
    expect(keeper.set.addresses4).toEqual(['192.0.2.3']);
    keeper.update([verdict('c', ['unreachable', 'dead'], 'silent and drained')]);
    expect(keeper.set.addresses4).toEqual([]);
  });

  it('has none of a node that is not known any more', () => {
    const keeper = settled();
    keeper.update(all({ a: ['healthy'] }));
    keeper.update([]);
    expect(keeper.set.addresses4).toEqual([]);
  });

  it('shows of the last one who still answers probes, while heartbeats stay away', () => {
    const keeper = settled();
    keeper.update(all({ a: ['healthy'], b: ['healthy'] }));
    keeper.update(all({ a: ['unreachable', 'dead'], b: ['unreachable', 'well'] }));
    expect(keeper.set.addresses4).toEqual(['192.0.2.2']);
    // Nothing is forgotten by that.
    keeper.update(all({ a: ['unreachable', 'dead'], b: ['unreachable', 'dead'] }));
    expect(keeper.set.addresses4).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  it('gives the others some seconds to be heard again after the first one', () => {
    const keeper = settled();
    keeper.update(all({ a: ['healthy'], b: ['healthy'], c: ['healthy'] }));
    keeper.update(all({ a: ['unreachable'], b: ['unreachable'], c: ['unreachable'] }));
    clock.advance(1);
    const back = [
      verdict('a', ['healthy']),
      verdict('b', ['unreachable'], 'silent'),
      verdict('c', ['unreachable', 'dead'], 'probes'),
    ];
    keeper.update(back);
    expect(namesOf(keeper)).toEqual(['a', 'b']);
    clock.advance(5);
    keeper.update(back);
    expect(namesOf(keeper)).toEqual(['a']);
  });
});

describe('trackers that say that they end', () => {
  const ended = (...names: string[]) =>
    names.map((name) => verdict(name, ['unreachable', 'well'], 'stopped'));

  it('go at once, also while others are waited for', () => {
    const keeper = settled();
    keeper.update(all({ a: ['healthy'], b: ['healthy'], c: ['healthy'] }));
    keeper.update([...all({ a: ['healthy'], b: ['healthy'] }), ...ended('c')]);
    expect(namesOf(keeper)).toEqual(['a', 'b']);
    const again = open();
    again.update([...all({ a: ['healthy'], c: ['unreachable'] }), ...ended('b')]);
    expect(namesOf(again)).toEqual(['a', 'c']);
  });

  it('stay when nobody else is left', () => {
    const keeper = settled();
    keeper.update(all({ a: ['healthy'], b: ['healthy'] }));
    const before = keeper.set;
    keeper.update(ended('a', 'b'));
    expect(keeper.set).toBe(before);
    keeper.update(all({ a: ['unreachable', 'dead'], b: ['unreachable', 'dead'] }));
    expect(keeper.set).toBe(before);
  });
});

describe('the file of the set', () => {
  it('has the last set for a restart, also when everything is down', () => {
    const keeper = settled();
    keeper.update(all({ a: ['healthy'], b: ['healthy'] }));
    keeper.flush();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    clock.advance(100);
    const again = open();
    expect(again.set).toEqual(keeper.set);
    expect(again.sinceMs).toBe(keeper.sinceMs);
    clock.advance(60);
    again.update(all({ a: ['unreachable', 'unverified'], b: ['unreachable', 'unverified'] }));
    expect(again.set).toEqual(keeper.set);
  });

  it('keeps a new start from sending everybody to the first tracker that is heard', () => {
    const keeper = settled();
    keeper.update(all({ a: ['healthy'], b: ['healthy'] }));
    keeper.flush();
    const again = open();
    const early = all({ a: ['healthy'], b: ['joining', 'unverified'] });
    again.update(early);
    expect(namesOf(again)).toEqual(['a', 'b']);
    clock.advance(10);
    again.update(early);
    expect(namesOf(again)).toEqual(['a']);
  });

  it('is written when the set changed, at most each two seconds', () => {
    const keeper = settled();
    const revisionOnDisk = () => JSON.parse(readFileSync(path, 'utf8')).revision;
    keeper.update(all({ a: ['healthy'] }));
    const first = keeper.set.revision;
    expect(revisionOnDisk()).toBe(first);
    clock.advance(1);
    keeper.update(all({ a: ['healthy'], b: ['healthy'] }));
    expect(revisionOnDisk()).toBe(first);
    clock.advance(1);
    keeper.update(all({ a: ['healthy'], b: ['healthy'] }));
    expect(revisionOnDisk()).toBe(keeper.set.revision);
    rmSync(path);
    clock.advance(10);
    keeper.update(all({ a: ['healthy'], b: ['healthy'] }));
    expect(() => revisionOnDisk()).toThrow();
  });

  it.each(['{', '{"version": 9}', '[]'])('that says %s is made anew', (text) => {
    writeFileSync(path, text, { mode: 0o600 });
    const keeper = settled();
    expect(lines).toEqual(['warn the last set of trackers cannot be read: it is made anew']);
    keeper.update(all({ a: ['healthy'] }));
    expect(open().set).toEqual(keeper.set);
  });

  it('that cannot be written is said once, and tried again', () => {
    mkdirSync(`${path}.new`);
    writeFileSync(join(`${path}.new`, 'x'), '');
    const keeper = settled();
    for (let i = 0; i < 5; i++, clock.advance(2)) keeper.update(all({ a: ['healthy'] }));
    expect(lines).toEqual(['error the set of trackers is not saved']);
    rmSync(`${path}.new`, { recursive: true });
    keeper.update(all({ a: ['healthy'] }));
    expect(open().set).toEqual(keeper.set);
  });

  it('that others may read is not believed', () => {
    const keeper = settled();
    keeper.update(all({ a: ['healthy'] }));
    chmodSync(path, 0o644);
    expect(open().set.addresses4).toEqual([]);
    expect(lines).toHaveLength(1);
  });
});
