import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AnnounceReply, ScrapeEntry } from '../announce.js';
import { Failure } from '../failure.js';
import { readBinaryText } from './binary-text.js';
import { WebReply } from './reply.js';
import { SESSION_BYTES_MAX } from './session-text.js';

const said = new WebReply();
const read = () => JSON.parse(String(said));

const binary = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => readBinaryText(bytes, 0, 20));

it('names any 20 bytes in the reply to an announce', () => {
  const reply = new AnnounceReply();
  Object.assign(reply, { intervalSeconds: 120, seeders: 3, leechers: 4 });
  fc.assert(
    fc.property(binary, (infoHash) => {
      said.announce(infoHash, reply);
      expect(read()).toEqual({
        action: 'announce',
        interval: 120,
        info_hash: infoHash,
        complete: 3,
        incomplete: 4,
      });
    }),
  );
});

it('puts a description in as it is', () => {
  fc.assert(
    fc.property(binary, binary, binary, fc.string(), (infoHash, peerId, offerId, sdp) => {
      const text = JSON.stringify({ type: 'offer', sdp });
      said.session('offer', { infoHash, peerId, offerId, text });
      expect(read()).toEqual({
        action: 'announce',
        offer: { type: 'offer', sdp },
        offer_id: offerId,
        peer_id: peerId,
        info_hash: infoHash,
      });
    }),
  );
});

it('gives the counts of each hash of a scrape', () => {
  const entry = new ScrapeEntry();
  const counts = (i: number) => Object.assign(entry, { seeders: i, leechers: i + 1, downloads: 9 });
  said.scrape(['a', '"'], counts, 60);
  expect(read()).toEqual({
    action: 'scrape',
    files: {
      a: { complete: 0, incomplete: 1, downloaded: 9 },
      '"': { complete: 1, incomplete: 2, downloaded: 9 },
    },
    flags: { min_request_interval: 60 },
  });
});

it('says why, and of what as far as that is known', () => {
  const failure = Failure.peerIdInvalid;
  const refused = { kind: 'refused', failure, action: 'announce', infoHash: 'x' } as const;
  said.failure(refused);
  expect(read()).toEqual({
    'failure reason': 'peer_id must be 20 bytes',
    action: 'announce',
    info_hash: 'x',
  });
  const bare = { ...refused, action: undefined, infoHash: undefined };
  said.failure(bare);
  expect(read()).toEqual({
    'failure reason': 'peer_id must be 20 bytes',
  });
});

it('has room for the longest of all', () => {
  const escaped = '\u0001'.repeat(20);
  const text = `{"sdp":"${'x'.repeat(SESSION_BYTES_MAX - 10)}"}`;
  said.session('answer', { infoHash: escaped, peerId: escaped, offerId: escaped, text });
  expect(read().answer).toEqual(JSON.parse(text));
  const hashes = Array.from({ length: 2_000 }, (_, i) => `${i}`.padEnd(20, '\u00ff'));
  const entry = new ScrapeEntry();
  said.scrape(hashes, () => entry, 60);
  expect(Object.keys(read().files)).toHaveLength(2_000);
  const reply = new AnnounceReply();
  Object.assign(reply, { intervalSeconds: 0, seeders: 4_294_967_295, leechers: 10 });
  said.announce(escaped, reply);
  expect(read()).toMatchObject({ interval: 0, complete: 4_294_967_295, incomplete: 10 });
});
