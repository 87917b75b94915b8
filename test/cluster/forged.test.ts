/**
 * A member that sends rubbish: on the real bus, with the true credentials of a tracker, beside the
 * tracker itself. What cannot be read is dropped and counted; what can be read and is a lie about
 * the stream costs a repair; nobody dies, nobody's memory grows, and in the end all hold the same.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BATCH_AT, BatchDecoder } from '../../src/protocol/cluster/batch.js';
import { Decoded, MessageKind, sealEnvelope } from '../../src/protocol/cluster/envelope.js';
import { until } from '../support/deadline.js';
import { announcePorts } from '../support/http-wire.js';
import {
  agreed,
  BusVoice,
  clusterOf,
  counterOf,
  peersOf,
  readIdentity,
  WAIT_MS,
} from '../support/intruders.js';
import { MinderProcess } from '../support/minder-process.js';
import { seededPrng } from '../support/prng.js';
import { newHash } from '../support/swarms.js';
import type { TrackerProcess } from '../support/tracker-process.js';

const MEBIBYTE = 1024 * 1024;
/** Everything that a tracker counts of messages that it could not use. */
const REFUSALS = [
  'refused_foreign',
  'refused_version',
  'refused_damaged',
  'refused_body',
  'refused_sender',
  'refused_unasked',
] as const;

let minder: MinderProcess;
let trackers: TrackerProcess[] = [];
let from: string;
let voice: BusVoice;
/** Batches of the tracker whose credentials are misused, as they were on the bus. */
const batches: Buffer[] = [];

beforeAll(async () => {
  minder = await MinderProcess.start();
  const start = () => minder.tracker({ args: ['--workers', '1'] });
  trackers = await Promise.all([start(), start(), start()]);
  const identity = readIdentity(trackers[0]);
  from = identity.nodeId;
  voice = await BusVoice.open(identity);
  voice.hear(`peers.${from}`, (_subject, payload) => batches.push(payload));
  await voice.confirm();
});

afterAll(async () => {
  voice?.end();
  await Promise.all([minder, ...trackers].map((node) => node?.remove()));
});

/** A batch of the first tracker, with peers of both families and a download. */
async function capture(): Promise<Buffer> {
  const hash = newHash();
  const count = batches.length;
  await announcePorts(trackers[0].http4, hash, [6001, 6002], { event: 'completed', left: 0 });
  await announcePorts(trackers[0].http6, hash, [6003]);
  await announcePorts(trackers[0].http4, newHash(), [6004]);
  await until(() => (batches.length > count ? true : undefined), WAIT_MS, 'a batch');
  await agreed(trackers);
  return batches[batches.length - 1];
}

async function refusals(tracker: TrackerProcess): Promise<number> {
  const { counters } = await clusterOf(tracker);
  return REFUSALS.reduce((sum, name) => sum + counters[name], 0);
}

/** Waits until both other trackers have refused so many messages more. */
async function refused(before: readonly number[], count: number): Promise<void> {
  await until(
    async () => {
      const now = await Promise.all(trackers.slice(1).map(refusals));
      return now.every((total, i) => total >= before[i] + count) ? true : undefined;
    },
    WAIT_MS,
    `${count} refusals`,
  );
}

/** Heartbeats that came too fast for a tracker to read them. */
const floodOf = (tracker: TrackerProcess) => counterOf(tracker, 'heartbeats_refused');

const refusalsNow = () => Promise.all(trackers.slice(1).map(refusals));

/** The batch with something else in it, and a checksum that is right again. */
function resealed(batch: Buffer, change: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(batch);
  change(bytes);
  sealEnvelope(bytes, MessageKind.batch);
  return bytes;
}

function headOf(batch: Buffer): { epoch: number; sequence: number } {
  const decoder = new BatchDecoder();
  expect(decoder.open(batch)).toBe(Decoded.ok);
  return { epoch: decoder.epoch, sequence: decoder.sequence };
}

/** Everybody is alive and well connected, and what is announced anywhere is soon everywhere. */
async function expectOneCluster(): Promise<void> {
  const hash = newHash();
  for (const [i, tracker] of trackers.entries()) {
    await announcePorts(tracker.http4, hash, [6100 + i]);
  }
  for (const tracker of trackers) {
    await until(
      async () => ((await peersOf(tracker, hash)).length === trackers.length ? true : undefined),
      WAIT_MS,
      'the peers of all trackers',
    );
    expect((await clusterOf(tracker)).busConnected).toBe(true);
  }
  await agreed(trackers);
  expect((await minder.adminJson('/stats.json')) as object).toMatchObject({ role: 'minder' });
}

let sample: Buffer;
beforeEach(async () => {
  sample = await capture();
});

describe('a damaged batch', () => {
  it('is refused whichever of its bytes is wrong', async () => {
    const before = await refusalsNow();
    let sent = 0;
    for (let at = 0; at < sample.length; at++) {
      for (const change of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(sample);
        bytes[at] ^= change;
        voice.say(`peers.${from}`, bytes);
        sent++;
      }
    }
    await refused(before, sent);
    // Counted one by one, and nothing else was.
    expect(await refusalsNow()).toEqual(before.map((count) => count + sent));
    await expectOneCluster();
  });

  it('is refused at any other length, in any other version, and with any other count', async () => {
    const before = await refusalsNow();
    const forged: Buffer[] = [];
    for (let length = 0; length < sample.length; length++) forged.push(sample.subarray(0, length));
    forged.push(Buffer.concat([sample, Buffer.alloc(1)]), Buffer.concat([sample, sample]));
    // From here on the checksum is right.
    for (const version of [0, 2, 0xffff]) {
      const bytes = resealed(sample, () => {});
      bytes.writeUInt16LE(version, 6);
      forged.push(bytes);
    }
    for (const count of [0, 1, 1_000_000_000, 0xffff_ffff]) {
      forged.push(resealed(sample, (bytes) => bytes.writeUInt32LE(count, BATCH_AT.records)));
    }
    forged.push(resealed(sample, (bytes) => bytes.writeUInt32LE(0, BATCH_AT.sequence)));
    forged.push(resealed(sample.subarray(0, sample.length - 1), () => {}));
    // More records in a group than there are bytes.
    forged.push(resealed(sample, (bytes) => bytes.fill(0xff, 56)));
    for (const bytes of forged) voice.say(`peers.${from}`, bytes);
    await refused(before, forged.length);
    expect(await refusalsNow()).toEqual(before.map((count) => count + forged.length));
    await expectOneCluster();
  });

  it('is noise: a megabyte at a time, and memory does not grow with it', async () => {
    const prng = seededPrng();
    const noise = Array.from({ length: 4 }, () => {
      const bytes = randomBytes(MEBIBYTE);
      // Half of it begins like one of ours.
      if (prng.below(2) === 0) sample.copy(bytes, 0, 0, 16);
      return bytes;
    });
    const before = await refusalsNow();
    const memory = trackers.map((tracker) => tracker.residentBytes());
    const count = 256;
    for (let i = 0; i < count; i++) {
      voice.say(`peers.${from}`, noise[i % noise.length]);
      await voice.confirm();
    }
    await refused(before, count);
    for (const [i, tracker] of trackers.entries()) {
      // Garbage of the receiving socket comes and goes; a quarter of what was sent would not.
      expect(tracker.residentBytes() - memory[i]).toBeLessThan(128 * MEBIBYTE);
    }
    await expectOneCluster();
  });
});

describe('a batch that is well made and lies', () => {
  it('about its number costs a repair and no more', async () => {
    const { sequence } = headOf(sample);
    for (const ahead of [1_000, 1_000_000, 0xffff_ffff - sequence]) {
      voice.say(
        `peers.${from}`,
        resealed(sample, (bytes) => bytes.writeUInt32LE(sequence + ahead, BATCH_AT.sequence)),
      );
    }
    await voice.confirm();
    await expectOneCluster();
  });

  it('and comes in place of a true one: the true one is had all the same', async () => {
    const { sequence } = headOf(sample);
    const said = batches.length;
    for (let next = 1; next <= 20; next++) {
      voice.say(
        `peers.${from}`,
        resealed(sample, (bytes) => bytes.writeUInt32LE(sequence + next, BATCH_AT.sequence)),
      );
    }
    await voice.confirm();
    // Truly of the tracker, and already there as it seems to the others.
    const hash = newHash();
    await announcePorts(trackers[0].http4, hash, [6201, 6202, 6203]);
    await until(() => (batches.length > said + 20 ? true : undefined), WAIT_MS, 'the true batch');
    for (const tracker of trackers.slice(1)) {
      await until(
        async () => ((await peersOf(tracker, hash)).length === 3 ? true : undefined),
        WAIT_MS,
        'the peers of the true batch',
      );
    }
    await expectOneCluster();
  });

  it('about its epoch makes nobody deaf for the true one', async () => {
    const { epoch } = headOf(sample);
    voice.say(
      `peers.${from}`,
      resealed(sample, (bytes) => {
        bytes.writeBigUInt64LE(BigInt(epoch) + 86_400_000n, BATCH_AT.epoch);
        bytes.writeUInt32LE(7, BATCH_AT.sequence);
      }),
    );
    await voice.confirm();
    await expectOneCluster();
    // Also what is lost from now on is missed and mended: the stream is followed again.
    await expectOneCluster();
  });
});

describe('a message of the repair', () => {
  it('of an unknown kind, or without sense, is refused', async () => {
    const prng = seededPrng();
    const others = trackers.slice(1).map((tracker) => readIdentity(tracker).nodeId);
    const before = await refusalsNow();
    const messages: Buffer[] = [];
    for (let kind = 0; kind < 256; kind++) {
      // A batch does not travel this way, and the kinds that are nothing but a head are no nonsense.
      const bytes = Buffer.alloc(16 + 1 + prng.below(40));
      prng.bytes(bytes.length - 16).copy(bytes, 16);
      sealEnvelope(bytes, kind as MessageKind);
      if (kind === 0 || kind > MessageKind.stops) messages.push(bytes);
      else for (const id of others) voice.say(`rep.${id}.${from}`, bytes);
    }
    for (let i = 0; i < 100; i++) messages.push(prng.bytes(prng.below(2_000)));
    messages.push(randomBytes(MEBIBYTE));
    for (const bytes of messages) for (const id of others) voice.say(`rep.${id}.${from}`, bytes);
    await refused(before, messages.length);
    await expectOneCluster();
  });
});

describe('a heartbeat', () => {
  it('that is huge, deep, or of strange words is refused, by the minder too', async () => {
    const before = await refusalsNow();
    const floods = await Promise.all(trackers.slice(1).map(floodOf));
    const unreadable = await counterOf(minder, 'heartbeats_unreadable');
    const tooMany = await counterOf(minder, 'heartbeats_too_many');
    const beats: string[] = [
      '',
      'null',
      '{}',
      '[]',
      `{"version":1,"id":"${from}"}`,
      `{"version":2,"id":"${from}"}`,
      '['.repeat(16_000),
      `${'{"version":'.repeat(1_400)}1${'}'.repeat(1_400)}`,
      `{"version":1,"counters":{${Array.from({ length: 1_000 }, (_, i) => `"c${i}":1`).join()}}}`,
      `{"version":1,"name":"${'x'.repeat(20_000)}"}`,
      `{"__proto__":{"version":1},"version":1}`,
      JSON.stringify({ version: 1, padding: 'y'.repeat(MEBIBYTE - 100) }),
    ];
    for (let round = 0; round < 20; round++) {
      for (const beat of beats) voice.say(`hb.${from}`, beat);
    }
    // Most come too fast to be read at all, which is counted apart.
    const count = 20 * beats.length;
    await until(
      async () => {
        const now = await refusalsNow();
        const floodsNow = await Promise.all(trackers.slice(1).map(floodOf));
        const isDone = now.every((total, i) => {
          const read = total - before[i];
          return read > 0 && read + floodsNow[i] - floods[i] >= count;
        });
        return isDone ? true : undefined;
      },
      WAIT_MS,
      `${count} heartbeats refused`,
    );
    await until(
      async () => {
        const read = (await counterOf(minder, 'heartbeats_unreadable')) - unreadable;
        const unread = (await counterOf(minder, 'heartbeats_too_many')) - tooMany;
        return read > 0 && read + unread >= count ? true : undefined;
      },
      WAIT_MS,
      'the count of the minder',
    );
    await expectOneCluster();
  });
});
