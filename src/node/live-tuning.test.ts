import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolve } from '../config/resolve.js';
import { configSchema } from '../config/schema.js';
import { ManualClock } from '../lib/clock.js';
import { createLogger } from '../lib/log.js';
import { Global, reserveStore } from '../swarm/layout.js';
import { LiveSettings } from '../tracker/live-settings.js';
import { LiveTuning } from './live-tuning.js';

const logger = createLogger({ level: 'silent', format: 'json', name: 'x' });
const CONFIG = resolve(configSchema.parse({ announce: { intervalSeconds: 100 } }), {
  hostname: 'x',
});
let directory = '';
const running: LiveTuning[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'live-tuning-'));
});
afterEach(() => {
  for (const tuning of running.splice(0)) tuning.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** A process of a tracker that stands alone, over the files of the last one. */
function start() {
  const memory = reserveStore({ peersMax: 1_000, swarmsMax: 1_000, shards: 4 });
  const clock = new ManualClock();
  const tuning = new LiveTuning(CONFIG, join(directory, 'tuning.json'), { memory, clock, logger });
  running.push(tuning);
  tuning.restore();
  const ttl = () => new Int32Array(memory.control)[Global.peerTtlSeconds];
  const live = new LiveSettings(tuning.memory, CONFIG.announce);
  return { tuning, clock, ttl, live };
}

describe('a tracker that stands alone', () => {
  it('keeps peers as configured, and has nothing to say before it is watched', () => {
    const { tuning, ttl } = start();
    expect(ttl()).toBe(150);
    expect(tuning.view()).toBeUndefined();
  });

  it('keeps them longer while clients are told to stay away, over a restart too', () => {
    const first = start();
    first.tuning.watch([], { alone: true });
    first.live.setStretch(4);
    first.tuning.tick();
    expect(first.ttl()).toBe(600);
    expect(first.tuning.view()?.intervalSeconds).toBe(400);
    const second = start();
    expect(second.ttl(), 'before the saved store is loaded').toBe(600);
    second.tuning.watch([], { alone: true });
    second.clock.advance(601);
    second.tuning.tick();
    expect(second.ttl()).toBe(150);
    expect(start().ttl(), 'and that is remembered as well').toBe(150);
  });

  it('leaves the life of peers to the cluster worker where there is one', () => {
    const { tuning, live, ttl } = start();
    tuning.watch([], { alone: false });
    live.setStretch(4);
    tuning.tick();
    expect(ttl()).toBe(150);
  });
});
