import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AnnounceReply, ScrapeEntry } from '../announce.js';
import { Failure } from '../failure.js';
import { readBinaryText } from './binary-text.js';
import { encodeWebAnnounce, encodeWebFailure, encodeWebScrape, encodeWebSession } from './reply.js';

const binary = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => readBinaryText(bytes, 0, 20));

it('names any 20 bytes in the reply to an announce', () => {
  const reply = new AnnounceReply();
  Object.assign(reply, { intervalSeconds: 120, seeders: 3, leechers: 4 });
  fc.assert(
    fc.property(binary, (infoHash) => {
      expect(JSON.parse(encodeWebAnnounce(infoHash, reply))).toEqual({
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
      const message = encodeWebSession('offer', { infoHash, peerId, offerId, text });
      expect(JSON.parse(message)).toEqual({
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
  const read = (i: number) => Object.assign(entry, { seeders: i, leechers: i + 1, downloads: 9 });
  expect(JSON.parse(encodeWebScrape(['a', '"'], read, 60))).toEqual({
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
  expect(JSON.parse(encodeWebFailure(refused))).toEqual({
    'failure reason': 'peer_id must be 20 bytes',
    action: 'announce',
    info_hash: 'x',
  });
  const bare = { ...refused, action: undefined, infoHash: undefined };
  expect(JSON.parse(encodeWebFailure(bare))).toEqual({
    'failure reason': 'peer_id must be 20 bytes',
  });
});
