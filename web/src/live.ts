/**
 * Keeps listening to `/api/v1/live`, and says how that goes. A stream that breaks, or that falls
 * silent, is opened again, after waits that double; a pause closes it.
 *
 * ```
 *  connecting --tick--> live --4 s without, or broken--> lost --wait--> (connecting, shown as lost)
 *       |                 ^                               |  ^
 *       +--401, nobody gives the token--> refused         +--tick--> live
 *  any of them --pause--> paused --resume--> connecting
 * ```
 */
import { type Api, ApiError, describeError } from './api.js';
import { EventStream } from './event-stream.js';
import { parseTick, type Tick } from './tick.js';

export type ConnectionState = 'connecting' | 'live' | 'paused' | 'lost' | 'refused';

export interface Connection {
  readonly state: ConnectionState;
  /** When the last tick came, by the browser's clock; undefined before the first. */
  readonly heardAtMs?: number;
  /** When the next try begins, while `lost`. */
  readonly retryAtMs?: number;
  /** Why, for the operator, while `lost` or `refused`. */
  readonly reason?: string;
}

/** The browser's timers and clock, or a test's. */
export interface LiveClock {
  now(): number;
  setTimer(run: () => void, ms: number): () => void;
  /** Between 0 and 1, to keep many pages from coming back in the same instant. */
  random(): number;
}

export interface LiveDependencies {
  readonly api: Pick<Api, 'open'>;
  readonly clock: LiveClock;
  readonly onTick: (tick: Tick) => void;
  readonly onConnection: (connection: Connection) => void;
}

const PATH = 'api/v1/live';
/** A tick comes each second. */
const SILENCE_MS = 4_000;
const WAIT_MIN_MS = 1_000;
const WAIT_MAX_MS = 15_000;

export class LiveClient {
  readonly #api: LiveDependencies['api'];
  readonly #clock: LiveClock;
  readonly #onTick: LiveDependencies['onTick'];
  readonly #onConnection: LiveDependencies['onConnection'];
  #connection: Connection = { state: 'connecting' };
  #abort: AbortController | undefined;
  #stopTimer: () => void = () => {};
  #retryMs = WAIT_MIN_MS;
  #failures = 0;

  constructor({ api, clock, onTick, onConnection }: LiveDependencies) {
    this.#api = api;
    this.#clock = clock;
    this.#onTick = onTick;
    this.#onConnection = onConnection;
  }

  get connection(): Connection {
    return this.#connection;
  }

  /** Opens the stream, at once also while it waits for its next try. */
  start(): void {
    this.#stop();
    const abort = new AbortController();
    this.#abort = abort;
    if (this.#connection.state !== 'lost') this.#say('connecting');
    // The watch begins with the reply: until then `Api` has a limit of its own, which does not count
    // while the operator is asked for the token.
    void this.#listen(abort);
  }

  pause(): void {
    this.#stop();
    this.#failures = 0;
    this.#say('paused');
  }

  #stop(): void {
    this.#stopTimer();
    this.#abort?.abort();
    this.#abort = undefined;
  }

  async #listen(abort: AbortController): Promise<void> {
    const isCurrent = () => this.#abort === abort;
    let reason = 'the connection ended';
    try {
      const response = await this.#api.open(PATH, { signal: abort.signal });
      if (!isCurrent()) return;
      if (response.body === null) throw new Error('the answer has no content');
      this.#watch(abort);
      await this.#read(response.body, isCurrent, abort);
    } catch (error) {
      if (!isCurrent()) return;
      if (error instanceof ApiError && error.status === 401) {
        this.#stop();
        this.#say('refused', { reason: error.message });
        return;
      }
      reason = describeError(error);
      if (error instanceof ApiError && error.retryAfterSeconds !== undefined) {
        this.#retryMs = Math.max(this.#retryMs, error.retryAfterSeconds * 1000);
      }
    }
    if (isCurrent()) this.#lose(reason);
  }

  async #read(
    body: ReadableStream<Uint8Array>,
    isCurrent: () => boolean,
    abort: AbortController,
  ): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    const stream = new EventStream();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || !isCurrent()) return;
        for (const { event, data } of stream.push(decoder.decode(value, { stream: true }))) {
          if (event !== 'tick') continue;
          const tick = parseTick(data);
          if (tick !== undefined) this.#take(tick, abort);
        }
        if (stream.retryMs !== undefined) this.#retryMs = clampWait(stream.retryMs);
      }
    } finally {
      // Unheard: the stream is broken or aborted, and so gone already.
      reader.cancel().catch(() => {});
    }
  }

  #take(tick: Tick, abort: AbortController): void {
    this.#failures = 0;
    this.#watch(abort);
    this.#say('live', { heardAtMs: this.#clock.now() });
    this.#onTick(tick);
  }

  #watch(abort: AbortController): void {
    this.#stopTimer();
    this.#stopTimer = this.#clock.setTimer(() => {
      if (this.#abort === abort) this.#lose('it fell silent');
    }, SILENCE_MS);
  }

  #lose(reason: string): void {
    this.#stop();
    const wait = clampWait(this.#retryMs * 2 ** Math.min(this.#failures, 10));
    this.#failures++;
    const ms = wait * (0.75 + this.#clock.random() / 2);
    this.#say('lost', { reason, retryAtMs: this.#clock.now() + ms });
    this.#stopTimer = this.#clock.setTimer(() => this.start(), ms);
  }

  #say(state: ConnectionState, more: Omit<Connection, 'state'> = {}): void {
    const { heardAtMs } = this.#connection;
    this.#connection = { ...(heardAtMs === undefined ? {} : { heardAtMs }), ...more, state };
    this.#onConnection(this.#connection);
  }
}

function clampWait(ms: number): number {
  return Math.min(WAIT_MAX_MS, Math.max(WAIT_MIN_MS, ms));
}
