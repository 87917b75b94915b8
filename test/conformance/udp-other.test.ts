/** Scrapes, errors and junk over UDP (BEP 15), and the address that replies leave from. */
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Address } from '../support/address.js';
import { seededPrng } from '../support/prng.js';
import { newHash } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';
import {
  announcePacket,
  connectedWire,
  connectPacket,
  errorText,
  scrapePacket,
  UdpEvent,
  UdpWire,
} from '../support/udp-wire.js';

let tracker: TrackerProcess;
let wire: UdpWire;
beforeAll(async () => {
  tracker = await TrackerProcess.start();
  wire = await connectedWire(tracker.udp4);
});
afterAll(async () => {
  wire?.close();
  await tracker?.remove();
});

describe('scrape', () => {
  it('is seeders, completed, leechers per hash, in request order with duplicates', async () => {
    const [busy, quiet] = [newHash(), newHash()];
    await wire.announce({ infoHash: busy, port: 7001 });
    await wire.announce({ infoHash: busy, port: 7001, left: 0n, event: UdpEvent.completed });
    await wire.announce({ infoHash: busy, port: 7002 });
    await wire.announce({ infoHash: busy, port: 7003 });
    const some = { seeders: 1, completed: 1, leechers: 2 };
    const none = { seeders: 0, completed: 0, leechers: 0 };
    expect(await wire.scrape([quiet, busy, quiet, busy, busy])).toEqual([
      none,
      some,
      none,
      some,
      some,
    ]);
  });

  it('answers 74 hashes at most', async () => {
    const hashes = Array.from({ length: 74 }, newHash);
    expect((await wire.scrape(hashes)).length).toBe(74);
    expect((await wire.scrape([...hashes, newHash()])).length).toBe(74);
  });

  it('carries the transaction id', async () => {
    const reply = await wire.ask(scrapePacket(wire.id, 0xfeedface, [newHash()]));
    expect([reply.readUInt32BE(0), reply.readUInt32BE(4)]).toEqual([2, 0xfeedface]);
  });
});

describe('errors', () => {
  it('answer an unknown action with action 3, the transaction id and a text', async () => {
    for (const action of [3, 4, 5, 0xffffffff]) {
      const packet = scrapePacket(wire.id, 0x12345678, [newHash()]);
      packet.writeUInt32BE(action, 8);
      const reply = await wire.ask(packet);
      expect(reply.readUInt32BE(0)).toBe(3);
      expect(errorText(reply)).not.toBe('');
    }
  });

  it('do not answer an unknown action without a valid connection id', async () => {
    const packet = scrapePacket(Buffer.alloc(8, 7), 0x12345678, [newHash()]);
    packet.writeUInt32BE(9, 8);
    expect(await wire.answersTo(packet)).toEqual([]);
  });
});

describe('junk is never answered', () => {
  it('under 16 bytes', async () => {
    const valid = connectPacket(5);
    const packets = Array.from({ length: 16 }, (_, length) => valid.subarray(0, length));
    expect(await wire.answersTo(...packets)).toEqual([]);
  });

  it('connect with the wrong magic', async () => {
    expect(await wire.answersTo(connectPacket(5, 0x41727101981n), connectPacket(6, 0n))).toEqual(
      [],
    );
  });

  it('announces under 98 bytes, even with a valid connection id', async () => {
    const hash = newHash();
    const valid = announcePacket(wire.id, 5, { infoHash: hash, port: 7001 });
    const packets = [16, 36, 84, 97].map((length) => valid.subarray(0, length));
    expect(await wire.answersTo(...packets)).toEqual([]);
    expect(await wire.scrape([hash])).toEqual([{ seeders: 0, completed: 0, leechers: 0 }]);
  });

  it('random bytes of any length', async () => {
    const prng = seededPrng();
    for (let round = 0; round < 50; round++) {
      const packets = Array.from({ length: 20 }, () => prng.bytes(prng.below(1_500)));
      expect(await wire.answersTo(...packets)).toEqual([]);
    }
  });
});

describe('on all addresses', () => {
  it('a reply leaves from the address that the request came to', async () => {
    const everywhere = await TrackerProcess.start({ udp: ['*:0'], http: [] });
    try {
      const { port } = everywhere.udp[0];
      for (const host of machineHosts()) {
        const own: Address = { host, port };
        const asking = await UdpWire.open(own);
        asking.send(connectPacket(1));
        const { from } = await asking.receive();
        asking.close();
        expect([from.address.replace(/%.*/, ''), from.port]).toEqual([host, port]);
      }
    } finally {
      await everywhere.remove();
    }
  });

  /** Every address of this machine that needs no zone to be reached. */
  function machineHosts(): string[] {
    const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    return all.map(({ address }) => address).filter((address) => !address.startsWith('fe80:'));
  }
});
