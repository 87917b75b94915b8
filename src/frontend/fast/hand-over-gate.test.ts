import { describe, expect, it } from 'vitest';
import { Endpoint } from '../../lib/endpoint.js';
import { HandOverGate, type HandOverMessage } from './hand-over-gate.js';

function endpoint(address: string): Endpoint {
  const result = new Endpoint();
  result.setAddressText(address);
  return result;
}

function fixture(pendingMax: number, perAddressPerSecondMax: number, seed = 1) {
  const clock = { nowMs: 5_000 };
  const posted: HandOverMessage[] = [];
  const pending = new Int32Array(new SharedArrayBuffer(4));
  const way = { post: (message: HandOverMessage) => posted.push(message), pending, open: () => 0 };
  const gate = new HandOverGate(
    { pendingMax, perAddressPerSecondMax, seed, proxyProtocol: false },
    {
      ways: [way],
      isProxy: (source) => source.bytes[0] === 10,
      nowMs: () => clock.nowMs,
    },
  );
  const pass = (address: string, times: number): number => {
    let taken = 0;
    for (let i = 0; i < times; i++) {
      if (gate.take(i, new Uint8Array(0), endpoint(address))) taken++;
    }
    return taken;
  };
  return { pass, posted, pending, clock };
}

describe('hand-over gate', () => {
  it('passes descriptor and bytes, and counts what is on its way', () => {
    const { pass, posted, pending } = fixture(10, 100);
    expect(pass('192.0.2.1', 1)).toBe(1);
    expect(posted).toEqual([{ fd: 0, bytes: new Uint8Array(0) }]);
    expect(pending[0]).toBe(1);
  });

  it('refuses when too many are on their way, until some were taken', () => {
    const { pass, pending } = fixture(3, 100);
    expect(pass('192.0.2.1', 5)).toBe(3);
    pending[0] = 2;
    expect(pass('192.0.2.1', 5)).toBe(1);
  });

  it('gives each address its own budget a second', () => {
    const { pass, clock } = fixture(1_000, 5);
    expect(pass('192.0.2.1', 50)).toBe(5);
    clock.nowMs += 1_000;
    expect(pass('192.0.2.1', 50)).toBe(5);
    expect(pass('198.51.100.77', 50)).toBe(5);
  });

  it('counts an IPv6 network as one address', () => {
    const { pass } = fixture(1_000, 5);
    expect(pass('2001:db8::1', 50) + pass('2001:db8::2', 50)).toBe(5);
  });

  it('has strangers share a budget by chance alone: whoever knows another seed hits nobody', () => {
    // Whether one connection of the network uses up what the address has.
    const isShared = (seed: number) => (network: string) => {
      const { pass } = fixture(2, 1, seed);
      return pass(network, 1) === 1 && pass('192.0.2.1', 1) === 0;
    };
    const networks = Array.from({ length: 20_000 }, (_, i) => `2001:db8:${i.toString(16)}::1`);
    const aimed = networks.filter(isShared(1));
    expect(aimed.length).toBeGreaterThan(0);
    expect(aimed.filter(isShared(2))).toEqual([]);
  });

  it('chooses the thread with the fewest connections, here and on their way', () => {
    const threads = [5, 0, 3].map((open) => ({
      open,
      taken: 0,
      pending: new Int32Array(new SharedArrayBuffer(4)),
    }));
    const ways = threads.map((thread) => ({
      post: () => thread.taken++,
      pending: thread.pending,
      open: () => thread.open,
    }));
    const gate = new HandOverGate(
      { pendingMax: 6, perAddressPerSecondMax: 100, seed: 1, proxyProtocol: false },
      { ways, isProxy: () => true, nowMs: () => 0 },
    );
    const pass = (times: number): boolean[] =>
      Array.from({ length: times }, (_, i) =>
        gate.take(i, new Uint8Array(0), endpoint('192.0.2.1')),
      );
    pass(3);
    expect(threads.map(({ taken }) => taken)).toEqual([0, 3, 0]);
    pass(6);
    expect(threads.map(({ taken }) => taken)).toEqual([1, 6, 2]);
    // A thread that takes nothing any more gets no more; the last of all refuses.
    expect(pass(10).filter((taken) => taken)).toHaveLength(9);
    expect(threads.map(({ taken }) => taken)).toEqual([6, 6, 6]);
    Atomics.sub(threads[2].pending, 0, 6);
    expect(pass(1)).toEqual([true]);
    expect(threads[2].taken).toBe(7);
  });

  it('does not count loopback, nor listed proxies, whether or not they begin with a preamble', () => {
    const { pass } = fixture(1_000, 5);
    expect(pass('127.0.0.1', 20)).toBe(20);
    expect(pass('::1', 20)).toBe(20);
    expect(pass('10.1.2.3', 20)).toBe(20);
  });
});
