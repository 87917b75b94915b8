/**
 * Looks at the node and tells what it sees: a tick a second to whoever listens, a point of the history
 * each five seconds.
 *
 * ```
 * second   0    1    2    3    4    5    6    7 ...
 * history  |                        |                  always
 * tick          |    |    |    |    |    |    |        while somebody listens, or asked lately
 * ```
 *
 * A tick is made and encoded once, however many listen. A listener that has not read the tick before
 * is not sent the next: ticks tell how things stand, so that none is missed. One that reads nothing for
 * ten ticks is cut. So what a listener holds here is at most one tick.
 */
import type { Logger } from '../lib/log.js';
import type { AdminCounters } from './admin-counters.js';
import type { AdminSource } from './admin-source.js';
import { busiestReply } from './busiest-view.js';
import { HISTORY_STEP_SECONDS, History, type HistoryView } from './history.js';
import { type Look, MINDER_SERIES, seriesBetween, TRACKER_SERIES } from './series.js';
import { boundCluster, type Tick } from './tick.js';

const TURN_MS = 1_000;
/** Ticks are made for so long after somebody asked for the last one, so that the next is of a second. */
const ASKED_MS = 10_000;
/** A tick that is no older is the one of now. */
const FRESH_MS = 1_100;
/** Rates over a shorter time say nothing. */
const RATE_MS_MIN = 500;
/** Among these one is as old as that: somebody who asks between two turns takes one more look. */
const LOOKS_KEPT = 3;
/** A comment shows that the connection lives, should there be no ticks. */
const COMMENT_TURNS = 15;
const SKIPPED_TICKS_MAX = 10;

const COMMENT = Buffer.from(': still here\n\n');

/** A connection that ticks are written to; an HTTP response is one. */
export interface LiveListener {
  readonly writableLength: number;
  write(bytes: Uint8Array): unknown;
  end(): unknown;
  destroy(): unknown;
}

export interface LiveFeedDependencies {
  readonly source: AdminSource;
  readonly clock: { monotonicMs(): number; wallMs(): number };
  readonly counters: AdminCounters;
  readonly logger: Logger;
}

interface SeenTick {
  readonly tick: Tick;
  readonly monotonicMs: number;
  /** As an event, once somebody listened. */
  bytes?: Buffer;
}

export class LiveFeed {
  readonly #listenersMax: number;
  readonly #dependencies: LiveFeedDependencies;
  readonly #history: History;
  /** How many ticks each has not been sent in a row. */
  readonly #listeners = new Map<LiveListener, number>();
  /** The last ones, the newest first. */
  #looks: readonly Look[] = [];
  /** Of the last point of the history. */
  #lastPoint: Look | undefined;
  #seen: SeenTick | undefined;
  #askedMs = Number.NEGATIVE_INFINITY;
  #turn = 0;
  #fails = false;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor({ listenersMax }: { listenersMax: number }, dependencies: LiveFeedDependencies) {
    this.#listenersMax = listenersMax;
    this.#dependencies = dependencies;
    this.#history = new History(
      dependencies.source.role === 'tracker' ? TRACKER_SERIES : MINDER_SERIES,
    );
  }

  /** Begins the history. */
  start(): void {
    try {
      // What the first point is measured from.
      this.#lastPoint ??= this.#takeLook();
    } catch {
      // A node that cannot be looked at yet: the first point knows no rates then.
    }
    this.#timer ??= setInterval(() => this.#takeTurn(), TURN_MS).unref();
  }

  /** Ends every listener's connection. Idempotent. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const listener of [...this.#listeners.keys()]) {
      this.leave(listener);
      listener.end();
    }
  }

  /** Sends the tick of now and each that follows; false when there are as many listeners as may be. */
  join(listener: LiveListener): boolean {
    if (this.#stopped || this.#listeners.size >= this.#listenersMax) {
      this.#dependencies.counters.liveRefused++;
      return false;
    }
    // Before it is a listener: it gets this one once.
    const bytes = eventOf(this.#current());
    this.#listeners.set(listener, 0);
    this.#dependencies.counters.liveListeners = this.#listeners.size;
    listener.write(bytes);
    return true;
  }

  /** Sends it nothing more. Idempotent. */
  leave(listener: LiveListener): void {
    this.#listeners.delete(listener);
    this.#dependencies.counters.liveListeners = this.#listeners.size;
  }

  now(): Tick {
    this.#askedMs = this.#dependencies.clock.monotonicMs();
    return this.#current().tick;
  }

  history(): HistoryView {
    return this.#history.view();
  }

  #takeTurn(): void {
    this.#turn++;
    try {
      this.#look();
      this.#fails = false;
    } catch (err) {
      // Said once: the next turn is a second away.
      if (!this.#fails) this.#dependencies.logger.error({ err }, 'the page gets no numbers');
      this.#fails = true;
    }
    if (this.#turn % COMMENT_TURNS === 0) {
      for (const listener of this.#listeners.keys()) {
        if (listener.writableLength === 0) listener.write(COMMENT);
      }
    }
  }

  #look(): void {
    const asked = this.#dependencies.clock.monotonicMs() - this.#askedMs <= ASKED_MS;
    const isWatched = this.#listeners.size > 0 || asked;
    const isPoint = this.#turn % HISTORY_STEP_SECONDS === 0;
    if (!isWatched && !isPoint) return;
    const look = this.#takeLook();
    if (isPoint) {
      this.#history.add(this.#dependencies.clock.wallMs(), seriesBetween(this.#lastPoint, look));
      this.#lastPoint = look;
    }
    if (isWatched) this.#tell(this.#makeTick(look));
  }

  #tell(seen: SeenTick): void {
    for (const [listener, skipped] of this.#listeners) {
      if (listener.writableLength === 0) {
        this.#listeners.set(listener, 0);
        listener.write(eventOf(seen));
        continue;
      }
      this.#dependencies.counters.liveSkipped++;
      this.#listeners.set(listener, skipped + 1);
      if (skipped + 1 < SKIPPED_TICKS_MAX) continue;
      this.#dependencies.counters.liveCut++;
      this.leave(listener);
      listener.destroy();
    }
  }

  /** The last tick, or a new one when that is no longer true. */
  #current(): SeenTick {
    const nowMs = this.#dependencies.clock.monotonicMs();
    if (this.#seen !== undefined && nowMs - this.#seen.monotonicMs <= FRESH_MS) return this.#seen;
    return this.#makeTick(this.#takeLook());
  }

  #takeLook(): Look {
    const { source, clock } = this.#dependencies;
    const monotonicMs = clock.monotonicMs();
    const look = { monotonicMs, stats: source.stats(), cluster: source.cluster() };
    this.#looks = [look, ...this.#looks].slice(0, LOOKS_KEPT);
    return look;
  }

  #makeTick(look: Look): SeenTick {
    const { source, clock, counters } = this.#dependencies;
    const { monotonicMs, stats, cluster } = look;
    const before = this.#looks.find((old) => monotonicMs - old.monotonicMs >= RATE_MS_MIN);
    const tick: Tick = {
      atMs: clock.wallMs(),
      values: seriesBetween(before, look),
      stats: { ...stats, admin: { ...counters } },
      cluster: boundCluster(cluster),
      ...(source.role === 'minder'
        ? { dns: source.dns() }
        : { busiest: busiestReply(source.busiest()).swarms }),
    };
    this.#seen = { tick, monotonicMs };
    return this.#seen;
  }
}

function eventOf(seen: SeenTick): Buffer {
  // JSON has no line breaks of its own, so it is one line of data.
  seen.bytes ??= Buffer.from(`event: tick\ndata: ${JSON.stringify(seen.tick)}\n\n`);
  return seen.bytes;
}
