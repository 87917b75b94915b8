import { describe, expect, it } from 'vitest';
import { AnnounceEvent } from '../announce.js';
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

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));

const CONNECT = bytes('0000041727101980 00000000 deadbeef');
const ANNOUNCE = bytes(`
  0102030405060708 00000001 cafebabe
  000102030405060708090a0b0c0d0e0f10111213
  2d54523430302d303132333435363738393a3b3c
  0000000000000001 0000000000000000 0000000000000002
  00000002 00000000 11223344 ffffffff 1ae1`);

function announce(changes: Record<number, string>, options = ''): Uint8Array {
  const packet = Uint8Array.from([...ANNOUNCE, ...bytes(options)]);
  for (const [at, hex] of Object.entries(changes)) packet.set(bytes(hex), Number(at));
  return packet;
}

function decoded(packet: Uint8Array): UdpAnnounceRequest {
  const request = new UdpAnnounceRequest();
  expect(decodeAnnounce(packet, packet.length, request)).toBe(true);
  return request;
}

const urlData = (request: UdpAnnounceRequest) =>
  Buffer.from(request.urlData.subarray(0, request.urlDataLength)).toString('latin1');

describe('decodeUdpRequest', () => {
  it('knows a connect by its magic', () => {
    expect(decodeUdpRequest(CONNECT, 16)).toBe(UdpAction.connect);
    expect(transactionId(CONNECT)).toBe(0xdeadbeef | 0);
  });

  it('drops a connect with any bit of the magic wrong', () => {
    for (let bit = 0; bit < 64; bit++) {
      const packet = CONNECT.slice();
      packet[bit >>> 3] ^= 0x80 >>> (bit & 7);
      expect(decodeUdpRequest(packet, 16), `bit ${bit}`).toBe(UdpAction.drop);
    }
  });

  it('drops everything under 16 bytes', () => {
    for (let length = 0; length < 16; length++) {
      expect(decodeUdpRequest(CONNECT, length)).toBe(UdpAction.drop);
      expect(decodeUdpRequest(ANNOUNCE, length)).toBe(UdpAction.drop);
    }
  });

  it('takes a connect that is longer than it must be', () => {
    expect(decodeUdpRequest(Uint8Array.from([...CONNECT, 1, 2, 3]), 19)).toBe(UdpAction.connect);
  });

  it('tells announce, scrape and unknown actions apart', () => {
    expect(decodeUdpRequest(ANNOUNCE, 98)).toBe(UdpAction.announce);
    expect(decodeUdpRequest(announce({ 8: '00000002' }), 98)).toBe(UdpAction.scrape);
    expect(decodeUdpRequest(announce({ 8: '00000003' }), 98)).toBe(UdpAction.unknown);
    expect(decodeUdpRequest(announce({ 8: '01000000' }), 98)).toBe(UdpAction.unknown);
    expect(decodeUdpRequest(announce({ 8: 'ffffffff' }), 98)).toBe(UdpAction.unknown);
  });

  it('reads the ids in place', () => {
    expect(connectionIdHi(ANNOUNCE)).toBe(0x01020304);
    expect(connectionIdLo(ANNOUNCE)).toBe(0x05060708);
    expect(transactionId(ANNOUNCE)).toBe(0xcafebabe | 0);
  });
});

describe('decodeAnnounce', () => {
  it('reads every field', () => {
    const request = decoded(ANNOUNCE);
    expect([...request.infoHash]).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(request.event).toBe(AnnounceEvent.started);
    expect(request.leftIsZero).toBe(true);
    expect(request.numwant).toBe(-1);
    expect(request.port).toBe(6881);
    expect(request.claimed4.family).toBe(0);
    expect(request.claimed6.family).toBe(0);
  });

  it('refuses every length under 98 bytes', () => {
    const request = new UdpAnnounceRequest();
    for (let length = 0; length < 98; length++) {
      expect(decodeAnnounce(ANNOUNCE, length, request)).toBe(false);
    }
  });

  it('sees left as zero only when all 64 bits are', () => {
    for (let bit = 0; bit < 64; bit++) {
      const packet = ANNOUNCE.slice();
      packet[64 + (bit >>> 3)] = 0x80 >>> (bit & 7);
      expect(decoded(packet).leftIsZero, `bit ${bit}`).toBe(false);
    }
  });

  it('maps the events of BEP 15, 4 to a partial seed, and unknown ones to none', () => {
    const events = [
      '00000000',
      '00000001',
      '00000002',
      '00000003',
      '00000004',
      '00000005',
      '80000001',
    ];
    expect(events.map((event) => decoded(announce({ 80: event })).event)).toEqual([
      AnnounceEvent.none,
      AnnounceEvent.completed,
      AnnounceEvent.started,
      AnnounceEvent.stopped,
      AnnounceEvent.paused,
      AnnounceEvent.none,
      AnnounceEvent.none,
    ]);
  });

  it('reads numwant as a signed number', () => {
    expect(decoded(announce({ 92: '00000000' })).numwant).toBe(0);
    expect(decoded(announce({ 92: '7fffffff' })).numwant).toBe(0x7fffffff);
    expect(decoded(announce({ 92: '80000000' })).numwant).toBe(-1);
  });

  it('keeps a claimed address, without a port', () => {
    const request = decoded(announce({ 84: 'c0000201' }));
    expect(request.claimed4.toString()).toBe('192.0.2.1:0');
  });

  it('forgets what the announce before it said', () => {
    const request = new UdpAnnounceRequest();
    decodeAnnounce(announce({ 84: 'c0000201' }, '02012f'), 101, request);
    expect(urlData(request)).toBe('/');
    decodeAnnounce(ANNOUNCE, 98, request);
    expect(request.claimed4.family).toBe(0);
    expect(request.urlDataLength).toBe(0);
  });
});

describe('options of BEP 41', () => {
  it('joins URL data, steps over NOP and skips unknown options by length', () => {
    const packet = announce({}, '01 02 03 2f6170 01 07 02 ffff 02 02 6970 00 02 01 7a');
    expect(urlData(decoded(packet))).toBe('/apip');
  });

  it('keeps what came before a malformed option, and the announce', () => {
    expect(urlData(decoded(announce({}, '02 02 2f61 02 09 7a7a')))).toBe('/a');
    expect(urlData(decoded(announce({}, '02 02 2f61 02')))).toBe('/a');
    expect(urlData(decoded(announce({}, '02')))).toBe('');
    expect(urlData(decoded(announce({}, '02 00')))).toBe('');
  });

  it('cuts URL data at 512 bytes', () => {
    const piece = `02ff${'61'.repeat(255)}`;
    const request = decoded(announce({}, piece.repeat(4)));
    expect(request.urlDataLength).toBe(512);
    expect(urlData(request)).toBe('a'.repeat(512));
  });

  it('never reads past the datagram', () => {
    const packet = announce({}, '02 02 2f61');
    const request = new UdpAnnounceRequest();
    expect(decodeAnnounce(packet, 101, request)).toBe(true);
    expect(request.urlDataLength).toBe(0);
  });
});

describe('scrapeHashCount', () => {
  it('counts whole hashes, up to 74', () => {
    expect([0, 16, 35, 36, 55, 56, 1496, 1516, 2048].map(scrapeHashCount)).toEqual([
      0, 0, 0, 1, 1, 2, 74, 74, 74,
    ]);
  });
});
