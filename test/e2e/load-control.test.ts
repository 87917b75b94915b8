/** A tracker with more requests than it wants has its clients come less often. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../support/deadline.js';
import { announceTarget, httpDict } from '../support/http-wire.js';
import { IS_LONG } from '../support/long.js';
import { newHash } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

const INTERVAL = 1_000;
let tracker: TrackerProcess;
beforeAll(async () => {
  tracker = await TrackerProcess.start({
    args: ['--interval', String(INTERVAL)],
    config: { announce: { intervalJitter: 0 }, load: { requestsPerSecondMax: 1 } },
  });
});
afterAll(async () => {
  await tracker?.remove();
});

// In short, src/node/load-policy.test.ts and its neighbours show the decisions.
it.runIf(IS_LONG)(
  'stretches the interval after half a minute above the bound, and says why',
  async () => {
    const target = announceTarget(newHash(), { port: 7001 });
    const interval = await until(
      async () => {
        const interval = (await httpDict(tracker.http4, target)).get('interval');
        return interval === INTERVAL ? undefined : interval;
      },
      100_000,
      'a longer interval',
      100,
    );
    expect(interval).toBe(1.25 * INTERVAL);
    const stats = (await tracker.adminJson('/stats.json')) as { load: Record<string, unknown> };
    expect(stats.load.reason).toBe('requests');
    expect(stats.load.stretch).toBeGreaterThanOrEqual(1.25);
  },
);
