import { describe, expect, it } from 'vitest';
import { ScrapeEntry } from '../announce.js';
import { FAILURES, Failure } from '../failure.js';
import {
  encodeAnnounceHeader,
  encodeConnectReply,
  encodeError,
  encodeScrapeEntry,
  encodeScrapeHeader,
} from './reply.js';

const out = new Uint8Array(1220);
const hex = (length: number) => Buffer.from(out.subarray(0, length)).toString('hex');

describe('UDP replies', () => {
  it('writes a connect reply no longer than the request', () => {
    expect(encodeConnectReply(out, 0xdeadbeef | 0, 0x80000001 | 0, 2)).toBe(16);
    expect(hex(16)).toBe('00000000deadbeef8000000100000002');
  });

  it('writes the announce header and leaves the peers alone', () => {
    out.fill(0xaa);
    expect(encodeAnnounceHeader(out, 1, 1800, 2, 3)).toBe(20);
    expect(hex(22)).toBe('0000000100000001000007080000000200000003aaaa');
  });

  it('writes scrape entries as seeders, completed, leechers', () => {
    const entry = Object.assign(new ScrapeEntry(), { seeders: 1, leechers: 2, downloads: 3 });
    expect(encodeScrapeHeader(out, 7)).toBe(8);
    expect(encodeScrapeEntry(out, 0, entry)).toBe(20);
    expect(encodeScrapeEntry(out, 1, entry)).toBe(32);
    const one = '000000010000000300000002';
    expect(hex(32)).toBe(`0000000200000007${one}${one}`);
  });

  it('writes the text of every failure', () => {
    for (const failure of Object.values(Failure)) {
      const length = encodeError(out, -1, failure);
      expect(hex(8)).toBe('00000003ffffffff');
      const text = Buffer.from(out.subarray(8, length)).toString('latin1');
      expect(text).toBe(FAILURES[failure].reason);
    }
  });
});
