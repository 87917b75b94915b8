/**
 * Connection ids (BEP 15), over real sockets. That an id expires, and that one from the future is
 * refused, takes minutes to wait for: unit tests show both with a clock that they turn themselves.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newHash } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';
import {
  announcePacket,
  connectedWire,
  connectPacket,
  errorText,
  UdpWire,
} from '../support/udp-wire.js';

let tracker: TrackerProcess;
const wires: UdpWire[] = [];
beforeAll(async () => {
  tracker = await TrackerProcess.start();
});
afterEach(() => {
  for (const wire of wires.splice(0)) wire.close();
});
afterAll(async () => {
  await tracker?.remove();
});

async function connected(local?: string): Promise<UdpWire> {
  const wire = await connectedWire(tracker.udp4, local);
  wires.push(wire);
  return wire;
}

/** Announces with `ids`; expects silence or errors, and that nothing was stored. */
async function expectRefused(wire: UdpWire, ids: readonly Buffer[]): Promise<void> {
  const hash = newHash();
  const packets = ids.map((id) =>
    announcePacket(id, wire.nextTransaction(), { infoHash: hash, port: 7001 }),
  );
  const answers = await wire.answersTo(...packets);
  for (const answer of answers) expect(errorText(answer)).toBeDefined();
  expect(await wire.scrape([hash])).toEqual([{ seeders: 0, completed: 0, leechers: 0 }]);
}

describe('connect', () => {
  it('is answered with as many bytes as it sent, and the transaction id', async () => {
    const wire = await connected();
    const reply = await wire.ask(connectPacket(0xdeadbeef));
    expect(reply.length).toBe(16);
    expect(reply.readUInt32BE(0)).toBe(0);
    expect(reply.readUInt32BE(4)).toBe(0xdeadbeef);
  });

  it('gives different addresses different ids', async () => {
    const ids = await Promise.all(
      ['127.0.0.1', '127.0.0.2', '127.0.0.3'].map(async (host) => (await connected(host)).id),
    );
    expect(new Set(ids.map((id) => id.toString('hex'))).size).toBe(3);
  });

  it('is answered from the address that was asked', async () => {
    const wire = await UdpWire.open(tracker.udp4);
    wires.push(wire);
    wire.send(connectPacket(1));
    const { from } = await wire.receive();
    expect([from.address, from.port]).toEqual([tracker.udp4.host, tracker.udp4.port]);
  });
});

describe('a connection id', () => {
  it('is accepted from another port of the same address', async () => {
    const first = await connected('127.0.0.4');
    const second = await connected('127.0.0.4');
    second.id = first.id;
    const reply = await second.announce({ infoHash: newHash(), port: 7001 });
    expect(reply.leechers).toBe(1);
  });

  it('is accepted again and again', async () => {
    const wire = await connected();
    for (let round = 0; round < 5; round++) {
      expect((await wire.announce({ infoHash: newHash(), port: 7001 })).leechers).toBe(1);
    }
  });

  it('is refused from another address', async () => {
    const owner = await connected('127.0.0.5');
    await expectRefused(await connected('127.0.0.6'), [owner.id]);
  });

  it('is refused with any one bit changed', async () => {
    const wire = await connected();
    const tampered = Array.from({ length: 64 }, (_, bit) => {
      const id = Buffer.from(wire.id);
      id[bit >> 3] ^= 1 << (bit & 7);
      return id;
    });
    await expectRefused(wire, tampered);
  });

  it('is refused when it is the magic number, zero or made up', async () => {
    const wire = await connected();
    const made = ['0000041727101980', '0000000000000000', 'ffffffffffffffff', '0123456789abcdef'];
    await expectRefused(
      wire,
      made.map((hex) => Buffer.from(hex, 'hex')),
    );
  });

  it('of IPv6 is bound to its address as well', async () => {
    const wire = await connectedWire(tracker.udp6);
    wires.push(wire);
    expect((await wire.announce({ infoHash: newHash(), port: 7001 })).leechers).toBe(1);
    await expectRefused(wire, [(await connected()).id]);
  });
});
