import { describe, expect, it } from 'vitest';
import { Endpoint } from '../../lib/endpoint.js';
import { HandOverGate, type HandOverMessage } from './hand-over-gate.js';

function endpoint(address: string): Endpoint {
  const result = new Endpoint();
  result.setAddressText(address);
  return result;
}

function fixture(pendingMax: number, perAddressPerSecondMax: number) {
  const clock = { nowMs: 5_000 };
  const posted: HandOverMessage[] = [];
  const pending = new Int32Array(new SharedArrayBuffer(4));
  const gate = new HandOverGate(
    { pendingMax, perAddressPerSecondMax },
    {
      post: (message) => posted.push(message),
      pending,
      isNeverPlain: (source) => source.bytes[0] === 10,
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

  it('does not count loopback, nor proxies that always speak first in another protocol', () => {
    const { pass } = fixture(1_000, 5);
    expect(pass('127.0.0.1', 20)).toBe(20);
    expect(pass('::1', 20)).toBe(20);
    expect(pass('10.1.2.3', 20)).toBe(20);
  });
});
