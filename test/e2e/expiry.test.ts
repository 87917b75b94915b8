/** Peers that go silent are forgotten; peers that keep announcing are not. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../support/deadline.js';
import { announcePorts, announceTarget, httpDict } from '../support/http-wire.js';
import { newHash, scrapeCounts } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

let tracker: TrackerProcess;
beforeAll(async () => {
  tracker = await TrackerProcess.start({ args: ['--interval', '2', '--peer-ttl', '4'] });
});
afterAll(async () => {
  await tracker?.remove();
});

it('a silent peer expires, one that announces stays, and downloads are kept', async () => {
  const hash = newHash();
  await announcePorts(tracker.http4, hash, [7001, 7002], { event: 'completed', left: 0 });
  await announcePorts(tracker.http4, hash, [7003]);
  const counts = await until(
    async () => {
      await httpDict(tracker.http4, announceTarget(hash, { port: 7003 }));
      const now = await scrapeCounts(tracker.http4, hash);
      return now.complete === 0 ? now : undefined;
    },
    60_000,
    'two peers to expire',
    200,
  );
  expect(counts).toMatchObject({ complete: 0, incomplete: 1, downloaded: 2 });
});
