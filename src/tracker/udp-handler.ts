/**
 * Answers datagrams (BEP 15). Only `connect` is answered to an address that has not proven itself,
 * and with no more bytes than it sent; everything else needs a connection id, or silence follows.
 */
import {
  DATAGRAM_BYTES_MAX,
  type DatagramBuffer,
  type DatagramHandler,
} from '../frontend/handler.js';
import {
  PACKET_IGNORED,
  type PacketBatch,
  type PacketBatchHandler,
} from '../frontend/packet-batch.js';
import type { Endpoint } from '../lib/endpoint.js';
import { AnnounceEvent, AnnounceReply, ScrapeEntry } from '../protocol/announce.js';
import { Failure } from '../protocol/failure.js';
import {
  ANNOUNCE_REPLY_HEADER_BYTES,
  encodeAnnounceHeader,
  encodeConnectReply,
  encodeError,
  encodeScrapeEntry,
  encodeScrapeHeader,
} from '../protocol/udp/reply.js';
import {
  connectionIdHi,
  connectionIdLo,
  decodeAnnounce,
  decodeUdpRequest,
  scrapeHashCount,
  scrapeHashOffset,
  transactionId,
  UdpAction,
  UdpAnnounceRequest,
} from '../protocol/udp/request.js';
import { WantFamily } from '../swarm/query.js';
import type { ConnectionIds } from './connection-id.js';
import { oneIfSix, TrackerCounter } from './counters.js';
import type { Tracker } from './tracker.js';
import type { UdpWarmUp } from './udp-warm-up.js';

/** Peers that fit a reply of DATAGRAM_BYTES_MAX. */
export const UDP_PEERS4_MAX = Math.floor((DATAGRAM_BYTES_MAX - ANNOUNCE_REPLY_HEADER_BYTES) / 6);
export const UDP_PEERS6_MAX = Math.floor((DATAGRAM_BYTES_MAX - ANNOUNCE_REPLY_HEADER_BYTES) / 18);

export class UdpHandler implements DatagramHandler, PacketBatchHandler {
  readonly #tracker: Tracker;
  readonly #ids: ConnectionIds;
  readonly #counts: Float64Array;
  readonly #request = new UdpAnnounceRequest();
  readonly #reply = new AnnounceReply();
  readonly #entry = new ScrapeEntry();
  readonly #warmUp: UdpWarmUp;

  constructor(
    tracker: Tracker,
    { ids, counts, warmUp }: { ids: ConnectionIds; counts: Float64Array; warmUp: UdpWarmUp },
  ) {
    this.#tracker = tracker;
    this.#ids = ids;
    this.#counts = counts;
    this.#warmUp = warmUp;
    // The store writes peers where the packet wants them.
    this.#reply.peers4Offset = ANNOUNCE_REPLY_HEADER_BYTES / 2;
    this.#reply.peers6Offset = ANNOUNCE_REPLY_HEADER_BYTES / 2;
  }

  beginBatch(): void {
    this.#tracker.beginBatch();
    this.#ids.setTime(this.#tracker.wallMs);
  }

  handleBatch(batch: PacketBatch): void {
    this.beginBatch();
    this.#warmUp.run(batch);
    for (let i = 0; i < batch.count; i++) {
      const length = batch.lengths[i];
      batch.replyLengths[i] =
        length === PACKET_IGNORED
          ? 0
          : this.handle(batch.packets[i], length, batch.sources[i], batch.replies[i]);
    }
  }

  handle(input: Uint8Array, length: number, source: Endpoint, output: DatagramBuffer): number {
    const action = decodeUdpRequest(input, length);
    const transaction = transactionId(input);
    if (action === UdpAction.drop) {
      this.#counts[TrackerCounter.udpJunk]++;
      return 0;
    }
    if (action === UdpAction.connect) {
      this.#counts[TrackerCounter.udpConnects]++;
      this.#counts[TrackerCounter.udpConnects6] += oneIfSix(source.family);
      this.#ids.issue(source);
      return encodeConnectReply(output.bytes, transaction, this.#ids.hi, this.#ids.lo);
    }
    if (!this.#ids.verify(source, connectionIdHi(input), connectionIdLo(input))) {
      this.#counts[TrackerCounter.udpBadConnectionIds]++;
      return 0;
    }
    if (action === UdpAction.announce) {
      return this.#announce(input, length, transaction, source, output);
    }
    if (action === UdpAction.scrape) {
      return this.#scrape(input, length, transaction, source, output.bytes);
    }
    return this.#refuse(output.bytes, transaction, Failure.unknownAction);
  }

  #announce(
    input: Uint8Array,
    length: number,
    transaction: number,
    source: Endpoint,
    output: DatagramBuffer,
  ): number {
    if (!decodeAnnounce(input, length, this.#request)) {
      this.#counts[TrackerCounter.udpJunk]++;
      return 0;
    }
    this.#counts[TrackerCounter.udpAnnounces]++;
    this.#counts[TrackerCounter.udpAnnounces6] += oneIfSix(source.family);
    if (this.#request.event === AnnounceEvent.stopped) this.#counts[TrackerCounter.udpStops]++;
    const reply = this.#reply;
    reply.peers4 = output.words;
    reply.peers6 = output.words;
    const ipv4 = source.family === 4;
    const families = ipv4 ? WantFamily.ipv4 : WantFamily.ipv6;
    const peersMax = ipv4 ? UDP_PEERS4_MAX : UDP_PEERS6_MAX;
    const failure = this.#tracker.announce(this.#request, source, families, peersMax, reply);
    if (failure !== Failure.none) return this.#refuse(output.bytes, transaction, failure);
    const head = encodeAnnounceHeader(
      output.bytes,
      transaction,
      reply.intervalSeconds,
      reply.leechers,
      reply.seeders,
    );
    return head + (ipv4 ? 6 * reply.count4 : 18 * reply.count6);
  }

  #scrape(
    input: Uint8Array,
    length: number,
    transaction: number,
    source: Endpoint,
    out: Uint8Array,
  ): number {
    const count = scrapeHashCount(length);
    if (count === 0) {
      this.#counts[TrackerCounter.udpJunk]++;
      return 0;
    }
    this.#counts[TrackerCounter.udpScrapes]++;
    this.#counts[TrackerCounter.udpScrapes6] += oneIfSix(source.family);
    let at = encodeScrapeHeader(out, transaction);
    this.#tracker.scrape(input, scrapeHashOffset(0), count);
    for (let i = 0; i < count; i++) {
      this.#tracker.scraped(i, this.#entry);
      at = encodeScrapeEntry(out, i, this.#entry);
    }
    return at;
  }

  #refuse(out: Uint8Array, transaction: number, failure: Failure): number {
    this.#counts[TrackerCounter.udpErrors]++;
    if (failure === Failure.notAllowed) this.#counts[TrackerCounter.udpDenied]++;
    return encodeError(out, transaction, failure);
  }
}
