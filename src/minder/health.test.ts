import { describe, expect, it } from 'vitest';
import { STOPPED } from '../protocol/cluster/heartbeat.js';
import { Health, type MinderReports, type NodeFacts } from './health.js';
import { parseEndpoint } from './probe-endpoint.js';
import type { EndpointReport } from './prober.js';

const A = { udp4: 'udp://192.0.2.1:6969', udp6: 'udp://[2001:db8::1]:6969' };
const B = { udp4: 'udp://192.0.2.2:6969', udp6: 'udp://[2001:db8::2]:6969' };

/** `failures` 0 is well; `okSeconds` -1 is not proven. */
function report(
  url: string,
  failures: number,
  { okSeconds = 1, ageSeconds = 1 } = {},
): EndpointReport {
  return {
    endpoint: parseEndpoint(url)!,
    okAgeMs: okSeconds < 0 ? undefined : 1_000 * okSeconds,
    ageMs: 1_000 * ageSeconds,
    failures,
    rttMs: failures === 0 ? 3.04 : undefined,
    error: failures === 0 ? undefined : 'timeout',
  };
}

const node = (id: string, over: Partial<NodeFacts> = {}): NodeFacts => ({
  id,
  name: id,
  state: 'healthy',
  reason: null,
  isDraining: false,
  addresses: [],
  ...over,
});

type Said = Readonly<Record<string, readonly EndpointReport[]>>;
const minder = (said: Said): MinderReports => new Map(Object.entries(said));

class Rig {
  readonly health = new Health({ probeSeconds: 3, probeTimeoutMs: 2_000, flapSeconds: 60 });
  nowMs = 0;
  nodes = [node('a'), node('b')];

  judge(...minders: Said[]): this {
    this.nowMs += 1_000;
    const urls: Said = minders[0];
    const endpoints = (id: string) => (urls[id] ?? []).map(({ endpoint }) => endpoint);
    this.health.judge(this.nodes, minders.map(minder), endpoints, this.nowMs);
    return this;
  }

  /** State of a node, then of its endpoints. */
  of(id: string): string[] {
    const { state, reason, endpoints } = this.health.verdict(id)!;
    const shown = reason === null ? state : `${state} ${reason}`;
    return [shown, ...endpoints.map((endpoint) => endpoint.state)];
  }
}

const WELL_B = { b: [report(B.udp4, 0)] };
const dead = (url: string, okSeconds = 10) => report(url, 2, { okSeconds });

describe('the verdict on an endpoint', () => {
  it('is well after one failure and dead after two', () => {
    const rig = new Rig().judge({ a: [report(A.udp4, 1, { okSeconds: 4 })], ...WELL_B });
    expect(rig.of('a')).toEqual(['healthy', 'well']);
    rig.judge({ a: [dead(A.udp4)], ...WELL_B });
    expect(rig.of('a')).toEqual(['unreachable probes', 'dead']);
    expect(rig.of('b')).toEqual(['healthy', 'well']);
    rig.judge({ a: [report(A.udp4, 0)], ...WELL_B });
    expect(rig.of('a')).toEqual(['healthy', 'well']);
  });

  it('shows how long the answer took, and why there is none', () => {
    const rig = new Rig().judge({ a: [report(A.udp4, 0)], b: [dead(B.udp4)] });
    expect(rig.health.verdict('a')!.endpoints[0]).toMatchObject({ rttMs: 3, error: null });
    expect(rig.health.verdict('b')!.endpoints[0]).toMatchObject({ rttMs: null, error: 'timeout' });
  });

  it('takes one dead address of several from the set, and leaves the node healthy', () => {
    const rig = new Rig().judge({ a: [report(A.udp4, 0), dead(A.udp6)], b: [report(B.udp6, 0)] });
    expect(rig.of('a')).toEqual(['healthy', 'well', 'dead']);
  });

  it('is well while any minder reaches it', () => {
    const here = { a: [dead(A.udp4)], ...WELL_B };
    const rig = new Rig().judge(here, { a: [report(A.udp4, 0)] });
    expect(rig.of('a')).toEqual(['healthy', 'well']);
    rig.judge(here, { a: [dead(A.udp4)], ...WELL_B });
    expect(rig.of('a')).toEqual(['unreachable probes', 'dead']);
  });

  it('does not count a minder that reaches nothing of that family and protocol', () => {
    const rig = new Rig().judge({ a: [report(A.udp4, 0)], ...WELL_B });
    // Here nothing works over UDP and IPv4; the other minder reaches both trackers.
    const blind = { a: [dead(A.udp4)], b: [dead(B.udp4)] };
    rig.judge(blind, { a: [report(A.udp4, 0)], ...WELL_B });
    expect(rig.of('a')).toEqual(['healthy', 'well']);
    // What that one says of `a` counts, although this one cannot tell.
    rig.judge(blind, { a: [dead(A.udp4)], ...WELL_B });
    expect(rig.of('a')).toEqual(['unreachable probes', 'dead']);
    expect(rig.of('b')).toEqual(['healthy', 'well']);
  });

  it('forgets what was said too long ago', () => {
    const old = { okSeconds: 15, ageSeconds: 15 };
    const rig = new Rig().judge({ a: [report(A.udp4, 0)], ...WELL_B });
    rig.judge({ a: [dead(A.udp4)], ...WELL_B }, { a: [report(A.udp4, 0, old)] });
    expect(rig.of('a')).toEqual(['unreachable probes', 'dead']);
  });

  it('stays what it was while nobody has looked', () => {
    const old = { okSeconds: 20, ageSeconds: 20 };
    const rig = new Rig().judge({ a: [report(A.udp4, 0)], ...WELL_B });
    rig.judge({ a: [report(A.udp4, 0, old)], ...WELL_B });
    expect(rig.of('a')).toEqual(['healthy', 'well']);
  });

  it('is unverified before anybody proved it, and no hope after three attempts', () => {
    const tried = (failures: number) => ({
      a: [report(A.udp4, failures, { okSeconds: -1 })],
      ...WELL_B,
    });
    const rig = new Rig().judge(tried(2));
    expect(rig.of('a')).toEqual(['healthy', 'unverified']);
    rig.judge(tried(3));
    expect(rig.of('a')).toEqual(['unreachable probes', 'unverified']);
  });
});

describe('a family that nobody can reach', () => {
  it('is unknown, and heartbeats decide', () => {
    const rig = new Rig().judge({ a: [report(A.udp4, 0)], ...WELL_B });
    for (let second = 6; second < 300; second++) {
      rig.judge({ a: [dead(A.udp4, second)], b: [dead(B.udp4, second + 1)] });
      expect(rig.of('a')).toEqual(['healthy', 'unknown']);
      expect(rig.of('b')).toEqual(['healthy', 'unknown']);
    }
    rig.nodes = [node('a', { state: 'unreachable', reason: 'silent' }), node('b')];
    rig.judge({ a: [dead(A.udp4, 300)], b: [dead(B.udp4, 301)] });
    expect(rig.of('a')).toEqual(['unreachable silent', 'unknown']);
  });

  it('leaves what was dead before as it was', () => {
    const rig = new Rig().judge({ a: [report(A.udp4, 0)], ...WELL_B });
    rig.judge({ a: [dead(A.udp4, 10)], ...WELL_B });
    rig.judge({ a: [dead(A.udp4, 60)], b: [dead(B.udp4, 5)] });
    expect(rig.of('a')).toEqual(['unreachable probes', 'dead']);
    expect(rig.of('b')).toEqual(['healthy', 'unknown']);
  });

  it('says nothing of the other family', () => {
    const rig = new Rig().judge({
      a: [report(A.udp4, 0), report(A.udp6, 0)],
      b: [report(B.udp4, 0), report(B.udp6, 0)],
    });
    rig.judge({
      a: [dead(A.udp4), dead(A.udp6)],
      b: [report(B.udp4, 0), dead(B.udp6)],
    });
    expect(rig.of('a')).toEqual(['healthy', 'dead', 'unknown']);
    expect(rig.of('b')).toEqual(['healthy', 'well', 'unknown']);
  });

  it('makes nobody unreachable that was never reached', () => {
    const tried = (url: string) => [report(url, 9, { okSeconds: -1 })];
    const rig = new Rig().judge({ a: tried(A.udp4), b: tried(B.udp4) });
    expect(rig.of('a')).toEqual(['healthy', 'unverified']);
  });
});

describe('the verdict on a node', () => {
  it.each([
    ['joining', null],
    ['draining', 'operator'],
    ['unreachable', 'silent'],
    ['unreachable', 'clock'],
  ] as const)('is what heartbeats say: %s %s', (state, reason) => {
    const rig = new Rig();
    rig.nodes = [node('a', { state, reason })];
    rig.judge({ a: [report(A.udp4, 0)] });
    expect(rig.health.verdict('a')).toMatchObject({ state, reason });
  });

  it('counts heartbeats alone where a node advertises nothing', () => {
    expect(new Rig().judge({ ...WELL_B }).of('a')).toEqual(['healthy']);
  });

  it('has no endpoints once it is revoked', () => {
    const rig = new Rig();
    rig.nodes = [node('a', { state: 'revoked' })];
    expect(rig.judge({ a: [report(A.udp4, 0)] }).of('a')).toEqual(['revoked']);
  });

  it('acts on the first falls at once; after three the node must stay up for a while', () => {
    const rig = new Rig();
    const said = { a: [report(A.udp4, 0)], ...WELL_B };
    const step = (state: NodeFacts['state']) => {
      rig.nodes = [node('a', { state, reason: null }), node('b')];
      return rig.judge(said).of('a')[0];
    };
    expect(step('healthy')).toBe('healthy');
    for (const after of ['healthy', 'healthy', 'unreachable flapping']) {
      expect(step('unreachable')).toBe('unreachable');
      expect(step('healthy')).toBe(after);
    }
    for (let second = 1; second < 60; second++)
      expect(step('healthy')).toBe('unreachable flapping');
    expect(step('healthy')).toBe('healthy');
  });

  it('sends nobody to a node that says it ends, and takes no such end for a fall', () => {
    const rig = new Rig();
    const said = { a: [report(A.udp4, 0)], ...WELL_B };
    for (let restart = 0; restart < 4; restart++) {
      rig.nodes = [node('a', STOPPED), node('b')];
      expect(rig.judge(said).of('a')[0]).toBe('unreachable stopped');
      rig.nodes = [node('a'), node('b')];
      expect(rig.judge(said).of('a')[0]).toBe('healthy');
    }
  });

  it('holds back an address that flaps, and not its node', () => {
    const rig = new Rig();
    const said = (failures: number) => ({
      a: [report(A.udp4, failures, { okSeconds: 1 }), report(A.udp6, 0)],
      b: [report(B.udp4, 0)],
    });
    rig.judge(said(0));
    for (let i = 0; i < 3; i++) rig.judge(said(2)).judge(said(0));
    expect(rig.of('a')).toEqual(['healthy', 'dead', 'well']);
    expect(rig.health.verdict('a')!.endpoints[0].error).toBe('flapping');
  });
});
