/** A web handler over a small store, and pages that speak with it. */
import { CidrSet } from '../lib/cidr-set.js';
import { ManualClock } from '../lib/clock.js';
import { NO_NODE } from '../protocol/cluster/node-id.js';
import type { Signal } from '../protocol/cluster/signal.js';
import { reserveStore } from '../swarm/layout.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { webConnection } from '../swarm/web-wire.js';
import { TRACKER_COUNTER_BYTES, TrackerCounter, type TrackerCounterName } from './counters.js';
import { Tracker } from './tracker.js';
import { WebHandler, type WebHandlerOptions } from './web-handler.js';

export type Message = Record<string, unknown>;

export const HASH = 'h'.repeat(20);
export const EPOCH = 1_700_000_000;

/** A connection that remembers what it was told. */
export class Page {
  readonly inbox: Message[] = [];
  readonly peerId: string;

  constructor(
    private readonly rig: Rig,
    letter: string,
  ) {
    this.peerId = letter.repeat(20);
  }

  isBehind = false;

  send(bytes: Buffer, length: number): void {
    this.inbox.push(JSON.parse(bytes.toString('utf8', 0, length)));
  }

  /** Says something, and returns what was told to this page since the last time. */
  say(message: Message): Message[] {
    this.rig.handler.beginBatch();
    this.rig.handler.heard(this, Buffer.from(JSON.stringify(message)));
    return this.inbox.splice(0);
  }

  announce(more: Message = {}): Message[] {
    const base = { action: 'announce', info_hash: HASH, peer_id: this.peerId, left: 1 };
    return this.say({ ...base, ...more });
  }

  answer(offer: Message, more: Message = {}): Message[] {
    return this.announce({
      to_peer_id: offer.peer_id,
      offer_id: offer.offer_id,
      answer: { sdp: 'answer' },
      ...more,
    });
  }
}

export class Rig {
  readonly clock = new ManualClock();
  readonly counts = new Float64Array(TRACKER_COUNTER_BYTES / 8);
  readonly handler: WebHandler;
  readonly store: SwarmStore;
  /** What left for elsewhere. */
  readonly routed: Signal[] = [];
  /** What is to be done in a later turn. */
  readonly waiting: (() => void)[] = [];
  /** Signals reach their peers here at once. */
  isRouting = true;

  constructor(options: Partial<WebHandlerOptions> = {}) {
    const memory = reserveStore({ peersMax: 10_000, swarmsMax: 4_000, shards: 4 });
    this.store = new SwarmStore(memory, { thread: 1, seed: 1 });
    const { clock, counts, store } = this;
    const tracker = new Tracker(
      {
        intervalSeconds: 1_800,
        minIntervalSeconds: 900,
        intervalJitter: 0,
        numwantDefault: 50,
        numwantMax: 200,
      },
      { store, clock, trustedIpSources: new CidrSet([]), seed: 5 },
    );
    this.handler = new WebHandler(
      {
        origin: { node: NO_NODE, epoch: EPOCH },
        thread: 9,
        intervalSecondsMax: 120,
        scrapeHashesMax: 3,
        subscriptionsMax: 5,
        relayBytesPerSecond: 10_000,
        offersMax: 10_000,
        ...options,
      },
      {
        tracker,
        clock,
        counts,
        route: (signal) => this.#route(signal),
        later: (work) => this.waiting.push(work),
      },
    );
  }

  page(letter: string): Page {
    return new Page(this, letter);
  }

  count(name: TrackerCounterName): number {
    return this.counts[TrackerCounter[name]];
  }

  deliver(signal: Signal): void {
    this.handler.beginBatch();
    this.handler.take(signal, webConnection(Buffer.from(signal.to, 'latin1'), 0));
  }

  #route(signal: Signal): void {
    this.routed.push(signal);
    if (this.isRouting) this.deliver(signal);
  }
}

export const offers = (count: number, sdp = 'offer') =>
  Array.from({ length: count }, (_, i) => ({
    offer: { sdp: `${sdp} ${i}` },
    offer_id: `${i}`.padEnd(20, 'o'),
  }));
