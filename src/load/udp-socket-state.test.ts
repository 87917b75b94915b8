import { describe, expect, it } from 'vitest';
import {
  decodeAnnounce,
  decodeUdpRequest,
  scrapeHashCount,
  transactionId,
  UdpAction,
  UdpAnnounceRequest,
} from '../protocol/udp/request.js';
import { Crowd } from './crowd.js';
import { Tally } from './tally.js';
import { infoHashText } from './torrent-names.js';
import { UdpSocketState } from './udp-socket-state.js';
import { kindOfReply, readInt32, UDP_REQUEST_BYTES_MAX, UdpReply, writeInt32 } from './udp-wire.js';

const WINDOW = 4;

function setUp(crowdOptions: { scrapes?: number; peers?: number } = {}) {
  const crowd = new Crowd({
    torrents: 3,
    peers: 90,
    zipf: 0,
    seeders: 0.5,
    scrapes: 0,
    scrapeHashes: 74,
    churn: 0,
    seed: 1,
    sources: 1,
    ...crowdOptions,
  });
  const tally = new Tally();
  const state = new UdpSocketState(
    { source: 0, window: WINDOW, peerBytes: 6, timeoutMs: 100, seed: 1, numwant: 30 },
    { crowd, tally },
  );
  const out = new Uint8Array(UDP_REQUEST_BYTES_MAX);
  return { crowd, tally, state, out };
}

/** A reply with `action` to the request in `request`, `bytes` long. */
function replyTo(request: Uint8Array, action: number, bytes: number): Uint8Array {
  const reply = new Uint8Array(bytes);
  writeInt32(reply, 0, action);
  writeInt32(reply, 4, transactionId(request));
  return reply;
}

function connected(crowdOptions = {}) {
  const all = setUp(crowdOptions);
  expect(all.state.write(all.out, 'mix', 0)).toBe(16);
  expect(decodeUdpRequest(all.out, 16)).toBe(UdpAction.connect);
  const reply = replyTo(all.out, 0, 16);
  writeInt32(reply, 8, 0x11223344);
  writeInt32(reply, 12, -2);
  all.state.read(reply, 16, 1);
  expect(all.state.isConnected).toBe(true);
  return all;
}

describe('UdpSocketState', () => {
  it('asks for a connection id first, and again when none comes', () => {
    const { state, out } = setUp();
    expect(state.write(out, 'fill', 0)).toBe(16);
    expect(state.write(out, 'fill', 50)).toBe(0);
    expect(state.write(out, 'fill', 101)).toBe(16);
  });

  it('announces what the crowd decided on, with its connection id', () => {
    const { state, out, crowd } = connected();
    const length = state.write(out, 'mix', 2);
    expect(decodeUdpRequest(out, length)).toBe(UdpAction.announce);
    expect([readInt32(out, 0), readInt32(out, 4)]).toEqual([0x11223344, -2]);
    const request = new UdpAnnounceRequest();
    expect(decodeAnnounce(out, length, request)).toBe(true);
    expect(Buffer.from(request.infoHash).toString('hex')).toBe(infoHashText(1, crowd.torrent));
    expect(request).toMatchObject({
      port: crowd.port,
      numwant: 30,
      leftIsZero: crowd.isSeeder,
      event: crowd.event,
      urlDataLength: 0,
    });
    expect(request.claimed4.family).toBe(0);
  });

  it('scrapes as many torrents as BEP 15 allows', () => {
    const { state, out } = connected({ scrapes: 1 });
    const length = state.write(out, 'mix', 2);
    expect(decodeUdpRequest(out, length)).toBe(UdpAction.scrape);
    expect(scrapeHashCount(length)).toBe(74);
  });

  it('keeps to its window, and goes on with each answer', () => {
    const { state, out, tally } = connected();
    const requests = Array.from({ length: WINDOW }, () => {
      expect(state.write(out, 'mix', 2)).toBe(98);
      return out.slice();
    });
    expect(state.write(out, 'mix', 2)).toBe(0);
    expect(state.inFlight).toBe(WINDOW);
    state.read(replyTo(requests[2], 1, 20 + 12), 32, 5);
    expect(state.inFlight).toBe(WINDOW - 1);
    expect(state.write(out, 'mix', 6)).toBe(98);
    expect(tally).toMatchObject({ announces: 1, peers: 2, replyBytes: 32 });
    expect(tally.report(1)).toMatchObject({ requests: 1, peersPerReply: 2, errors: {} });
    expect(tally.report(1).latencyUs.max).toBeGreaterThanOrEqual(3_000);
  });

  it('gives up what is not answered, and does not mistake a late answer', () => {
    const { state, out, tally } = connected();
    state.write(out, 'mix', 2);
    const late = replyTo(out, 1, 20);
    state.expire(101);
    expect(state.inFlight).toBe(1);
    state.expire(102);
    expect(state.inFlight).toBe(0);
    state.write(out, 'mix', 103);
    expect(transactionId(out) & 0xff).toBe(readInt32(late, 4) & 0xff);
    state.read(late, 20, 104);
    expect(state.inFlight).toBe(1);
    expect(tally.report(1).errors).toEqual({ timeout: 1, 'late reply': 1 });
    expect(tally.answered).toBe(0);
  });

  it('counts refusals by their text, and junk', () => {
    const { state, out, tally } = connected();
    state.write(out, 'mix', 2);
    const refusal = replyTo(out, 3, 8 + 4);
    refusal.set(Buffer.from('nope'), 8);
    state.read(refusal, 12, 3);
    state.read(new Uint8Array(7), 7, 3);
    state.read(new Uint8Array(64).fill(0xff), 64, 3);
    expect(tally.report(1).errors).toEqual({ 'failure: nope': 1, 'invalid reply': 2 });
    expect(state.inFlight).toBe(0);
  });

  it('renews its connection id after a minute, and nobody else answers for it', () => {
    const { state, out } = connected();
    expect(state.write(out, 'mix', 60_002)).toBe(16);
    expect(state.write(out, 'mix', 60_002)).toBe(98);
    state.read(replyTo(out, 0, 16), 16, 60_003);
    expect(state.write(out, 'mix', 60_003)).toBe(98);
  });

  it('fills in its peers and says when it is through', () => {
    const { state, out } = connected({ peers: 6 });
    const lengths: number[] = [];
    for (let i = 0; i < 3 * WINDOW; i++) {
      const length = state.write(out, 'fill', 2);
      lengths.push(length);
      if (length > 0) state.read(replyTo(out, 1, 20), 20, 3);
    }
    expect(lengths.filter((length) => length > 0)).toHaveLength(6);
    expect(state.filled).toBe(true);
    expect(state.write(out, 'drain', 4)).toBe(0);
    expect(state.write(out, 'mix', 4)).toBe(98);
  });
});

describe('replies', () => {
  it.each([
    [0, 16, UdpReply.connect],
    [0, 15, UdpReply.invalid],
    [1, 20, UdpReply.announce],
    [1, 19, UdpReply.invalid],
    [2, 8 + 24, UdpReply.scrape],
    [2, 8 + 25, UdpReply.invalid],
    [3, 8, UdpReply.error],
    [4, 20, UdpReply.invalid],
    [1, 7, UdpReply.invalid],
  ])('with action %d and %d bytes are told apart', (action, length, kind) => {
    const bytes = new Uint8Array(64);
    writeInt32(bytes, 0, action);
    expect(kindOfReply(bytes, length)).toBe(kind);
  });
});
