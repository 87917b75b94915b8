/** Answers announce and scrape over HTTP (BEP 3, 7, 23, 48): targets in, bencoded bodies out. */
import type { HttpHandler } from '../frontend/handler.js';
import type { Endpoint } from '../lib/endpoint.js';
import { AnnounceReply, REPLY_PEERS_MAX, ScrapeEntry } from '../protocol/announce.js';
import { Failure } from '../protocol/failure.js';
import { HttpAnnounceRequest, parseAnnounceQuery } from '../protocol/http/announce-query.js';
import { encodeAnnounceReply, encodeFailure, NO_WARNING } from '../protocol/http/announce-reply.js';
import { HttpRoute, type HttpRoutes } from '../protocol/http/route.js';
import { parseScrapeQuery } from '../protocol/http/scrape-query.js';
import {
  encodeScrapeEnd,
  encodeScrapeEntry,
  encodeScrapeStart,
} from '../protocol/http/scrape-reply.js';
import { WantFamily } from '../swarm/query.js';
import { TrackerCounter } from './counters.js';
import type { Tracker } from './tracker.js';

export interface HttpHandlerOptions {
  /** Info hashes that one scrape may ask for; more are not answered. */
  readonly scrapeHashesMax: number;
}

/** The status for a path that is neither announce nor scrape, negated as the interface has it. */
const NOT_FOUND = -404;

export class HttpTrackerHandler implements HttpHandler {
  readonly #tracker: Tracker;
  readonly #routes: HttpRoutes;
  readonly #counts: Float64Array;
  readonly #request = new HttpAnnounceRequest();
  readonly #reply = new AnnounceReply();
  readonly #entry = new ScrapeEntry();
  readonly #hashes: Uint8Array;

  constructor(
    options: HttpHandlerOptions,
    dependencies: { tracker: Tracker; routes: HttpRoutes; counts: Float64Array },
  ) {
    this.#tracker = dependencies.tracker;
    this.#routes = dependencies.routes;
    this.#counts = dependencies.counts;
    this.#hashes = new Uint8Array(20 * options.scrapeHashesMax);
  }

  beginBatch(): void {
    this.#tracker.beginBatch();
  }

  handle(
    target: Uint8Array,
    start: number,
    end: number,
    source: Endpoint,
    output: Uint8Array,
  ): number {
    const route = this.#routes.match(target, start, end);
    if (route === HttpRoute.announce) return this.#announce(target, end, source, output);
    if (route === HttpRoute.scrape) return this.#scrape(target, end, output);
    this.#counts[TrackerCounter.httpNotFound]++;
    return NOT_FOUND;
  }

  #announce(target: Uint8Array, end: number, source: Endpoint, out: Uint8Array): number {
    this.#counts[TrackerCounter.httpAnnounces]++;
    const request = this.#request;
    let failure = parseAnnounceQuery(target, this.#routes.queryStart, end, request);
    if (failure === Failure.none) {
      failure = this.#tracker.announce(
        request,
        source,
        WantFamily.both,
        REPLY_PEERS_MAX,
        this.#reply,
      );
    }
    if (failure !== Failure.none) return this.#refuse(out, failure);
    return encodeAnnounceReply(out, this.#reply, request, NO_WARNING);
  }

  #scrape(target: Uint8Array, end: number, out: Uint8Array): number {
    this.#counts[TrackerCounter.httpScrapes]++;
    const count = parseScrapeQuery(target, this.#routes.queryStart, end, this.#hashes);
    if (count < 0) return this.#refuse(out, -count as Failure);
    let at = encodeScrapeStart(out);
    this.#tracker.scrape(this.#hashes, 0, count);
    for (let i = 0; i < count; i++) {
      this.#tracker.scraped(i, this.#entry);
      at = encodeScrapeEntry(out, at, this.#hashes, 20 * i, this.#entry);
    }
    return encodeScrapeEnd(out, at, 0);
  }

  #refuse(out: Uint8Array, failure: Failure): number {
    this.#counts[TrackerCounter.httpFailures]++;
    return encodeFailure(out, failure, this.#tracker.intervalSeconds);
  }
}
