import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testSeed } from '../../lib/prng.js';
import { AnnounceEvent } from '../announce.js';
import { Failure } from '../failure.js';
import { HttpAnnounceRequest, parseAnnounceQuery } from './announce-query.js';

const HASH = '%00%01%02%03%04%05%06%07%08%09%0a%0B%0c%0D%0e%0F%10%11%12%13';
const BASE = `info_hash=${HASH}&peer_id=-TR4000-012345678901&port=6881`;

function parse(query: string) {
  const request = new HttpAnnounceRequest();
  const target = Buffer.from(`/announce?${query}#`, 'latin1');
  const failure = parseAnnounceQuery(target, 10, target.length - 1, request);
  return { failure, request };
}

function accepted(query: string): HttpAnnounceRequest {
  const { failure, request } = parse(query);
  expect(failure, query).toBe(Failure.none);
  return request;
}

describe('parseAnnounceQuery', () => {
  it('reads a plain announce', () => {
    const request = accepted(`${BASE}&uploaded=1&downloaded=2&left=3&numwant=7&event=started`);
    expect([...request.infoHash]).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(request).toMatchObject({
      port: 6881,
      leftIsZero: false,
      numwant: 7,
      event: AnnounceEvent.started,
      trackerIdLength: 0,
    });
  });

  it('decodes any 20 bytes, whichever of them are escaped, in either hex case', () => {
    const byte = fc.record({ value: fc.integer({ min: 0, max: 255 }), form: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(byte, { minLength: 20, maxLength: 20 }), (hash) => {
        const text = hash.map(({ value, form }) => {
          const hex = value.toString(16).padStart(2, '0');
          const raw = value > 32 && !'&?=%#'.includes(String.fromCharCode(value));
          if (form === 0 && raw) return String.fromCharCode(value);
          return form === 1 ? `%${hex}` : `%${hex.toUpperCase()}`;
        });
        const request = accepted(`port=1&info_hash=${text.join('')}`);
        expect([...request.infoHash]).toEqual(hash.map(({ value }) => value));
      }),
      { seed: testSeed() },
    );
  });

  it('keeps plus a literal plus and takes raw bytes outside ASCII', () => {
    const request = accepted(`port=1&info_hash=${'+'.repeat(10)}${'\xe9'.repeat(10)}`);
    expect(request.infoHash[0]).toBe(43);
    expect(request.infoHash[19]).toBe(0xe9);
  });

  it('refuses broken escapes in binary fields', () => {
    for (const value of ['%zz', '%4', '%', `${HASH}%`, `${HASH}%g0`, '%0x%']) {
      expect(parse(`info_hash=${value}&port=1`).failure, value).toBe(Failure.queryMalformed);
      const query = `info_hash=${HASH}&port=1&peer_id=${value}`;
      expect(parse(query).failure, query).toBe(Failure.queryMalformed);
    }
  });

  it('wants exactly 20 bytes of info hash', () => {
    for (const value of ['a', 'a'.repeat(19), 'a'.repeat(21), '%41'.repeat(40)]) {
      expect(parse(`info_hash=${value}&port=1`).failure).toBe(Failure.infoHashInvalid);
    }
    expect(parse('port=1').failure).toBe(Failure.infoHashMissing);
    expect(parse('info_hash=&port=1').failure).toBe(Failure.infoHashMissing);
    expect(parse('').failure).toBe(Failure.infoHashMissing);
  });

  it('refuses a second info hash, even the same one', () => {
    expect(parse(`${BASE}&info_hash=${HASH}`).failure).toBe(Failure.infoHashRepeated);
  });

  it('takes an announce without a peer id, but not with a wrong one', () => {
    accepted(`info_hash=${HASH}&port=1`);
    accepted(`info_hash=${HASH}&port=1&peer_id=`);
    expect(parse(`info_hash=${HASH}&port=1&peer_id=abc`).failure).toBe(Failure.peerIdInvalid);
  });

  it('wants a port, except from a peer that leaves', () => {
    for (const port of ['', 'port', 'port=', 'port=0', 'port=65536', 'port=-1', 'port=1x']) {
      expect(parse(`info_hash=${HASH}&${port}`).failure, port).toBe(Failure.portInvalid);
      expect(accepted(`info_hash=${HASH}&${port}&event=stopped`).port).toBe(0);
    }
    expect(accepted(`info_hash=${HASH}&port=65535`).port).toBe(65535);
  });

  it('tolerates empty, valueless, unknown and shuffled parameters and a repeated question mark', () => {
    const request = accepted(
      `&&left&=&=x&foo=bar&port=80&?compact=1&no_peer_id=1?info_hash=${HASH}&event=&numwant=`,
    );
    expect(request).toMatchObject({ port: 80, leftIsZero: false, numwant: -1, event: 0 });
  });

  it('calls a peer a seeder only for zero', () => {
    for (const left of ['0', '00', '0000000000000000000000']) {
      expect(accepted(`${BASE}&left=${left}`).leftIsZero, left).toBe(true);
    }
    for (const left of ['', '1', '18446744073709551616', '4294967296', '-0', '0x0', 'abc', '+0']) {
      expect(accepted(`${BASE}&left=${left}`).leftIsZero, left).toBe(false);
    }
    expect(accepted(BASE).leftIsZero).toBe(false);
  });

  it('reads events, and unknown ones as none', () => {
    const events = ['started', 'stopped', 'completed', 'paused', 'Started', 'x', ''];
    expect(events.map((event) => accepted(`${BASE}&event=${event}`).event)).toEqual([
      AnnounceEvent.started,
      AnnounceEvent.stopped,
      AnnounceEvent.completed,
      AnnounceEvent.paused,
      AnnounceEvent.none,
      AnnounceEvent.none,
      AnnounceEvent.none,
    ]);
  });

  it('reads numwant, caps it, and takes the default for anything else', () => {
    const numwants = ['0', '50', '99999999999999999999', '-1', 'many', ''];
    expect(numwants.map((n) => accepted(`${BASE}&numwant=${n}`).numwant)).toEqual([
      0, 50, 0x7fffffff, -1, -1, -1,
    ]);
  });

  it('files claimed addresses by family', () => {
    const request = accepted(`${BASE}&ipv4=192.0.2.1%3A99&ipv6=%5B2001:db8::1%5d:99`);
    expect(request.claimed4.toString()).toBe('192.0.2.1:0');
    expect(request.claimed6.toString()).toBe('[2001:db8::1]:0');
    expect(accepted(`${BASE}&ip=2001:db8::2`).claimed6.toString()).toBe('[2001:db8::2]:0');
    expect(accepted(`${BASE}&ip=::ffff:192.0.2.3`).claimed4.toString()).toBe('192.0.2.3:0');
  });

  it('ignores addresses that it cannot read', () => {
    for (const ip of [
      '',
      'host.example',
      '1.2.3',
      '%zz',
      ':',
      '[::1',
      `1.2.3.4${'0'.repeat(99)}`,
    ]) {
      const request = accepted(`${BASE}&ip=${ip}&ipv4=${ip}&ipv6=${ip}`);
      expect([request.claimed4.family, request.claimed6.family], ip).toEqual([0, 0]);
    }
  });

  it('keeps a tracker id of up to 64 bytes', () => {
    const request = accepted(`${BASE}&trackerid=a%20b%00`);
    expect([...request.trackerId.subarray(0, request.trackerIdLength)]).toEqual([97, 32, 98, 0]);
    expect(accepted(`${BASE}&trackerid=${'x'.repeat(64)}`).trackerIdLength).toBe(64);
    expect(accepted(`${BASE}&trackerid=${'x'.repeat(65)}`).trackerIdLength).toBe(0);
    expect(accepted(`${BASE}&trackerid=%4`).trackerIdLength).toBe(0);
  });

  it('forgets what the request before it said', () => {
    const request = new HttpAnnounceRequest();
    const read = (query: string) => {
      const target = Buffer.from(query, 'latin1');
      return parseAnnounceQuery(target, 0, target.length, request);
    };
    read(`${BASE}&left=0&numwant=3&event=stopped&ip=1.2.3.4&ipv6=::1&trackerid=x`);
    expect(read(`info_hash=${HASH}`)).toBe(Failure.portInvalid);
    expect(request).toMatchObject({
      port: 0,
      leftIsZero: false,
      numwant: -1,
      event: 0,
      trackerIdLength: 0,
    });
    expect([request.claimed4.family, request.claimed6.family]).toEqual([0, 0]);
  });
});
