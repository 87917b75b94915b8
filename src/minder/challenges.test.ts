import { describe, expect, it } from 'vitest';
import { MemoryBus } from '../cluster/memory-bus.js';
import { ManualClock } from '../lib/clock.js';
import { decodeChallenge } from '../protocol/cluster/control.js';
import { CHALLENGE_LIFE_MS, Challenges } from './challenges.js';

const MINDER = `n${'0'.repeat(15)}1`;
const NODE = `n${'a'.repeat(16)}`;

function open() {
  const bus = new MemoryBus();
  const clock = new ManualClock();
  const transport = bus.join(MINDER);
  const heard: { subject: string; hash: string; counts: number[] }[] = [];
  bus.join(NODE).subscribe('ctl.*', (subject, payload) => {
    const challenge = decodeChallenge(payload);
    if (challenge !== undefined) heard.push({ subject, ...challenge });
  });
  const challenges = new Challenges({ minderId: MINDER }, { transport, clock });
  const pass = (seconds: number) => {
    clock.advance(seconds);
    bus.advance(clock.monotonicMs());
  };
  return { transport, clock, heard, challenges, pass };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('challenges', () => {
  it('are told to the node before they are used', () => {
    const { challenges, heard, pass } = open();
    expect(challenges.for(NODE)).toBeUndefined();
    pass(0.5);
    const challenge = challenges.for(NODE)!;
    expect(heard[0]).toMatchObject({
      subject: `ctl.${NODE}`,
      hash: hex(challenge.hash),
      counts: challenge.counts,
    });
    expect(challenge.counts.every((count) => count > 0)).toBe(true);
  });

  it('are told again, a second later at the earliest, since the node may have started anew', () => {
    const { challenges, heard, pass } = open();
    for (let i = 0; i < 100; i++, pass(0.09375)) challenges.for(NODE);
    expect(heard).toHaveLength(10);
    expect(new Set(heard.map(({ hash }) => hash)).size).toBe(1);
  });

  it('change each ten minutes, and the old one serves until the new one is there', () => {
    const { challenges, heard, pass } = open();
    challenges.for(NODE);
    pass(0.5);
    const old = challenges.for(NODE)!;
    pass(CHALLENGE_LIFE_MS / 1000);
    expect(challenges.for(NODE)).toBe(old);
    pass(0.5);
    const fresh = challenges.for(NODE)!;
    expect(fresh).not.toBe(old);
    expect(heard.map(({ hash }) => hash)).toContain(hex(fresh.hash));
  });

  it('are not used before the bus took them', () => {
    const { challenges, transport, pass } = open();
    transport.setConnected(false);
    challenges.for(NODE);
    pass(60);
    expect(challenges.for(NODE)).toBeUndefined();
    transport.setConnected(true);
    expect(challenges.for(NODE)).toBeUndefined();
    pass(0.5);
    expect(challenges.for(NODE)).toBeDefined();
    transport.setConnected(false);
    pass(300);
    expect(challenges.for(NODE)).toBeDefined();
  });

  it('differ between nodes, and are forgotten with them', () => {
    const { challenges, pass } = open();
    const other = `n${'b'.repeat(16)}`;
    challenges.for(NODE);
    challenges.for(other);
    pass(1);
    const first = challenges.for(NODE)!;
    expect(first.hash).not.toEqual(challenges.for(other)!.hash);
    challenges.keep(new Set([other]));
    expect(challenges.for(NODE)).toBeUndefined();
  });
});
