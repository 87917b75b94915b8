import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnnounceEvent } from '../protocol/announce.js';
import { Crowd } from './crowd.js';
import { infoHashText } from './torrent-names.js';
import { WebFrameWriter, WebOpcode } from './web-frame-writer.js';
import { WEB_FRAME_BYTES_MAX, WebFrameReader, WebUpgrade } from './web-frames.js';
import { WebMessage, WebMessageKind } from './web-message.js';
import { WebRequestWriter } from './web-request-writer.js';

const KEY = 0x5bd1e995;

/** Frames of a client, as a server reads them (RFC 6455, 5.2). */
function framesOf(bytes: Uint8Array): { opcode: number; payload: Buffer }[] {
  const frames: { opcode: number; payload: Buffer }[] = [];
  const view = Buffer.from(bytes);
  for (let at = 0; at < view.length; ) {
    expect(view[at] & 0xf0, 'final, nothing reserved').toBe(0x80);
    expect(view[at + 1] & 0x80, 'masked').toBe(0x80);
    const short = view[at + 1] & 0x7f;
    expect(short).toBeLessThan(127);
    const length = short === 126 ? view.readUInt16BE(at + 2) : short;
    if (short === 126) expect(length, 'no longer than needed').toBeGreaterThan(125);
    const mask = at + (short === 126 ? 4 : 2);
    const payload = Buffer.alloc(length);
    for (let i = 0; i < length; i++) payload[i] = view[mask + 4 + i] ^ view[mask + (i & 3)];
    frames.push({ opcode: view[at] & 15, payload });
    at = mask + 4 + length;
  }
  return frames;
}

const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex');

function crowdOf(scrapes: number): Crowd {
  return new Crowd({
    torrents: 40,
    peers: 100,
    zipf: 0,
    seeders: 0.5,
    scrapes,
    scrapeHashes: 3,
    churn: 0.3,
    seed: 3,
    sources: 1,
  });
}

describe('requests over WebSocket', () => {
  const crowd = crowdOf(0.2);
  const out = new WebFrameWriter(new Uint8Array(262_144), KEY);
  const writer = new WebRequestWriter({ seed: 3, offers: 3, scrapeHashes: 3 }, out);

  it('say what the crowd decided on, in JSON', () => {
    const kinds = new Set<string>();
    const ids = new Set<string>();
    for (let i = 0; i < 300; i++) {
      out.clear();
      crowd.next(0);
      const offers = writer.write(crowd, 7, false);
      const [{ opcode, payload }, ...more] = framesOf(out.written);
      expect(more).toEqual([]);
      expect(opcode).toBe(WebOpcode.text);
      expect(payload.length).toBeLessThanOrEqual(writer.bytesMax);
      const said = JSON.parse(payload.toString()) as Record<string, unknown>;
      if (crowd.isScrape) {
        kinds.add('scrape');
        expect(offers).toBe(0);
        expect(said.action).toBe('scrape');
        const wanted = [...crowd.scraped].map((torrent) => infoHashText(3, torrent));
        expect((said.info_hash as string[]).map(hex)).toEqual(wanted);
        continue;
      }
      const event = ['none', 'completed', 'started', 'stopped', 'paused'][crowd.event];
      kinds.add(event);
      const isStop = crowd.event === AnnounceEvent.stopped;
      expect(said).toMatchObject({
        action: 'announce',
        numwant: isStop ? 0 : 3,
        left: crowd.isSeeder ? 0 : 1_048_576,
        peer_id: '-TB0000-aaaaaaaaaaah',
      });
      expect(said.event).toBe(event === 'none' ? undefined : event);
      expect(hex(said.info_hash as string)).toBe(infoHashText(3, crowd.torrent));
      const made = said.offers as { offer: { type: string; sdp: string }; offer_id: string }[];
      expect(made).toHaveLength(isStop ? 0 : 3);
      expect(offers).toBe(made.length);
      for (const { offer, offer_id: id } of made) {
        expect(offer.type).toBe('offer');
        expect(offer.sdp).toMatch(/^v=0\r\n(.+\r\n){18}$/);
        expect(id).toHaveLength(20);
        ids.add(id);
      }
    }
    expect([...kinds].sort()).toEqual(['none', 'scrape', 'started', 'stopped']);
    expect(ids.size, 'offer ids are not used twice').toBeGreaterThan(300);
  });

  it('make no offers when a tracker is filled', () => {
    out.clear();
    expect(crowd.nextFill(0)).toBe(true);
    expect(writer.write(crowd, 7, true)).toBe(0);
    const [{ payload }] = framesOf(out.written);
    expect(JSON.parse(payload.toString())).toMatchObject({ offers: [], numwant: 0 });
  });

  it('answer an offer with the very ids that came with it', () => {
    const binary = fc.uint8Array({ minLength: 20, maxLength: 20 });
    const message = new WebMessage();
    fc.assert(
      fc.property(binary, binary, binary, fc.boolean(), (...[hash, peer, id, isAscii]) => {
        const [infoHash, peerId, offerId] = [hash, peer, id].map((raw) =>
          Buffer.from(raw).toString('latin1'),
        );
        const offer = { type: 'offer', sdp: 'a "quoted" \\ line\r\n}' };
        const told = { action: 'announce', offer, offer_id: offerId, peer_id: peerId };
        let json = JSON.stringify({ ...told, info_hash: infoHash });
        if (isAscii) json = json.replace(/[\x7f-\xff]/g, (c) => `\\u00${hex(c)}`);
        const bytes = Buffer.from(json);
        expect(message.read(bytes, 0, bytes.length)).toBe(WebMessageKind.offer);
        out.clear();
        writer.writeAnswer(message, bytes, 7);
        const [{ payload }] = framesOf(out.written);
        expect(JSON.parse(payload.toString())).toMatchObject({
          action: 'announce',
          info_hash: infoHash,
          peer_id: '-TB0000-aaaaaaaaaaah',
          to_peer_id: peerId,
          answer: { type: 'answer' },
          offer_id: offerId,
        });
      }),
    );
  });

  it('leave whole frames behind each other, short ones too', () => {
    const texts = [0, 1, 4, 125, 126, 127, 300, 65_535].map((length) => 'x'.repeat(length));
    const frames = new WebFrameWriter(new Uint8Array(70_000), KEY);
    for (const text of texts) {
      frames.begin(WebOpcode.text);
      frames.put(frames.mask(text));
      frames.end();
    }
    expect(framesOf(frames.written).map(({ payload }) => payload.toString())).toEqual(texts);
    expect(frames.hasRoom(70_000 - frames.length - 8)).toBe(true);
    expect(frames.hasRoom(70_000 - frames.length - 7)).toBe(false);
  });
});

describe('messages of a tracker', () => {
  const message = new WebMessage();
  const read = (text: string) => {
    const bytes = Buffer.from(`<${text}>`);
    return message.read(bytes, 1, bytes.length - 1);
  };

  it.each([
    ['reply', { complete: 1, incomplete: 2, action: 'announce', info_hash: 'x', interval: 120 }],
    ['scrape', { action: 'scrape', files: { x: { complete: 1 } }, flags: {} }],
    ['failure', { action: 'announce', 'failure reason': 'not here', info_hash: 'x' }],
    ['offer', { offer: { type: 'offer' }, offer_id: 'o', peer_id: 'p', info_hash: 'h' }],
    ['answer', { answer: { sdp: '' }, offer_id: 'o', peer_id: 'p', info_hash: 'h' }],
    ['invalid', { offer: { type: 'offer' }, offer_id: 'o', peer_id: 'p' }],
    ['invalid', { offer: {}, offer_id: 'o'.repeat(121), peer_id: 'p', info_hash: 'h' }],
    ['invalid', { offer: {}, offer_id: 7, peer_id: 'p', info_hash: 'h' }],
    ['invalid', {}],
  ] as const)('%s: %j', (kind, value) => {
    expect(read(JSON.stringify(value))).toBe(WebMessageKind[kind]);
    expect(read(JSON.stringify(value, null, 2))).toBe(WebMessageKind[kind]);
    // What is nested has no say.
    expect(read(JSON.stringify({ warning: value, more: [value] }))).toBe(WebMessageKind.invalid);
  });

  it('tells the reason of a failure, a short one', () => {
    read(JSON.stringify({ 'failure reason': 'x'.repeat(1_000) }));
    expect(message.failureText()).toBe('x'.repeat(80));
  });

  it('takes members in any order, beside others', () => {
    const other = fc.dictionary(
      fc.string().filter((name) => !/^(interval|answer|offer|files|failure reason)$/.test(name)),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(other, other, (before, after) => {
        const value = { ...before, interval: 1, ...after };
        expect(read(JSON.stringify(value))).toBe(WebMessageKind.reply);
      }),
    );
  });

  it('is nothing, whatever comes', () => {
    for (const text of [
      '',
      '{',
      '[]',
      '1',
      '{"interval":',
      '{"interval":1',
      '{"interval"}',
      '"{',
    ]) {
      expect(read(text), text).toBe(WebMessageKind.invalid);
    }
    const garbled = fc.array(fc.constantFrom(...'{}[]",:\\ x1', '"interval"', '"offer":{}'));
    fc.assert(fc.property(garbled, (parts) => read(parts.join('')) >= 0));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => message.read(bytes, 0, bytes.length) >= 0));
  });
});

describe('frames of a server', () => {
  const reader = new WebFrameReader();
  const frame = (first: number, length: number): Buffer => {
    if (length < 126) return Buffer.concat([Buffer.of(first, length), Buffer.alloc(length, 120)]);
    const head = Buffer.alloc(length < 65_536 ? 4 : 10);
    head[0] = first;
    head[1] = length < 65_536 ? 126 : 127;
    if (length < 65_536) head.writeUInt16BE(length, 2);
    else head.writeBigUInt64BE(BigInt(length), 2);
    return Buffer.concat([head, Buffer.alloc(length, 120)]);
  };

  it.each([0, 1, 125, 126, 65_535, 65_536, WEB_FRAME_BYTES_MAX - 10])('of %i bytes', (length) => {
    const bytes = Buffer.concat([Buffer.of(0), frame(0x81, length)]);
    expect(reader.read(bytes, 1, bytes.length)).toBe(true);
    expect([reader.opcode, reader.end - reader.start, reader.end]).toEqual([
      WebOpcode.text,
      length,
      bytes.length,
    ]);
    for (const end of [1, 2, 3, 5, 10, bytes.length - 1]) {
      if (end >= bytes.length) continue;
      expect(reader.read(bytes, 1, end)).toBe(false);
      expect(reader.problem).toBeUndefined();
    }
  });

  it.each([
    ['frame too long', frame(0x81, WEB_FRAME_BYTES_MAX - 9)],
    ['frame too long', Buffer.from('827fffffffffffffffff', 'hex')],
    ['masked frame', Buffer.from('818000000000', 'hex')],
    ['message in pieces', frame(0x01, 5)],
    ['message in pieces', frame(0x80, 5)],
  ])('%s', (problem, bytes) => {
    expect(reader.read(bytes, 0, bytes.length)).toBe(false);
    expect(reader.problem).toBe(problem);
  });
});

describe('the reply to an upgrade', () => {
  // The example of RFC 6455, 1.3.
  const upgrade = new WebUpgrade(
    new URL('ws://tracker:6969/announce?x=1'),
    'dGhlIHNhbXBsZSBub25jZQ==',
  );
  const accepted =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';
  const read = (text: string) => upgrade.read(Buffer.from(text), Buffer.byteLength(text));

  it('accepts, perhaps with frames behind', () => {
    expect(Buffer.from(upgrade.request).toString()).toMatch(
      /^GET \/announce\?x=1 HTTP\/1\.1\r\nHost: tracker:6969\r\n/,
    );
    expect(read(`${accepted}xyz`)).toBe(accepted.length);
    for (let length = 0; length < accepted.length; length++) {
      expect(read(accepted.slice(0, length))).toBe(0);
    }
  });

  it.each([
    ['status 404', 'HTTP/1.1 404 Not Found\r\n\r\n'],
    ['no WebSocket', accepted.replace('s3p', 'xxx')],
    ['no WebSocket', 'HTTP/1.1 101 Yes\r\n\r\n'],
    ['head too long', `HTTP/1.1 101 Yes\r\nX: ${'x'.repeat(9_000)}`],
  ])('%s', (problem, text) => {
    expect(read(text)).toBe(problem);
  });
});
