/** Answers announce and scrape over HTTP (BEP 3, 7, 23, 48): targets in, bencoded bodies out. */
import { HTTP_BATCH_MAX, type HttpBatchHandler } from '../frontend/handler.js';
import { Endpoint } from '../lib/endpoint.js';
import {
  AnnounceEvent,
  AnnounceReply,
  REPLY_PEERS_MAX,
  ScrapeEntry,
} from '../protocol/announce.js';
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
import { oneIfSix, TrackerCounter } from './counters.js';
import type { HttpWarmUp } from './http-warm-up.js';
import type { Tracker } from './tracker.js';

export interface HttpHandlerOptions {
  /** Info hashes that one scrape may ask for; more are not answered. */
  readonly scrapeHashesMax: number;
}

/** The status for a path that is neither announce nor scrape, negated as the interface has it. */
const NOT_FOUND = -404;

export interface HttpHandlerDependencies {
  readonly tracker: Tracker;
  readonly routes: HttpRoutes;
  readonly counts: Float64Array;
  /** For whoever prepares batches. */
  readonly warmUp?: HttpWarmUp;
}

/** A request of a batch, between `prepare` and `answer`. */
class Prepared {
  readonly request = new HttpAnnounceRequest();
  route: HttpRoute = HttpRoute.none;
  failure: Failure = Failure.none;
  target: Uint8Array = new Uint8Array(0);
  queryStart = 0;
  end = 0;
}

export class HttpTrackerHandler implements HttpBatchHandler {
  readonly #tracker: Tracker;
  readonly #routes: HttpRoutes;
  readonly #counts: Float64Array;
  readonly #warmUp: HttpWarmUp | undefined;
  readonly #request = new HttpAnnounceRequest();
  readonly #prepared = Array.from({ length: HTTP_BATCH_MAX }, () => new Prepared());
  /** Of the prepared ones, in the same order. */
  readonly #requests = this.#prepared.map(({ request }) => request);
  readonly #sources = this.#prepared.map(() => new Endpoint());
  readonly #reply = new AnnounceReply();
  readonly #entry = new ScrapeEntry();
  readonly #hashes: Uint8Array;

  constructor(options: HttpHandlerOptions, dependencies: HttpHandlerDependencies) {
    this.#warmUp = dependencies.warmUp;
    this.#tracker = dependencies.tracker;
    this.#routes = dependencies.routes;
    this.#counts = dependencies.counts;
    this.#hashes = new Uint8Array(20 * options.scrapeHashesMax);
  }

  get draining(): boolean {
    return this.#tracker.draining;
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
    const { queryStart } = this.#routes;
    if (route === HttpRoute.announce) {
      const failure = parseAnnounceQuery(target, queryStart, end, this.#request);
      return this.#announce(this.#request, failure, source, output);
    }
    if (route === HttpRoute.scrape) {
      return this.#scrape(target, queryStart, end, source, output);
    }
    return this.#notFound();
  }

  prepare(i: number, target: Uint8Array, start: number, end: number, source: Endpoint): void {
    const prepared = this.#prepared[i];
    prepared.route = this.#routes.match(target, start, end);
    prepared.target = target;
    prepared.queryStart = this.#routes.queryStart;
    prepared.end = end;
    this.#sources[i] = source;
    prepared.failure = Failure.none;
    if (prepared.route === HttpRoute.announce) {
      const { request, queryStart } = prepared;
      prepared.failure = parseAnnounceQuery(target, queryStart, end, request);
      if (prepared.failure === Failure.none) {
        this.#warmUp?.take(i, request);
        return;
      }
    }
    this.#warmUp?.skip(i);
  }

  warmUp(count: number): void {
    this.#warmUp?.run(count, this.#requests, this.#sources);
  }

  answer(i: number, output: Uint8Array): number {
    const { route, request, failure, target, queryStart, end } = this.#prepared[i];
    const source = this.#sources[i];
    if (route === HttpRoute.announce) return this.#announce(request, failure, source, output);
    if (route === HttpRoute.scrape) {
      return this.#scrape(target, queryStart, end, source, output);
    }
    return this.#notFound();
  }

  #notFound(): number {
    this.#counts[TrackerCounter.httpNotFound]++;
    return NOT_FOUND;
  }

  /** Answers an announce that was read, or could not be (`failure`). */
  #announce(
    request: HttpAnnounceRequest,
    failure: Failure,
    source: Endpoint,
    out: Uint8Array,
  ): number {
    this.#counts[TrackerCounter.httpAnnounces]++;
    this.#counts[TrackerCounter.httpAnnounces6] += oneIfSix(source.family);
    if (failure === Failure.none) {
      if (request.event === AnnounceEvent.stopped) this.#counts[TrackerCounter.httpStops]++;
      const { both } = WantFamily;
      failure = this.#tracker.announce(request, source, both, REPLY_PEERS_MAX, this.#reply);
    }
    if (failure !== Failure.none) return this.#refuse(out, failure);
    return encodeAnnounceReply(out, this.#reply, request, NO_WARNING);
  }

  #scrape(
    target: Uint8Array,
    queryStart: number,
    end: number,
    source: Endpoint,
    out: Uint8Array,
  ): number {
    this.#counts[TrackerCounter.httpScrapes]++;
    this.#counts[TrackerCounter.httpScrapes6] += oneIfSix(source.family);
    const count = parseScrapeQuery(target, queryStart, end, this.#hashes);
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
    if (failure === Failure.notAllowed) this.#counts[TrackerCounter.httpDenied]++;
    return encodeFailure(out, failure, this.#tracker.intervalSeconds);
  }
}
