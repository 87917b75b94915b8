/**
 * What a tracker decides: which peer an announce is about, what it may see, when it should come
 * again. No sockets, no bytes on the wire. An announce passes frontend -> protocol -> here -> swarm.
 */
import type { CidrSet } from '../lib/cidr-set.js';
import type { Clock } from '../lib/clock.js';
import type { Endpoint } from '../lib/endpoint.js';
import { Prng } from '../lib/prng.js';
import {
  AnnounceEvent,
  type AnnounceReply,
  type AnnounceRequest,
  type ScrapeEntry,
} from '../protocol/announce.js';
import { Failure } from '../protocol/failure.js';
import { Outcome, PeerFamily, PeerQuery, WantFamily } from '../swarm/query.js';
import { ScrapeBatch } from '../swarm/scrape-batch.js';
import type { SwarmStore } from '../swarm/swarm-store.js';
import { createLiveSettings, LiveSettings } from './live-settings.js';

/** Most info hashes in one scrape: at about 130 bytes each over HTTP, these fit a body of 64 KiB. */
export const SCRAPE_HASHES_MAX = 400;

/** What holds while the live settings say nothing else. */
export interface TrackerOptions {
  /** Seconds between two announces of a peer. */
  readonly intervalSeconds: number;
  readonly minIntervalSeconds: number;
  /** Share of the interval, 0 to 1, by which it is shortened at random: clients must not march in step. */
  readonly intervalJitter: number;
  readonly numwantDefault: number;
  readonly numwantMax: number;
}

export interface TrackerDependencies {
  readonly store: SwarmStore;
  readonly clock: Clock;
  /** Sources whose claim of another address (`ip=`) is believed. */
  readonly trustedIpSources: CidrSet;
  readonly seed: number;
  /** What may change while it runs; without it all stays as the options say. */
  readonly live?: LiveSettings;
}

export class Tracker {
  /** Wall time of this batch, in ms. */
  wallMs = 0;
  readonly #options: TrackerOptions;
  readonly #live: LiveSettings;
  readonly #store: SwarmStore;
  readonly #clock: Clock;
  readonly #trustedIpSources: CidrSet;
  readonly #random: Prng;
  readonly #query = new PeerQuery();
  readonly #scrapes: ScrapeBatch;

  constructor(options: TrackerOptions, dependencies: TrackerDependencies) {
    this.#options = options;
    this.#live = dependencies.live ?? new LiveSettings(createLiveSettings(), options);
    this.#store = dependencies.store;
    this.#scrapes = new ScrapeBatch(dependencies.store, SCRAPE_HASHES_MAX);
    this.#clock = dependencies.clock;
    this.#trustedIpSources = dependencies.trustedIpSources;
    this.#random = new Prng(dependencies.seed);
  }

  /** Reads the clock and the live settings for everything until the next call. */
  beginBatch(): void {
    this.#live.refresh();
    this.wallMs = this.#clock.wallMs();
    this.#store.setTime(this.#clock.monotonicSeconds(), this.wallMs);
  }

  /**
   * Handles an announce from `source` and fills `reply`: peers of the `families` (WantFamily) up to
   * `numwantMax` of them, or fewer by configuration. Returns why it is refused, or Failure.none.
   */
  announce(
    request: AnnounceRequest,
    source: Endpoint,
    families: number,
    numwantMax: number,
    reply: AnnounceReply,
  ): Failure {
    const stopped = request.event === AnnounceEvent.stopped;
    if (request.port === 0 && !stopped) return Failure.portInvalid;
    const wanted = request.numwant < 0 ? this.#options.numwantDefault : request.numwant;
    this.#setRequest(request, families, Math.min(wanted, this.#live.numwantMax, numwantMax));
    this.#setPeer(request, source);
    if (this.#store.announce(this.#query, reply) === Outcome.denied) return Failure.notAllowed;
    reply.external = source;
    reply.intervalSeconds = this.#interval(this.#live.intervalSeconds);
    reply.minIntervalSeconds = Math.min(this.#live.minIntervalSeconds, reply.intervalSeconds);
    return Failure.none;
  }

  /**
   * The same for a web peer, whose wire is `wire` (swarm/web-wire.ts): `reply` gets up to
   * `request.numwant` others of its kind. The interval is at most `intervalSecondsMax`, stretched as
   * everybody's is.
   */
  announceWeb(
    request: AnnounceRequest,
    wire: Uint8Array,
    intervalSecondsMax: number,
    reply: AnnounceReply,
  ): Failure {
    this.#setRequest(request, WantFamily.web, Math.min(request.numwant, this.#live.numwantMax));
    this.#query.family = PeerFamily.web;
    this.#query.wireBytes.set(wire);
    if (this.#store.announce(this.#query, reply) === Outcome.denied) return Failure.notAllowed;
    reply.intervalSeconds = this.webIntervalSeconds(intervalSecondsMax);
    return Failure.none;
  }

  /** Seconds after which a web peer is to come again. */
  webIntervalSeconds(intervalSecondsMax: number): number {
    const { intervalSeconds, stretch } = this.#live;
    const most = Math.round(intervalSecondsMax * stretch);
    return this.#interval(Math.min(intervalSeconds, most));
  }

  /**
   * Looks up `count` info hashes that stand one behind the other from `at` on, at most
   * SCRAPE_HASHES_MAX; `scraped` then gives their counts.
   */
  scrape(hashes: Uint8Array, at: number, count: number): void {
    this.#scrapes.look(hashes, at, count);
  }

  /** Fills `entry` with the counts of info hash number `i` of the last scrape. */
  scraped(i: number, entry: ScrapeEntry): void {
    this.#scrapes.read(i, entry);
  }

  /** Clients are served as ever, and are to move on. */
  get draining(): boolean {
    return this.#live.draining;
  }

  /** Seconds after which a client that was refused may ask again. */
  get intervalSeconds(): number {
    return this.#live.intervalSeconds;
  }

  #setRequest(request: AnnounceRequest, families: number, numwant: number): void {
    const query = this.#query;
    query.setInfoHash(request.infoHash, 0);
    query.stopped = request.event === AnnounceEvent.stopped;
    query.seeder = request.leftIsZero;
    query.partialSeed = request.event === AnnounceEvent.paused;
    query.completed = request.event === AnnounceEvent.completed;
    query.started = request.event === AnnounceEvent.started;
    query.families = families;
    query.numwant = numwant;
  }

  /** Whose announce it is: the source's, or the address that a trusted source claims. */
  #setPeer(request: AnnounceRequest, source: Endpoint): void {
    const { claimed4, claimed6 } = request;
    const claims = claimed4.family !== 0 || claimed6.family !== 0;
    if (!claims || !this.#trustedIpSources.has(source)) {
      this.#fillPeer(source, request.port);
      return;
    }
    // Both claimed: the one of the source's family, so that either way in gives the same peer.
    const first = source.family === 6 && claimed6.family !== 0 ? claimed6 : claimed4;
    this.#fillPeer(first.family !== 0 ? first : claimed6, request.port);
  }

  #fillPeer(address: Endpoint, port: number): void {
    const query = this.#query;
    const length = address.family === 4 ? 4 : 16;
    query.family = address.family === 4 ? 4 : 6;
    for (let i = 0; i < length; i++) query.wireBytes[i] = address.bytes[i];
    query.wireBytes[length] = port >>> 8;
    query.wireBytes[length + 1] = port;
  }

  /** At most `intervalSeconds`: a part of it is left out at random. */
  #interval(intervalSeconds: number): number {
    const spread = Math.floor(intervalSeconds * this.#options.intervalJitter);
    return spread === 0 ? intervalSeconds : intervalSeconds - this.#random.below(spread + 1);
  }
}
