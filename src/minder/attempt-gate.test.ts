import { describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { ATTEMPTS_PER_SECOND_MAX, AttemptGate } from './attempt-gate.js';
import { type ProbeEndpoint, parseEndpoint } from './probe-endpoint.js';

const at = (ip: string, port = 6969): ProbeEndpoint => parseEndpoint(`udp://${ip}:${port}`)!;

function open(random = () => 0.5) {
  const clock = new ManualClock();
  return { clock, gate: new AttemptGate({ clock, random }) };
}

describe('the gate of attempts', () => {
  it('lets an endpoint be tried less and less often, up to each ten minutes', () => {
    const { clock, gate } = open();
    const times: number[] = [];
    const start = clock.seconds;
    for (let second = 0; second < 4_000; second++, clock.advance(1)) {
      if (gate.take('a', at('192.0.2.1'))) times.push(clock.seconds - start);
    }
    expect(times.slice(0, 7)).toEqual([0, 5, 15, 35, 75, 155, 315]);
    const pauses = times.map((time, i) => time - (times[i - 1] ?? time));
    expect(Math.max(...pauses)).toBe(600);
    expect(times).toHaveLength(13);
  });

  it('varies the pauses, so that minders do not march in step', () => {
    const early = open(() => 0);
    const late = open(() => 1);
    for (const { gate } of [early, late]) gate.take('a', at('192.0.2.1'));
    for (const { clock } of [early, late]) clock.advance(4);
    expect(early.gate.take('a', at('192.0.2.1'))).toBe(true);
    expect(late.gate.take('a', at('192.0.2.1'))).toBe(false);
  });

  it('does not begin anew for another node that names the same endpoint', () => {
    const { clock, gate } = open();
    expect(gate.take('a', at('192.0.2.1'))).toBe(true);
    clock.advance(1);
    expect(gate.take('b', at('192.0.2.1'))).toBe(false);
    gate.sweep();
    expect(gate.take('b', at('192.0.2.1'))).toBe(false);
  });

  it('bounds attempts at one address, of one node, and of all together in a second', () => {
    const { clock, gate } = open();
    const taken = (node: (i: number) => string, endpoint: (i: number) => ProbeEndpoint) => {
      clock.advance(1);
      return Array.from({ length: 200 }, (_, i) => gate.take(node(i), endpoint(i))).filter(Boolean)
        .length;
    };
    expect(
      taken(
        (i) => `n${i}`,
        (i) => at('192.0.2.1', 1 + i),
      ),
    ).toBe(4);
    expect(
      taken(
        () => 'a',
        (i) => at(`192.0.2.${10 + (i % 200)}`),
      ),
    ).toBe(4);
    expect(
      taken(
        (i) => `n${i}`,
        (i) => at(`198.51.100.${1 + i}`),
      ),
    ).toBe(ATTEMPTS_PER_SECOND_MAX);
    // This machine is no victim: a cluster on it should not wait long.
    expect(
      taken(
        () => 'a',
        (i) => at('127.0.0.1', 1 + i),
      ),
    ).toBe(16);
    expect(gate.counters.deferred).toBeGreaterThan(0);
  });

  it('remembers so many endpoints and no more; new ones wait until old ones are forgotten', () => {
    const { clock, gate } = open();
    for (let i = 0; i < 16_384; i++) {
      if (i % ATTEMPTS_PER_SECOND_MAX === 0) clock.advance(1);
      expect(gate.take(`n${i}`, at(`10.${i >>> 16}.${(i >>> 8) & 255}.${i & 255}`))).toBe(true);
    }
    clock.advance(1);
    expect(gate.take('x', at('192.0.2.1'))).toBe(false);
    expect(gate.counters.full).toBeGreaterThan(0);
    clock.advance(1_300);
    gate.sweep();
    expect(gate.take('x', at('192.0.2.1'))).toBe(true);
  });

  it('has a share for each node, whatever it advertises: others that join find attempts left', () => {
    const { clock, gate } = open();
    const hostile = ['a', 'b', 'c', 'd', 'e', 'f'];
    let taken = 0;
    for (let second = 0; second < 600; second++, clock.advance(1)) {
      hostile.forEach((node, n) => {
        for (let i = 0; i < 32; i++) {
          const ip = `10.${n}.${second >>> 3}.${(second & 7) * 32 + i}`;
          if (gate.take(node, at(ip))) taken++;
        }
      });
      gate.sweep();
      // After what each may do in a row, there is room at any time.
      if (second > 20)
        expect(gate.take(`n${second}`, at(`192.0.2.${second % 250}`, second))).toBe(true);
    }
    expect(taken).toBeLessThanOrEqual(hostile.length * (64 + 300));
  });

  it('lets one that had proven itself be tried at once', () => {
    const { clock, gate } = open();
    gate.take('a', at('192.0.2.1'));
    gate.proven(at('192.0.2.1'));
    clock.advance(1);
    expect(gate.take('a', at('192.0.2.1'))).toBe(true);
  });
});
