/**
 * Trackers whose clocks are five minutes wrong, one ahead and one behind: everybody is told, and
 * their peers live and end as those of the others do.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { wrongClock } from '../support/clock.js';
import { until } from '../support/deadline.js';
import { announcePorts } from '../support/http-wire.js';
import { agreed, clusterOf, peersOf, readIdentity, WAIT_MS } from '../support/intruders.js';
import { MinderProcess } from '../support/minder-process.js';
import { newHash } from '../support/swarms.js';
import type { TrackerProcess } from '../support/tracker-process.js';

const WRONG_SECONDS = 300;
/** Long enough for a few announces on a busy machine, and soon over. */
const ARGS = ['--workers', '1', '--interval', '8', '--peer-ttl', '12'];

let minder: MinderProcess;
let right: TrackerProcess;
let fast: TrackerProcess;
let slow: TrackerProcess;
let trackers: TrackerProcess[] = [];

beforeAll(async () => {
  minder = await MinderProcess.start();
  const start = (env: Record<string, string>) => minder.tracker({ args: ARGS, env });
  const other = await start({});
  right = await start({});
  fast = await start(wrongClock(WRONG_SECONDS));
  slow = await start(wrongClock(-WRONG_SECONDS));
  trackers = [right, other, fast, slow];
});

afterAll(async () => {
  await Promise.all([minder, ...trackers].map((node) => node?.remove()));
});

it('is shown by the minder and by the other trackers, with the reason', async () => {
  for (const wrong of [fast, slow]) {
    const { nodeId } = readIdentity(wrong);
    const offsetMs = 1_000 * (wrong === fast ? WRONG_SECONDS : -WRONG_SECONDS);
    for (const witness of [minder, right]) {
      const shown = await until(
        async () =>
          (await clusterOf(witness)).nodes.find(
            ({ id, reason }) => id === nodeId && reason === 'clock',
          ),
        WAIT_MS,
        'the reason',
      );
      expect(shown.state).toBe('unreachable');
      expect(Math.abs((shown.clockOffsetMs ?? 0) - offsetMs)).toBeLessThan(60_000);
    }
  }
  // Those with the right time are not blamed for it.
  const { nodes } = await clusterOf(minder);
  expect(nodes.filter(({ state }) => state === 'healthy')).toHaveLength(3);
});

it('tells itself that its clock is wrong', async () => {
  for (const wrong of [fast, slow]) {
    const { nodeId } = readIdentity(wrong);
    await until(
      async () => {
        const { nodes } = await clusterOf(wrong);
        const self = nodes.find(({ id }) => id === nodeId);
        return Math.abs(self?.clockOffsetMs ?? 0) > 200_000 ? true : undefined;
      },
      WAIT_MS,
      'its own offset',
    );
  }
});

it('does not keep stops from travelling, whoever hears them', async () => {
  const stopped = { event: 'stopped' };
  for (const [at, elsewhere] of [
    [fast, right],
    [right, fast],
    [slow, right],
    [right, slow],
    [fast, slow],
    [slow, fast],
  ]) {
    const hash = newHash();
    await announcePorts(at.http4, hash, [5001, 5002]);
    await until(
      async () => ((await peersOf(elsewhere, hash)).length === 2 ? true : undefined),
      WAIT_MS,
      'the peers',
    );
    await announcePorts(elsewhere.http4, hash, [5001, 5002], stopped);
    for (const tracker of trackers) {
      await until(
        async () => ((await peersOf(tracker, hash)).length === 0 ? true : undefined),
        WAIT_MS,
        'the end of stopped peers',
      );
    }
    // Back again, and this is newer than the stop.
    await announcePorts(at.http4, hash, [5001]);
    for (const tracker of trackers) {
      await until(
        async () => ((await peersOf(tracker, hash)).length === 1 ? true : undefined),
        WAIT_MS,
        'a peer that came back',
      );
    }
    await announcePorts(elsewhere.http4, hash, [5001], stopped);
  }
  await agreed(trackers, 0);
});

it('neither ends peers early nor keeps them for ever', async () => {
  const [silent, kept] = [newHash(), newHash()];
  for (const [i, tracker] of trackers.entries()) {
    await announcePorts(tracker.http4, silent, [5100 + i]);
    await announcePorts(tracker.http4, kept, [5200 + i]);
  }
  await agreed(trackers, 2 * trackers.length);
  // Peers that keep announcing, each to its own tracker, are everywhere all the while.
  await until(
    async () => {
      for (const [i, tracker] of trackers.entries()) {
        await announcePorts(tracker.http4, kept, [5200 + i]);
      }
      let left = 0;
      for (const tracker of trackers) {
        const ports = (await peersOf(tracker, kept)).map(({ port }) => port).sort();
        expect(ports).toEqual(trackers.map((_tracker, i) => 5200 + i));
        left += (await peersOf(tracker, silent)).length;
      }
      return left === 0 ? true : undefined;
    },
    2 * WAIT_MS,
    'the end of silent peers',
    200,
  );
  await agreed(trackers, trackers.length);
});
