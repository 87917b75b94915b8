import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testSeed } from '../../lib/prng.js';
import { ScrapeEntry } from '../announce.js';
import { FAILURES, Failure } from '../failure.js';
import { decodeUdpReply, InvalidReplyError, replyTransactionId } from './client-reply.js';
import {
  encodeAnnounceRequest,
  encodeConnectRequest,
  encodeScrapeRequest,
} from './client-request.js';
import {
  encodeAnnounceHeader,
  encodeConnectReply,
  encodeError,
  encodeScrapeEntry,
  encodeScrapeHeader,
} from './reply.js';
import {
  connectionIdHi,
  connectionIdLo,
  decodeAnnounce,
  decodeUdpRequest,
  scrapeHashCount,
  transactionId,
  UdpAction,
  UdpAnnounceRequest,
} from './request.js';

const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const hash = fc.uint8Array({ minLength: 20, maxLength: 20 });

describe('requests of a client', () => {
  it('are what the tracker reads, over every event', () => {
    const fields = fc.record({
      infoHash: hash,
      peerId: hash,
      downloaded: fc.maxSafeNat(),
      left: fc.oneof(fc.constant(0), fc.maxSafeNat()),
      uploaded: fc.maxSafeNat(),
      event: fc.nat(4),
      ip: fc.constantFrom(new Uint8Array(4), Uint8Array.of(192, 0, 2, 1)),
      key: int32,
      numwant: int32,
      port: fc.nat(65535),
      urlData: fc.constantFrom('', '/announce?a=b', `/${'x'.repeat(511)}`),
    });
    const id = fc.record({ hi: int32, lo: int32 });
    fc.assert(
      fc.property(fields, id, int32, (given, connection, transaction) => {
        const packet = encodeAnnounceRequest(connection, transaction, given);
        const request = new UdpAnnounceRequest();
        expect(decodeUdpRequest(packet, packet.length)).toBe(UdpAction.announce);
        expect(decodeAnnounce(packet, packet.length, request)).toBe(true);
        expect(connectionIdHi(packet)).toBe(connection.hi);
        expect(connectionIdLo(packet)).toBe(connection.lo);
        expect(transactionId(packet)).toBe(transaction);
        expect(request).toMatchObject({
          infoHash: given.infoHash,
          leftIsZero: given.left === 0,
          event: given.event,
          port: given.port,
          numwant: Math.max(-1, given.numwant),
        });
        expect(request.claimed4.family).toBe(given.ip[0] === 0 ? 0 : 4);
        const urlData = request.urlData.subarray(0, request.urlDataLength);
        expect(Buffer.from(urlData).toString()).toBe(given.urlData);
      }),
      { seed: testSeed() },
    );
  });

  it('connect and scrape as BEP 15 writes them', () => {
    const connect = encodeConnectRequest(-1);
    expect(connect.toString('hex')).toBe('000004172710198000000000ffffffff');
    const hashes = Array.from({ length: 80 }, (_, i) => new Uint8Array(20).fill(i));
    const scrape = encodeScrapeRequest({ hi: 1, lo: 2 }, 3, hashes);
    expect(decodeUdpRequest(scrape, scrape.length)).toBe(UdpAction.scrape);
    expect(scrapeHashCount(scrape.length)).toBe(74);
    expect(scrape.length).toBe(16 + 20 * 74);
    expect(scrape[36]).toBe(1);
  });
});

describe('decodeUdpReply', () => {
  const out = Buffer.alloc(1220);

  it('reads what the tracker writes', () => {
    let length = encodeConnectReply(out, 9, -1, 2);
    expect(decodeUdpReply(out.subarray(0, length), 4)).toEqual({
      kind: 'connect',
      transactionId: 9,
      id: { hi: -1, lo: 2 },
    });
    length = encodeAnnounceHeader(out, 9, 1800, 1, 2);
    out.set([192, 0, 2, 1, 0x1a, 0xe1], length);
    expect(decodeUdpReply(out.subarray(0, length + 6), 4)).toEqual({
      kind: 'announce',
      transactionId: 9,
      intervalSeconds: 1800,
      leechers: 1,
      seeders: 2,
      peers: [{ ip: '192.0.2.1', port: 6881 }],
    });
    encodeScrapeHeader(out, 9);
    const entry = Object.assign(new ScrapeEntry(), { seeders: 1, leechers: 2, downloads: 3 });
    length = encodeScrapeEntry(out, 0, entry);
    expect(decodeUdpReply(out.subarray(0, length), 6)).toEqual({
      kind: 'scrape',
      transactionId: 9,
      entries: [{ seeders: 1, leechers: 2, downloads: 3 }],
    });
    length = encodeError(out, 9, Failure.notAllowed);
    expect(decodeUdpReply(out.subarray(0, length), 4)).toEqual({
      kind: 'error',
      transactionId: 9,
      message: FAILURES[Failure.notAllowed].reason,
    });
  });

  it('refuses any length that does not fit the action and the family', () => {
    const fits = (action: number, length: number, family: 4 | 6) => {
      const packet = Buffer.alloc(length);
      if (length >= 4) packet.writeInt32BE(action, 0);
      try {
        return decodeUdpReply(packet, family).kind;
      } catch (error) {
        if (!(error instanceof InvalidReplyError)) throw error;
        return 'invalid';
      }
    };
    for (let length = 0; length < 80; length++) {
      expect(fits(0, length, 4) === 'connect').toBe(length === 16);
      expect(fits(1, length, 4) === 'announce').toBe(length >= 20 && (length - 20) % 6 === 0);
      expect(fits(1, length, 6) === 'announce').toBe(length >= 20 && (length - 20) % 18 === 0);
      expect(fits(2, length, 4) === 'scrape').toBe(length >= 8 && (length - 8) % 12 === 0);
      expect(fits(3, length, 4) === 'error').toBe(length >= 8);
      expect(fits(4, length, 4)).toBe('invalid');
    }
  });

  it('finds the transaction id of any datagram that is long enough', () => {
    expect(replyTransactionId(Buffer.from('ffffffff80000001', 'hex'))).toBe(0x80000001 | 0);
    expect(replyTransactionId(Buffer.alloc(7))).toBeUndefined();
  });
});
