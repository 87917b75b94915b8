/** Bad datagrams in great number: silence, a flat memory, and other clients served meanwhile. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { besideBystander } from '../support/bystander.js';
import { type Prng, seededPrng } from '../support/prng.js';
import { newHash } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';
import {
  announcePacket,
  connectedWire,
  connectPacket,
  errorText,
  scrapePacket,
  UdpWire,
} from '../support/udp-wire.js';

const BATCH_PACKETS = 50;
const FLOOD_PACKETS = 200_000;
const WARM_UP_PACKETS = 20_000;
const MEMORY_GROWTH_MAX_BYTES = 40 * 1024 * 1024;
const SERVED_LIMIT_MS = 1_000;

let tracker: TrackerProcess;
beforeAll(async () => {
  tracker = await TrackerProcess.start();
});
afterAll(async () => {
  await tracker?.remove();
});

/** Packets that nobody should answer: no valid connection id, no valid connect. */
function junkPacket(prng: Prng): Buffer {
  const id = prng.bytes(8);
  switch (prng.below(6)) {
    case 0:
      return prng.bytes(prng.below(64));
    case 1:
      return prng.bytes(prng.below(1_400));
    case 2:
      return announcePacket(id, prng.next(), { infoHash: prng.bytes(20), port: 7001 });
    case 3:
      return scrapePacket(id, prng.next(), [prng.bytes(20)]);
    case 4:
      return connectPacket(prng.next(), 0x41727101980n ^ (1n << BigInt(prng.below(64))));
    default:
      return connectPacket(prng.next()).subarray(0, prng.below(16));
  }
}

/** Sends junk, as fast as it is taken in; returns the answers to it and the bytes of both. */
async function flood(wire: UdpWire, prng: Prng, count: number) {
  const sum = { answers: 0, bytesIn: 0, bytesOut: 0 };
  for (let sent = 0; sent < count; sent += BATCH_PACKETS) {
    const packets = Array.from({ length: BATCH_PACKETS }, () => junkPacket(prng));
    const answers = await wire.answersTo(...packets);
    sum.answers += answers.length;
    for (const packet of packets) sum.bytesOut += packet.length;
    for (const answer of answers) sum.bytesIn += answer.length;
  }
  return sum;
}

describe('junk over UDP', () => {
  it('200,000 packets: hardly an answer, memory flat, others served in time', async () => {
    const prng = seededPrng();
    const wire = await UdpWire.open(tracker.udp4, '127.0.0.66');
    try {
      await flood(wire, prng, WARM_UP_PACKETS);
      const beforeBytes = tracker.residentBytes();
      let answers = 0;
      const bystanding = await besideBystander(tracker, async () => {
        answers = (await flood(wire, prng, FLOOD_PACKETS)).answers;
      });
      expect(tracker.residentBytes() - beforeBytes).toBeLessThan(MEMORY_GROWTH_MAX_BYTES);
      expect(bystanding.announces).toBeGreaterThan(20);
      expect(bystanding.slowestMs).toBeLessThan(SERVED_LIMIT_MS);
      // Bad connection ids may get an error now and then, never one each.
      expect(answers).toBeLessThan(FLOOD_PACKETS / 100);
    } finally {
      wire.close();
    }
  });

  it('never brings back more bytes than it sent', async () => {
    const wire = await UdpWire.open(tracker.udp4, '127.0.0.67');
    try {
      const sum = await flood(wire, seededPrng(), 5_000);
      expect(sum.bytesIn).toBeLessThanOrEqual(sum.bytesOut);
    } finally {
      wire.close();
    }
  });

  it('is ignored at its largest, 65,507 bytes', async () => {
    const wire = await connectedWire(tracker.udp4);
    try {
      expect(await wire.answersTo(Buffer.alloc(65_507, 0x41))).toEqual([]);
    } finally {
      wire.close();
    }
  });
});

describe('replayed connection ids', () => {
  it('of another address get silence or few errors, and store nothing', async () => {
    const owner = await connectedWire(tracker.udp4, '127.0.0.68');
    const thief = await connectedWire(tracker.udp4, '127.0.0.69');
    const infoHash = newHash();
    try {
      let answers = 0;
      for (let round = 0; round < 20; round++) {
        const packets = Array.from({ length: 50 }, (_, index) =>
          announcePacket(owner.id, round * 50 + index, { infoHash, port: 7001 }),
        );
        for (const answer of await thief.answersTo(...packets)) {
          expect(errorText(answer)).toBeDefined();
          answers++;
        }
      }
      expect(answers).toBeLessThanOrEqual(200);
      expect(await thief.scrape([infoHash])).toEqual([{ seeders: 0, completed: 0, leechers: 0 }]);
    } finally {
      owner.close();
      thief.close();
    }
  });
});

describe('mutated requests with a valid connection id', () => {
  it('get a reply, an error or silence, and never stop the tracker', async () => {
    const prng = seededPrng();
    const wire = await connectedWire(tracker.udp4);
    try {
      for (let round = 0; round < 100; round++) {
        const packets = Array.from({ length: 20 }, () => {
          const packet = announcePacket(wire.id, prng.next(), {
            infoHash: prng.bytes(20),
            port: 7001,
            options: prng.bytes(prng.below(80)),
          });
          const at = 8 + prng.below(packet.length - 8);
          packet[at] ^= 1 << prng.below(8);
          return packet.subarray(0, prng.below(10) === 0 ? prng.below(packet.length) : undefined);
        });
        for (const answer of await wire.answersTo(...packets)) {
          expect([0, 1, 2, 3]).toContain(answer.readUInt32BE(0));
          expect(answer.length).toBeLessThanOrEqual(1_220);
        }
      }
      expect((await wire.announce({ infoHash: newHash(), port: 7001 })).leechers).toBe(1);
    } finally {
      wire.close();
    }
  });
});
