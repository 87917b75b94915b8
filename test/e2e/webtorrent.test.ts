/** WebTorrent clients and one tracker: offers and answers, counts, and what is refused. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { announceTarget, httpDict } from '../support/http-wire.js';
import { replyPeers, scrapeCounts } from '../support/swarms.js';
import { TestCa } from '../support/test-ca.js';
import { removeFolder, TrackerProcess, temporaryFolder } from '../support/tracker-process.js';
import { connectedWire, UdpEvent } from '../support/udp-wire.js';
import { binaryText, offers, WebClient } from '../support/web-client.js';

describe.each(['fast', 'portable'] as const)('a tracker with %s sockets', (io) => {
  let tracker: TrackerProcess;
  let url: string;
  const open: WebClient[] = [];
  const connect = async (path = '/announce') => {
    const client = await WebClient.connect(`${url}${path}`);
    open.push(client);
    return client;
  };
  beforeAll(async () => {
    tracker = await TrackerProcess.start({ args: ['--io', io] });
    url = `ws://${formatAddressPort(tracker.http4)}`;
  });
  afterAll(async () => {
    for (const client of open) client.socket.terminate();
    await tracker?.remove();
  });

  it('brings an offer to another peer of the swarm, and its answer back, once', async () => {
    const infoHash = binaryText();
    const [maker, other] = [await connect(), await connect('/')];
    expect(await other.announce(infoHash, { event: 'started' })).toMatchObject({
      action: 'announce',
      complete: 0,
      incomplete: 1,
    });
    const made = offers(3);
    expect(
      await maker.announce(infoHash, { event: 'started', numwant: 3, offers: made }),
    ).toMatchObject({ complete: 0, incomplete: 2 });
    const offer = await other.offer();
    expect(offer).toEqual({
      action: 'announce',
      info_hash: infoHash,
      peer_id: maker.peerId,
      offer_id: made[0].offer_id,
      offer: made[0].offer,
    });
    other.reply(offer);
    other.reply(offer);
    expect(await maker.answer()).toEqual({
      action: 'announce',
      info_hash: infoHash,
      peer_id: other.peerId,
      offer_id: made[0].offer_id,
      answer: { type: 'answer', sdp: 'v=0 answer' },
    });
    // Whatever else was to come would have come before this reply.
    await other.announce(infoHash);
    await maker.announce(infoHash);
    expect(maker.inbox).toEqual([]);
    expect(other.inbox).toEqual([]);
  });

  it('adds up peers of all protocols in each of them, and tells nobody of those of another', async () => {
    const infoHash = binaryText();
    const hash = Buffer.from(infoHash, 'latin1');
    const wire = await connectedWire(tracker.udp4);
    try {
      const [seeder, leecher] = [await connect(), await connect()];
      await seeder.announce(infoHash, { left: 0 });
      await leecher.announce(infoHash);
      const target = announceTarget(hash, { port: 7_001 });
      await httpDict(tracker.http4, target);
      const heard = await wire.announce({ infoHash: hash, port: 7_002, event: UdpEvent.started });
      expect(heard).toMatchObject({ seeders: 1, leechers: 3, peers: ['127.0.0.1:7001'] });
      const dict = await httpDict(tracker.http4, target);
      expect(replyPeers(dict)).toEqual(['127.0.0.1:7002']);
      expect([dict.get('complete'), dict.get('incomplete')]).toEqual([1, 3]);
      const counts = await scrapeCounts(tracker.http4, hash);
      expect(counts).toMatchObject({ complete: 1, incomplete: 3 });
      expect((await wire.scrape([hash]))[0]).toMatchObject({ seeders: 1, leechers: 3 });
      expect(await leecher.scrape(infoHash)).toMatchObject({ complete: 1, incomplete: 3 });
      // Three others want peers, and only one of them can be offered something.
      const reply = await leecher.announce(infoHash, { offers: offers(5) });
      expect(reply).toMatchObject({ complete: 1, incomplete: 3 });
      await seeder.offer();
      await seeder.announce(infoHash, { left: 0 });
      expect(seeder.inbox).toEqual([]);
    } finally {
      wire.close();
    }
  });

  it('counts web peers for everybody, and forgets those whose connection ends', async () => {
    const infoHash = binaryText();
    const hash = Buffer.from(infoHash, 'latin1');
    const [seeder, leecher] = [await connect(), await connect()];
    await seeder.announce(infoHash, { left: 0 });
    await leecher.announce(infoHash, { left: null, event: 'update' });
    expect(await leecher.scrape(infoHash)).toEqual({ complete: 1, incomplete: 1, downloaded: 0 });
    expect(await scrapeCounts(tracker.http4, hash)).toMatchObject({ complete: 1, incomplete: 1 });
    await leecher.announce(infoHash, { left: 0, event: 'completed' });
    expect(await leecher.scrape(infoHash)).toEqual({ complete: 2, incomplete: 0, downloaded: 1 });
    expect(await leecher.announce(infoHash, { event: 'stopped' })).toMatchObject({ complete: 1 });
    await seeder.end();
    await expect
      .poll(() => scrapeCounts(tracker.http4, hash), { timeout: 20_000 })
      .toMatchObject({ complete: 0, incomplete: 0 });
  });
});

it('joins clients of ws and wss in one swarm', async () => {
  const folder = temporaryFolder('wss');
  const ca = await TestCa.create();
  const { cert, key } = await ca.issue();
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  const args = ['--https', '127.0.0.1:0', '--tls-cert', certFile, '--tls-key', keyFile];
  const tracker = await TrackerProcess.start({ args });
  const open: WebClient[] = [];
  try {
    const infoHash = binaryText();
    const plain = await WebClient.connect(`ws://${formatAddressPort(tracker.http4)}/announce`);
    open.push(plain);
    const authority = readFileSync(ca.write(folder));
    const url = `wss://127.0.0.1:${tracker.https4.port}/announce`;
    const secure = await WebClient.connect(url, { ca: authority });
    open.push(secure);
    await plain.announce(infoHash);
    await secure.announce(infoHash, { offers: offers(1) });
    plain.reply(await plain.offer());
    expect(await secure.answer()).toMatchObject({ peer_id: plain.peerId });
  } finally {
    for (const client of open) client.socket.terminate();
    await tracker.remove();
    removeFolder(folder);
  }
});
