/**
 * Web peers of one swarm on three trackers: an offer made at one reaches a peer of another, and its
 * answer comes back; what was never offered is answered by nobody; and a tracker that dies takes its
 * web peers with it.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeSignal } from '../../src/protocol/cluster/signal.js';
import { WEB_WIRE_BYTES, writeWebWire } from '../../src/swarm/web-wire.js';
import { formatAddressPort } from '../support/address.js';
import { Cluster } from '../support/cluster.js';
import { until } from '../support/deadline.js';
import { BusVoice, counterOf, readIdentity } from '../support/intruders.js';
import { scrapeCounts } from '../support/swarms.js';
import type { TrackerProcess } from '../support/tracker-process.js';
import { binaryText, offers, WebClient } from '../support/web-client.js';

const LIMIT_MS = 30_000;

let cluster: Cluster;
const open: WebClient[] = [];
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(async () => {
  for (const client of open) client.socket.terminate();
  await cluster?.close();
});

async function connect(tracker: TrackerProcess): Promise<WebClient> {
  const client = await WebClient.connect(`ws://${formatAddressPort(tracker.http4)}/announce`);
  open.push(client);
  return client;
}

/** Waits until a tracker counts so many leechers. */
async function counts(tracker: TrackerProcess, infoHash: string, leechers: number): Promise<void> {
  const hash = Buffer.from(infoHash, 'latin1');
  await until(
    async () => {
      const { incomplete } = await scrapeCounts(tracker.http4, hash);
      return incomplete === leechers ? true : undefined;
    },
    LIMIT_MS,
    `${leechers} leechers`,
  );
}

it('brings an offer to a peer of another tracker, and its answer back, once', async () => {
  const [a, b, c] = cluster.trackers;
  const infoHash = binaryText();
  const [maker, other, bystander] = [await connect(a), await connect(b), await connect(c)];
  await other.announce(infoHash, { event: 'started' });
  await counts(a, infoHash, 1);
  const made = offers(2);
  await maker.announce(infoHash, { event: 'started', offers: made });
  const offer = await other.offer();
  expect(offer).toEqual({
    action: 'announce',
    info_hash: infoHash,
    peer_id: maker.peerId,
    offer_id: made[0].offer_id,
    offer: made[0].offer,
  });
  // One who was not asked, and knows everything about the offer, answers first.
  await bystander.announce(infoHash);
  bystander.reply(offer, { answer: { type: 'answer', sdp: 'stolen' } });
  await bystander.scrape(infoHash);
  other.reply(offer);
  other.reply(offer, { answer: { type: 'answer', sdp: 'again' } });
  expect(await maker.answer()).toEqual({
    action: 'announce',
    info_hash: infoHash,
    peer_id: other.peerId,
    offer_id: made[0].offer_id,
    answer: { type: 'answer', sdp: 'v=0 answer' },
  });
  // Another round over the same way: whatever was still to come has come before it ends.
  await counts(a, infoHash, 3);
  const [second] = offers(1);
  await maker.announce(infoHash, { offers: [second, ...offers(1)] });
  const next = await other.offer();
  other.reply(next, { answer: { type: 'answer', sdp: 'second' } });
  expect(await maker.answer()).toMatchObject({
    offer_id: next.offer_id,
    answer: { sdp: 'second' },
  });
  expect(maker.inbox.filter((message) => 'answer' in message)).toEqual([]);
});

it('lets no tracker speak for the web peers of another', async () => {
  const [a, b, c] = cluster.trackers;
  const [ofA, ofB, ofC] = [a, b, c].map((tracker) => readIdentity(tracker).nodeId);
  const infoHash = binaryText();
  const [maker, other] = [await connect(b), await connect(b)];
  await other.announce(infoHash);
  // Everything that a member can see of an offer: it is told the wires by replication.
  const voice = await BusVoice.open(readIdentity(a));
  try {
    const wire = (node: string) => {
      const bytes = Buffer.alloc(WEB_WIRE_BYTES);
      writeWebWire(bytes, 0, { node, connection: 1, epoch: 1 });
      return bytes.toString('latin1');
    };
    const forged = (from: string, to: string) =>
      encodeSignal({
        what: 'answer',
        infoHash,
        from: wire(from),
        to: wire(to),
        peerId: other.peerId,
        offerId: binaryText(),
        text: '{"type":"answer","sdp":"forged"}',
      });
    voice.say(`sig.${ofB}.${ofA}`, forged(ofC, ofB));
    voice.say(`sig.${ofB}.${ofA}`, forged(ofA, ofC));
    // What is well formed, and answers nothing, ends where the connection would be.
    voice.say(`sig.${ofB}.${ofA}`, forged(ofA, ofB));
    voice.say(`sig.${ofB}.${ofC}`, forged(ofC, ofB));
    await voice.confirm();
    await until(
      async () => ((await counterOf(b, 'signals_forged')) === 2 ? true : undefined),
      LIMIT_MS,
      'two refusals',
    );
    expect(voice.refused).toEqual([`publish sig.${ofB}.${ofC}`]);
    await maker.announce(infoHash, { offers: offers(1) });
    other.reply(await other.offer());
    expect(await maker.answer()).toMatchObject({ answer: { sdp: 'v=0 answer' } });
    expect([...maker.inbox, ...other.inbox]).toEqual([]);
  } finally {
    voice.end();
  }
});

it('forgets the web peers of a connection that ends, and of a tracker that dies', async () => {
  const [a, b, c] = cluster.trackers;
  const infoHash = binaryText();
  const [first, second, third] = [await connect(a), await connect(b), await connect(c)];
  for (const client of [first, second, third]) await client.announce(infoHash);
  await counts(a, infoHash, 3);
  await second.end();
  await counts(a, infoHash, 2);
  c.child.kill('SIGKILL');
  await counts(a, infoHash, 1);
  await counts(b, infoHash, 1);
});
