/**
 * Who asks, and for what. Peers are numbered; peer p comes from source p mod sources and announces a
 * port after its number, so that address and port differ for up to 55,000 peers a source in each
 * torrent. Its torrent was dealt out at the start after Zipf's law.
 *
 * `next` decides on one request and leaves it in fields, for one engine after the other to write
 * down in its own protocol. Nothing is allocated after construction.
 */
import { Prng } from '../lib/prng.js';
import { AnnounceEvent } from '../protocol/announce.js';
import type { LoadOptions } from './load-options.js';
import { mix } from './torrent-names.js';
import { shuffledArrivals, zipfSizes } from './zipf.js';

/** Ports of five digits, which makes all requests of one kind equally long. */
const PORT_MIN = 10_000;
const PORTS = 55_000;

export type CrowdOptions = Pick<
  LoadOptions,
  'torrents' | 'peers' | 'zipf' | 'seeders' | 'scrapes' | 'scrapeHashes' | 'churn' | 'seed'
> & {
  /** Addresses that requests come from. */
  readonly sources: number;
};

/** The torrent of each peer. Takes a second for a few million. */
export function dealTorrents(
  options: Pick<LoadOptions, 'torrents' | 'peers' | 'zipf' | 'seed'>,
): Uint32Array {
  const { torrents, peers, zipf, seed } = options;
  return shuffledArrivals(zipfSizes(torrents, peers, zipf), peers, new Prng(seed));
}

export class Crowd {
  /** What `next` decided on. */
  isScrape = false;
  /** Of an announce: the torrent's number, and what the peer says. */
  torrent = 0;
  peer = 0;
  port = 0;
  isSeeder = false;
  event: AnnounceEvent = AnnounceEvent.none;
  /** Of a scrape: numbers of torrents. */
  readonly scraped: Uint32Array;
  readonly #options: CrowdOptions;
  readonly #random: Prng;
  readonly #torrentOf: Uint32Array;
  readonly #seederBound: number;
  /** By source: the next peer to fill in, and the one that left and comes back next (-1: none). */
  readonly #fillNext: Float64Array;
  readonly #leaver: Float64Array;

  /** `torrentOf` comes from `dealTorrents`; several crowds of the same options may share it. */
  constructor(options: CrowdOptions, torrentOf: Uint32Array = dealTorrents(options)) {
    this.#options = options;
    const { sources, seed } = options;
    this.#random = new Prng(seed + 1);
    this.#torrentOf = torrentOf;
    this.#seederBound = options.seeders * 4_294_967_296;
    this.#fillNext = Float64Array.from({ length: sources }, (_, source) => source);
    this.#leaver = new Float64Array(sources).fill(-1);
    this.scraped = new Uint32Array(options.scrapeHashes);
  }

  /** The next peer of `source` that was not announced yet; false when there is none. */
  nextFill(source: number): boolean {
    const peer = this.#fillNext[source];
    if (peer >= this.#options.peers) return false;
    this.#fillNext[source] = peer + this.#options.sources;
    this.#choosePeer(source, peer, AnnounceEvent.started);
    return true;
  }

  /** Whether `source` has peers that were not announced yet. */
  hasFill(source: number): boolean {
    return this.#fillNext[source] < this.#options.peers;
  }

  /** Decides on the next request from `source`. */
  next(source: number): void {
    const { scrapes, churn, torrents, peers, sources } = this.#options;
    const random = this.#random;
    if (scrapes > 0 && random.chance(scrapes)) {
      this.isScrape = true;
      for (let i = 0; i < this.scraped.length; i++) this.scraped[i] = random.below(torrents);
      return;
    }
    const leaver = this.#leaver[source];
    if (leaver >= 0) {
      this.#leaver[source] = -1;
      this.#choosePeer(source, leaver, AnnounceEvent.started);
      return;
    }
    const own = Math.floor((peers - 1 - source) / sources) + 1;
    const peer = random.below(own) * sources + source;
    // A stop is followed by a start: with this chance each makes up `churn` of the announces.
    const leaves = churn > 0 && random.chance(churn / (1 - churn));
    if (leaves) this.#leaver[source] = peer;
    this.#choosePeer(source, peer, leaves ? AnnounceEvent.stopped : AnnounceEvent.none);
  }

  #choosePeer(source: number, peer: number, event: AnnounceEvent): void {
    this.isScrape = false;
    this.peer = peer;
    this.torrent = this.#torrentOf[peer];
    this.port = PORT_MIN + (((peer - source) / this.#options.sources) % PORTS);
    this.isSeeder = mix(peer + 0x5eed) >>> 0 < this.#seederBound;
    this.event = event;
  }
}
