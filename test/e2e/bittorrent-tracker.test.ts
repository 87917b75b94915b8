/** The client of the npm package `bittorrent-tracker` goes through its whole life with us. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import Client from 'bittorrent-tracker/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { within } from '../support/deadline.js';
import { scrapeCounts } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

const ANSWER_LIMIT_MS = 20_000;

let tracker: TrackerProcess;
beforeAll(async () => {
  tracker = await TrackerProcess.start();
});
afterAll(async () => {
  await tracker?.remove();
});

interface Update {
  readonly complete: number;
  readonly incomplete: number;
  readonly downloaded?: number;
}

/** Does something and waits for the event that answers it; a warning or error fails the test. */
async function answer(client: Client, event: 'update' | 'scrape', act: () => void) {
  const abort = new AbortController();
  const failed = Promise.race(
    ['error', 'warning'].map(async (name) => {
      const [error] = (await once(client, name, { signal: abort.signal })) as [Error];
      throw error;
    }),
  );
  failed.catch(() => {});
  const answered = once(client, event, { signal: abort.signal }) as Promise<[Update]>;
  try {
    act();
    const [update] = await within(Promise.race([answered, failed]), ANSWER_LIMIT_MS, event);
    return update;
  } finally {
    abort.abort();
  }
}

describe("bittorrent-tracker's own client", () => {
  it.each(['http', 'udp'] as const)(
    'starts, scrapes, completes and stops over %s',
    async (protocol) => {
      const infoHash = randomBytes(20);
      const make = (port: number) =>
        new Client({
          infoHash: infoHash.toString('hex'),
          peerId: randomBytes(20).toString('hex'),
          announce: [`${protocol}://${formatAddressPort(tracker[`${protocol}4`])}/announce`],
          port,
          wrtc: false,
        });
      const [first, second] = [make(7001), make(7002)];
      try {
        expect(await answer(first, 'update', () => first.start({ left: 10 }))).toMatchObject({
          complete: 0,
          incomplete: 1,
        });
        const peer = once(second, 'peer') as Promise<[string]>;
        await answer(second, 'update', () => second.start({ left: 10 }));
        expect((await within(peer, ANSWER_LIMIT_MS, 'a peer'))[0]).toBe('127.0.0.1:7001');
        expect(await answer(first, 'scrape', () => first.scrape())).toMatchObject({
          complete: 0,
          incomplete: 2,
          downloaded: 0,
        });
        expect(
          await answer(first, 'update', () => first.complete({ left: 0, downloaded: 10 })),
        ).toMatchObject({ complete: 1, incomplete: 1 });
        await answer(second, 'update', () => second.stop({ left: 10 }));
        expect(await scrapeCounts(tracker.http4, infoHash)).toMatchObject({
          complete: 1,
          downloaded: 1,
          incomplete: 0,
        });
      } finally {
        first.destroy();
        second.destroy();
      }
    },
  );
});
