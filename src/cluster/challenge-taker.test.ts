import { describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { ScrapeEntry } from '../protocol/announce.js';
import { CONTROL_VERSION, encodeControl } from '../protocol/cluster/control.js';
import { ProbeAnswers, reserveProbeAnswers } from '../swarm/probe-answers.js';
import { ChallengeTaker } from './challenge-taker.js';

describe('the taker of challenges', () => {
  it('has scrapes of the hash answered for as long as the minder said, and takes nothing else', () => {
    const memory = reserveProbeAnswers();
    const clock = new ManualClock(50);
    const taker = new ChallengeTaker({ memory }, { clock });
    const answers = new ProbeAnswers(memory);
    const entry = new ScrapeEntry();
    const challenge = {
      version: CONTROL_VERSION,
      type: 'challenge',
      minder: `n${'1'.repeat(16)}`,
      hash: 'ffffffff00000001000000020000000300000004',
      counts: [1, 2, 3],
      ttlSeconds: 10,
    } as const;
    const words = Int32Array.of(-1, 1, 2, 3, 4);
    const bad = [{ ...challenge, ttlSeconds: 0 }, { ...challenge, counts: [1, -2, 3] }, {}];
    for (const value of bad) expect(taker.take(Buffer.from(JSON.stringify(value)))).toBe(false);
    expect(taker.take(Buffer.from('{'))).toBe(false);
    expect(answers.has(words, 0, 50)).toBe(false);
    expect(taker.take(encodeControl({ ...challenge, counts: [1, 2, 3] }))).toBe(true);
    expect(answers.read(words, 0, 59, entry)).toBe(true);
    expect(entry).toMatchObject({ seeders: 1, downloads: 2, leechers: 3 });
    expect(answers.has(words, 0, 60)).toBe(false);
    expect(taker.counters.challenges).toBe(1);
  });
});
