import { afterAll, beforeAll, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import { EAGAIN } from '../sys/linux.js';
import { loadSys } from '../sys/load-sys.js';
import type { Sys } from '../sys/sys.js';
import { Crowd } from './crowd.js';
import { LOAD_DEFAULTS, type LoadOptions } from './load-options.js';
import { SysWebEngine } from './sys-web-engine.js';
import { Tally } from './tally.js';
import { findTarget } from './target.js';
import { WebTrackerThread } from './web-tracker-thread.testing.js';

const PART_BYTES_MAX = 2_000;
const loaded = loadSys();

let tracker: WebTrackerThread;
beforeAll(async () => {
  tracker = await WebTrackerThread.start();
});
afterAll(() => tracker.stop());

/** Calls that carry some of what they could, or nothing, as on a network that is full. */
function narrow(sys: Sys, random: Prng): Sys {
  const part = (length: number) => Math.min(length, 1 + random.below(PART_BYTES_MAX));
  const calls: Partial<Sys> = {
    send: (fd, address, length, flags) => {
      const isUpgrade = length < 400;
      if (isUpgrade) return sys.send(fd, address, length, flags);
      if (random.chance(0.3)) return -EAGAIN;
      return sys.send(fd, address, part(length), flags);
    },
    recv: (fd, address, length, flags) => sys.recv(fd, address, part(length), flags),
  };
  return new Proxy(sys, {
    get: (target, name: keyof Sys) => {
      const value = target[name] as unknown;
      if (calls[name] !== undefined) return calls[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

it.runIf(loaded.ok)('loses nothing where what is sent and read comes in parts', async () => {
  if (!loaded.ok) return;
  const seed = testSeed();
  const options: LoadOptions = {
    ...LOAD_DEFAULTS,
    url: new URL(`ws://127.0.0.1:${tracker.ports.ws}/`),
    torrents: 4,
    peers: 40,
    connections: 10,
    sources: 2,
    offers: 4,
    pipeline: 3,
    scrapes: 0.2,
    timeoutMs: 60_000,
    seed,
  };
  const tally = new Tally();
  const target = await findTarget(options.url);
  const crowd = new Crowd({ ...options, sources: options.connections });
  const sys = narrow(loaded.sys, new Prng(seed));
  const engine = new SysWebEngine(sys, options, { target, crowd, tally });
  try {
    await engine.open(10_000);
    const untilMs = performance.now() + 20_000;
    const isTime = () => performance.now() < untilMs;
    while ((!engine.filled || engine.inFlight > 0) && isTime()) await engine.work('fill', untilMs);
    expect(tally.announces, `SEED=${seed}`).toBe(40);
    while (tally.answered < 500 && isTime()) await engine.work('mix', performance.now() + 50);
    while (engine.inFlight > 0 && isTime()) await engine.work('drain', untilMs);
    expect(tally.answered, `SEED=${seed}`).toBeGreaterThanOrEqual(500);
    expect(tally.failed, `SEED=${seed}: ${tally.firstError}`).toBe(0);
    expect(tally.offersReceived, `SEED=${seed}`).toBeGreaterThan(500);
    expect(tally.answersReceived, `SEED=${seed}`).toBeGreaterThan(0);
    expect(tally.answersSent).toBe(tally.offersReceived);
  } finally {
    engine.close();
  }
});
