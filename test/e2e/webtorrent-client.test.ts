/**
 * The client of the npm package `bittorrent-tracker` over WebSocket, with WebRTC of its own: it goes
 * through its whole life, and two of them find each other and talk.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import Client, { type WebRtcPeer } from 'bittorrent-tracker/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { within } from '../support/deadline.js';
import { scrapeCounts } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

const LIMIT_MS = 30_000;

let tracker: TrackerProcess;
beforeAll(async () => {
  tracker = await TrackerProcess.start();
});
afterAll(async () => {
  await tracker?.remove();
});

interface Counts {
  readonly complete: number;
  readonly incomplete: number;
  readonly downloaded?: number;
}

/** Does something and waits for the event that follows. */
async function event<T>(client: Client, name: string, act: () => void): Promise<T> {
  const seen = once(client, name) as Promise<[T]>;
  act();
  return (await within(seen, LIMIT_MS, name))[0];
}

async function connected(peer: WebRtcPeer): Promise<void> {
  if (!peer.connected) await within(once(peer, 'connect'), LIMIT_MS, 'a WebRTC connection');
}

describe.concurrent.each([
  // The client shares one WebSocket among all that announce to the same URL.
  ['on one WebSocket', '/announce', '/announce'],
  ['on two WebSockets', '/announce', '/'],
])('two clients %s', (_name, firstPath, secondPath) => {
  it('start, meet, talk, scrape, complete and stop', async () => {
    const infoHash = randomBytes(20);
    const warnings: Error[] = [];
    const make = (path: string) => {
      const client = new Client({
        infoHash: infoHash.toString('hex'),
        peerId: randomBytes(20).toString('hex'),
        announce: [`ws://${formatAddressPort(tracker.http4)}${path}`],
        port: 6881,
        rtcConfig: { iceServers: [] },
      });
      client.on('warning', (warning: Error) => warnings.push(warning));
      client.on('error', (error: Error) => warnings.push(error));
      return client;
    };
    const [seeder, leecher] = [make(firstPath), make(secondPath)];
    const peers: WebRtcPeer[] = [];
    try {
      expect(
        await event<Counts>(seeder, 'update', () => seeder.start({ left: 0, numwant: 0 })),
      ).toMatchObject({ complete: 1, incomplete: 0 });
      const atSeeder = once(seeder, 'peer') as Promise<[WebRtcPeer]>;
      const atLeecher = once(leecher, 'peer') as Promise<[WebRtcPeer]>;
      expect(
        await event<Counts>(leecher, 'update', () => leecher.start({ left: 10, numwant: 3 })),
      ).toMatchObject({ complete: 1, incomplete: 1 });
      const [[one], [other]] = await within(
        Promise.all([atSeeder, atLeecher]),
        LIMIT_MS,
        'two peers',
      );
      peers.push(one, other);
      await Promise.all([connected(one), connected(other)]);
      const heard = once(other, 'data') as Promise<[Uint8Array]>;
      one.send('hello');
      expect(Buffer.from((await within(heard, LIMIT_MS, 'data'))[0]).toString()).toBe('hello');

      expect(await event<Counts>(leecher, 'scrape', () => leecher.scrape())).toMatchObject({
        complete: 1,
        incomplete: 1,
        downloaded: 0,
      });
      await event(leecher, 'update', () => leecher.complete({ left: 0, downloaded: 10 }));
      expect(await scrapeCounts(tracker.http4, infoHash)).toMatchObject({
        complete: 2,
        incomplete: 0,
        downloaded: 1,
      });
      await event(seeder, 'update', () => seeder.stop({ left: 0 }));
      expect(await scrapeCounts(tracker.http4, infoHash)).toMatchObject({ complete: 1 });
      expect(warnings).toEqual([]);
    } finally {
      for (const peer of peers) peer.destroy();
      seeder.destroy();
      leecher.destroy();
    }
  });
});
