/**
 * What WebTorrent clients say, as `bittorrent-tracker` 11 puts it into JSON: the same members in the
 * same order, hashes and offer ids of 20 random bytes, descriptions as long as a browser's.
 *
 * ```
 * {"numwant":5,"uploaded":0,"downloaded":0,"left":1048576,"event":"started","action":"announce",
 *  "info_hash":"...","peer_id":"...","offers":[{"offer":{"type":"offer","sdp":"..."},"offer_id":"..."}]}
 * {"action":"announce","info_hash":"...","peer_id":"...","to_peer_id":"...",
 *  "answer":{"type":"answer","sdp":"..."},"offer_id":"..."}
 * {"action":"scrape","info_hash":["..."]}
 * ```
 */
import { Prng } from '../lib/prng.js';
import { AnnounceEvent } from '../protocol/announce.js';
import type { Crowd } from './crowd.js';
import { writeInfoHash } from './torrent-names.js';
import { writePeerId } from './udp-wire.js';
import { type MaskedText, type WebFrameWriter, WebOpcode } from './web-frame-writer.js';
import { WEB_ID_BYTES_MAX, type WebMessage } from './web-message.js';

/** What a browser with two addresses offers for a data channel: about 1 KB. */
const SDP = [
  'v=0',
  'o=- 4611731400430051336 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0',
  'a=extmap-allow-mixed',
  'a=msid-semantic: WMS',
  'm=application 53165 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 198.51.100.23',
  'a=candidate:3098175849 1 udp 2113937151 192.168.1.23 53165 typ host generation 0 network-cost 999',
  'a=candidate:1510613869 1 udp 2113939711 2001:db8:5a1e:77::23 53166 typ host generation 0 network-cost 999',
  'a=candidate:842163049 1 udp 1677729535 198.51.100.23 53165 typ srflx raddr 192.168.1.23 rport 53165 generation 0 network-cost 999',
  'a=ice-ufrag:h3Kd',
  'a=ice-pwd:aq2c6Xm6U5M9vZ2PjMZGwAhW',
  'a=fingerprint:sha-256 5A:6F:0D:81:9C:3B:77:E2:41:D8:96:0C:AF:53:12:BE:08:64:F1:7D:29:C5:3E:90:BB:47:1A:D2:8F:36:E9:55',
  'a=setup:actpass',
  'a=mid:0',
  'a=sctp-port:5000',
  'a=max-message-size:262144',
  '',
].join('\r\n');

const EVENT_TEXTS = [
  '',
  '"event":"completed",',
  '"event":"started",',
  '"event":"stopped",',
  '"event":"paused",',
];
/** Payload of a request without its offers, and what each offer adds, at most. */
const REQUEST_BYTES_MAX = 512;
const OFFER_BYTES_MAX = 1_536;
export const WEB_ANSWER_BYTES_MAX = REQUEST_BYTES_MAX + OFFER_BYTES_MAX + 3 * WEB_ID_BYTES_MAX;

export interface WebRequestOptions {
  readonly seed: number;
  /** Offers in each announce. */
  readonly offers: number;
  readonly scrapeHashes: number;
}

export class WebRequestWriter {
  /** Longest payload of an announce or a scrape. */
  readonly bytesMax: number;
  readonly #options: WebRequestOptions;
  readonly #out: WebFrameWriter;
  readonly #random: Prng;
  readonly #raw = new Uint8Array(20);
  /** By event, and by whether the peer seeds. */
  readonly #starts: readonly MaskedText[];
  readonly #quietStarts: readonly MaskedText[];
  readonly #peerId: MaskedText;
  readonly #offers: MaskedText;
  readonly #noOffers: MaskedText;
  readonly #offer: MaskedText;
  readonly #nextOffer: MaskedText;
  readonly #offersEnd: MaskedText;
  readonly #answerStart: MaskedText;
  readonly #toPeerId: MaskedText;
  readonly #answer: MaskedText;
  readonly #scrapeStart: MaskedText;
  readonly #scrapeNext: MaskedText;
  readonly #scrapeEnd: MaskedText;
  readonly #end: MaskedText;

  constructor(options: WebRequestOptions, out: WebFrameWriter) {
    this.#options = options;
    this.#out = out;
    this.bytesMax =
      REQUEST_BYTES_MAX +
      Math.max(options.offers * OFFER_BYTES_MAX, options.scrapeHashes * (WEB_ID_BYTES_MAX + 3));
    this.#random = new Prng(options.seed + 2);
    const mask = (text: string) => out.mask(text);
    const starts = (numwant: number) =>
      EVENT_TEXTS.flatMap((event) =>
        [1 << 20, 0].map((left) =>
          mask(
            `{"numwant":${numwant},"uploaded":0,"downloaded":0,"left":${left},${event}"action":"announce","info_hash":"`,
          ),
        ),
      );
    this.#starts = starts(options.offers);
    this.#quietStarts = starts(0);
    this.#peerId = mask('","peer_id":"');
    const offer = `{"offer":{"type":"offer","sdp":${JSON.stringify(SDP)}},"offer_id":"`;
    this.#offers = mask('","offers":[');
    this.#noOffers = mask('","offers":[]}');
    this.#offer = mask(offer);
    this.#nextOffer = mask(`"},${offer}`);
    this.#offersEnd = mask('"}]}');
    this.#answerStart = mask('{"action":"announce","info_hash":"');
    this.#toPeerId = mask('","to_peer_id":"');
    this.#answer = mask(
      `","answer":{"type":"answer","sdp":${JSON.stringify(SDP.replace('actpass', 'active'))}},"offer_id":"`,
    );
    this.#scrapeStart = mask('{"action":"scrape","info_hash":["');
    this.#scrapeNext = mask('","');
    this.#scrapeEnd = mask('"]}');
    this.#end = mask('"}');
  }

  /**
   * Writes what `crowd` decided on, for the peer id of connection number `connection`, where there
   * is room for `bytesMax`. Returns how many offers it makes: none when `isQuiet`.
   */
  write(crowd: Crowd, connection: number, isQuiet: boolean): number {
    const out = this.#out;
    if (crowd.isScrape) return this.#writeScrape(crowd);
    const { event } = crowd;
    const hasOffers =
      !isQuiet && event !== AnnounceEvent.stopped && event !== AnnounceEvent.completed;
    const offers = hasOffers ? this.#options.offers : 0;
    out.begin(WebOpcode.text);
    out.put((offers > 0 ? this.#starts : this.#quietStarts)[2 * event + (crowd.isSeeder ? 1 : 0)]);
    writeInfoHash(this.#options.seed, crowd.torrent, this.#raw, 0);
    out.putBinaryText(this.#raw);
    out.put(this.#peerId);
    this.#putPeerId(connection);
    if (offers === 0) out.put(this.#noOffers);
    else {
      out.put(this.#offers);
      for (let i = 0; i < offers; i++) {
        out.put(i === 0 ? this.#offer : this.#nextOffer);
        this.#random.fill(this.#raw);
        out.putBinaryText(this.#raw);
      }
      out.put(this.#offersEnd);
    }
    out.end();
    return offers;
  }

  /** Answers the offer in `message`, which lies in `bytes`, where there is room for it. */
  writeAnswer(message: WebMessage, bytes: Uint8Array, connection: number): void {
    const out = this.#out;
    out.begin(WebOpcode.text);
    const { infoHash, peerId, offerId } = message;
    out.put(this.#answerStart);
    out.putBytes(bytes, infoHash.start, infoHash.end);
    out.put(this.#peerId);
    this.#putPeerId(connection);
    out.put(this.#toPeerId);
    out.putBytes(bytes, peerId.start, peerId.end);
    out.put(this.#answer);
    out.putBytes(bytes, offerId.start, offerId.end);
    out.put(this.#end);
    out.end();
  }

  #writeScrape({ scraped }: Crowd): number {
    const out = this.#out;
    out.begin(WebOpcode.text);
    for (let i = 0; i < scraped.length; i++) {
      out.put(i === 0 ? this.#scrapeStart : this.#scrapeNext);
      writeInfoHash(this.#options.seed, scraped[i], this.#raw, 0);
      out.putBinaryText(this.#raw);
    }
    out.put(this.#scrapeEnd);
    out.end();
    return 0;
  }

  #putPeerId(connection: number): void {
    writePeerId(connection, this.#raw, 0);
    this.#out.putBytes(this.#raw, 0, 20);
  }
}
