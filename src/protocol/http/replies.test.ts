import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testSeed } from '../../lib/prng.js';
import { AnnounceReply, REPLY_PEERS_MAX, ScrapeEntry } from '../announce.js';
import { decodeBencode } from '../bencode/decode.js';
import { FAILURES, Failure } from '../failure.js';
import { HttpAnnounceRequest } from './announce-query.js';
import {
  announceReplyBytesMax,
  encodeAnnounceReply,
  encodeFailure,
  NO_WARNING,
} from './announce-reply.js';
import { encodeScrapeEnd, encodeScrapeEntry, encodeScrapeStart } from './scrape-reply.js';

const BODY_BYTES = 64 * 1024;
const out = new Uint8Array(BODY_BYTES);
const text = (length: number) => Buffer.from(out.subarray(0, length)).toString('latin1');

function reply(fields: Partial<AnnounceReply> = {}): AnnounceReply {
  return Object.assign(new AnnounceReply(), fields);
}

function putPeers(words: Uint16Array, firstWord: number, wire: number[]): void {
  new Uint8Array(words.buffer, words.byteOffset).set(wire, 2 * firstWord);
}

describe('encodeAnnounceReply', () => {
  it('writes a full reply with keys in order and nothing behind it', () => {
    const full = reply({
      seeders: 1,
      leechers: 22,
      downloads: 333,
      intervalSeconds: 1800,
      minIntervalSeconds: 900,
      count4: 2,
      peers4Offset: 3,
      count6: 1,
      peers6Offset: 9,
    });
    full.external.setAddressText('192.0.2.9');
    putPeers(full.peers4, 3, [1, 2, 3, 4, 0x1a, 0xe1, 5, 6, 7, 8, 0, 80]);
    putPeers(
      full.peers6,
      9,
      Array.from({ length: 18 }, (_, i) => i + 65),
    );
    const request = new HttpAnnounceRequest();
    request.trackerId.set([105, 100]);
    request.trackerIdLength = 2;
    const length = encodeAnnounceReply(out, full, request, Buffer.from('slow'));
    expect(text(length)).toBe(
      'd8:completei1e10:downloadedi333e11:external ip4:\xc0\x00\x02\x0910:incompletei22e' +
        '8:intervali1800e12:min intervali900e' +
        '5:peers12:\x01\x02\x03\x04\x1a\xe1\x05\x06\x07\x08\x00P6:peers618:ABCDEFGHIJKLMNOPQR' +
        '10:tracker id2:id15:warning message4:slowe',
    );
  });

  it('always writes peers, and peers6 only for those who can use it', () => {
    const request = new HttpAnnounceRequest();
    const empty = reply();
    expect(text(encodeAnnounceReply(out, empty, request, NO_WARNING))).toBe(
      'd8:completei0e10:downloadedi0e10:incompletei0e8:intervali0e12:min intervali0e5:peers0:e',
    );
    empty.external.setAddressText('::1');
    const body = text(encodeAnnounceReply(out, empty, request, NO_WARNING));
    expect(body).toContain(`11:external ip16:${'\0'.repeat(15)}\x01`);
    expect(body).toContain('5:peers0:6:peers60:e');
  });

  it('fits the longest reply into the length that it promises', () => {
    const huge = Number.MAX_SAFE_INTEGER;
    const largest = reply({
      seeders: huge,
      leechers: huge,
      downloads: huge,
      intervalSeconds: huge,
      minIntervalSeconds: huge,
      count4: REPLY_PEERS_MAX,
      count6: REPLY_PEERS_MAX,
    });
    largest.external.setAddressText('::1');
    const request = new HttpAnnounceRequest();
    request.trackerIdLength = 64;
    const warning = Buffer.alloc(1000);
    const bound = announceReplyBytesMax(REPLY_PEERS_MAX, REPLY_PEERS_MAX, warning.length);
    expect(bound).toBeLessThanOrEqual(BODY_BYTES);
    const length = encodeAnnounceReply(out, largest, request, warning);
    expect(length).toBeLessThanOrEqual(bound);
    decodeBencode(out.subarray(0, length));
    const small = new Uint8Array(bound - 1);
    expect(() => encodeAnnounceReply(small, largest, request, warning)).toThrow(/body buffer/);
  });

  it('decodes back to what went in', () => {
    const fields = fc.record({
      seeders: fc.nat(),
      leechers: fc.nat(),
      downloads: fc.maxSafeNat(),
      intervalSeconds: fc.nat(),
      minIntervalSeconds: fc.nat(),
      count4: fc.nat(50),
      count6: fc.nat(50),
      peers4Offset: fc.nat(100),
      peers6Offset: fc.nat(100),
    });
    fc.assert(
      fc.property(fields, fc.uint8Array({ maxLength: 90 }), (given, warning) => {
        const filled = reply(given);
        for (let i = 0; i < 600; i++) filled.peers4[i] = filled.peers6[i] = (i * 40503) & 0xffff;
        const request = new HttpAnnounceRequest();
        const length = encodeAnnounceReply(out, filled, request, warning);
        const value = decodeBencode(out.slice(0, length));
        const raw = (words: Uint16Array, offset: number, count: number) =>
          new Uint8Array(words.buffer.slice(2 * offset, 2 * (offset + count)));
        const expected = new Map<string, unknown>([
          ['complete', given.seeders],
          ['downloaded', given.downloads],
          ['incomplete', given.leechers],
          ['interval', given.intervalSeconds],
          ['min interval', given.minIntervalSeconds],
          ['peers', raw(filled.peers4, given.peers4Offset, 3 * given.count4)],
        ]);
        if (given.count6 > 0) {
          expected.set('peers6', raw(filled.peers6, given.peers6Offset, 9 * given.count6));
        }
        if (warning.length > 0) expected.set('warning message', warning);
        expect(value).toEqual(expected);
      }),
      { seed: testSeed() },
    );
  });
});

describe('encodeFailure', () => {
  it('tells each reason, when to come back, and the interval', () => {
    for (const failure of Object.values(Failure)) {
      const { reason, retryIn } = FAILURES[failure];
      const retry = retryIn === 'never' ? '5:never' : `i${retryIn}e`;
      expect(text(encodeFailure(out, failure, 1800))).toBe(
        `d14:failure reason${reason.length}:${reason}8:intervali1800e8:retry in${retry}e`,
      );
    }
  });
});

describe('the scrape reply', () => {
  const hashes = Buffer.from('a'.repeat(20) + 'b'.repeat(20));
  const entry = Object.assign(new ScrapeEntry(), {
    seeders: 1,
    leechers: 5,
    downloads: 3,
    partialSeeds: 2,
  });

  it('lists each hash, and subtracts partial seeds from downloaders', () => {
    let at = encodeScrapeStart(out);
    at = encodeScrapeEntry(out, at, hashes, 0, entry);
    at = encodeScrapeEntry(out, at, hashes, 20, new ScrapeEntry());
    expect(text(encodeScrapeEnd(out, at, 900))).toBe(
      `d5:filesd20:${'a'.repeat(20)}d8:completei1e10:downloadedi3e11:downloadersi3e` +
        `10:incompletei5ee20:${'b'.repeat(20)}d8:completei0e10:downloadedi0e` +
        '11:downloadersi0e10:incompletei0eee5:flagsd20:min_request_intervali900eee',
    );
  });

  it('leaves the flags away without an interval', () => {
    expect(text(encodeScrapeEnd(out, encodeScrapeStart(out), 0))).toBe('d5:filesdee');
  });

  it('stops adding entries before the buffer is full, and can still be closed', () => {
    const small = new Uint8Array(500);
    const big = Object.assign(new ScrapeEntry(), {
      seeders: Number.MAX_SAFE_INTEGER,
      leechers: Number.MAX_SAFE_INTEGER,
      downloads: Number.MAX_SAFE_INTEGER,
    });
    let at = encodeScrapeStart(small);
    let entries = 0;
    for (;;) {
      hashes[0] = entries;
      const next = encodeScrapeEntry(small, at, hashes, 0, big);
      if (next === at) break;
      at = next;
      entries++;
    }
    expect(entries).toBe(2);
    const length = encodeScrapeEnd(small, at, Number.MAX_SAFE_INTEGER);
    expect(length).toBeLessThanOrEqual(small.length);
    decodeBencode(small.subarray(0, length));
  });
});
