/**
 * Keeps a name on somebody else's name server as the set of trackers is, by dynamic updates: when
 * the set changes, at most once in two seconds; once an hour in any case, for a server that lost it;
 * and with growing pauses while it fails. A set without any address is never sent.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import { exchange, type NameServer } from './dns-exchange.js';
import type { TrackerSet } from './tracker-set.js';
import type { TsigKey } from './tsig-key.js';
import { UpdateClient, type UpdateClientDependencies } from './update-client.js';
import { UpdateError, type UpdateErrorCode } from './update-error.js';

export interface DynamicUpdateOptions {
  /** `dns.zone`: the name to keep. */
  readonly zone: string;
  readonly server: NameServer;
  readonly key: TsigKey;
  readonly ttlSeconds: number;
}

export interface DynamicUpdateDependencies {
  readonly set: () => TrackerSet;
  readonly logger: Logger;
  readonly clock: Clock & { monotonicMs(): number };
  readonly exchange?: UpdateClientDependencies['exchange'];
}

export interface UpdateStatus {
  readonly state: 'waiting' | 'current' | 'failing';
  /** Updates that the server took, and attempts that failed. */
  readonly sent: number;
  readonly failed: number;
  /** Milliseconds since 1970. */
  readonly lastSentMs?: number;
  readonly lastError?: { readonly code: UpdateErrorCode; readonly message: string };
}

/** Addresses of one family in an update: resolvers get all of them, in turn. */
const UPDATE_ADDRESSES_MAX = 64;

const LOOK_MS = 500;
const PAUSE_MS_MIN = 2_000;
const RETRY_MS_MAX = 60_000;
const REPEAT_MS = 3_600_000;

export class DynamicUpdate {
  readonly #deps: Required<DynamicUpdateDependencies>;
  readonly #client: UpdateClient;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #revision: number | undefined;
  #dueMs = Number.NEGATIVE_INFINITY;
  #repeatMs = Number.NEGATIVE_INFINITY;
  #retryMs = PAUSE_MS_MIN;
  #status: UpdateStatus = { state: 'waiting', sent: 0, failed: 0 };

  constructor(options: DynamicUpdateOptions, deps: DynamicUpdateDependencies) {
    this.#deps = { exchange, ...deps };
    const { clock } = this.#deps;
    this.#client = new UpdateClient(
      { ...options, name: options.zone },
      { clock, exchange: this.#deps.exchange },
    );
  }

  get status(): UpdateStatus {
    return this.#status;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.look(), LOOK_MS).unref();
  }

  /** Gives up on what is under way. May be called twice. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#stopping.abort();
    await this.#sending;
  }

  /** Sends the set when it is time to. Called by itself twice a second. Never rejects. */
  look(): Promise<void> {
    if (this.#sending !== undefined) return this.#sending;
    const latest = this.#deps.set();
    const now = this.#deps.clock.monotonicMs();
    const isNews = latest.revision !== this.#revision || now >= this.#repeatMs;
    if (now < this.#dueMs || !isNews || this.#stopping.signal.aborted) return Promise.resolve();
    const set = validPart(latest);
    if (set.addresses4.length + set.addresses6.length === 0) return Promise.resolve();
    this.#sending = this.#send(set).finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #send(set: TrackerSet): Promise<void> {
    const { clock } = this.#deps;
    try {
      await this.#client.send(bounded(set), this.#stopping.signal);
      this.#revision = set.revision;
      this.#repeatMs = clock.monotonicMs() + REPEAT_MS;
      this.#dueMs = clock.monotonicMs() + PAUSE_MS_MIN;
      this.#retryMs = PAUSE_MS_MIN;
      this.#noteSuccess(set);
    } catch (error) {
      this.#dueMs = clock.monotonicMs() + this.#retryMs;
      this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
      this.#noteFailure(error);
    }
  }

  #noteSuccess(set: TrackerSet): void {
    const { sent, failed } = this.#status;
    const lastSentMs = this.#deps.clock.wallMs();
    this.#status = { state: 'current', sent: sent + 1, failed, lastSentMs };
    this.#deps.logger.info(
      { ipv4: set.addresses4.length, ipv6: set.addresses6.length },
      'the name server took the set of trackers',
    );
  }

  #noteFailure(error: unknown): void {
    // While we stop nobody waits for an answer.
    if (this.#stopping.signal.aborted) return;
    if (!(error instanceof UpdateError)) throw error;
    const { code, message } = error;
    const { sent, failed, lastSentMs } = this.#status;
    const since = lastSentMs === undefined ? {} : { lastSentMs };
    this.#status = {
      state: 'failing',
      sent,
      failed: failed + 1,
      ...since,
      lastError: { code, message },
    };
    const retrySeconds = Math.ceil((this.#dueMs - this.#deps.clock.monotonicMs()) / 1_000);
    this.#deps.logger.warn({ code, retrySeconds }, `dynamic update failed: ${message}`);
  }
}

function validPart(set: TrackerSet): TrackerSet {
  const addresses4 = set.addresses4.filter(isIPv4);
  const addresses6 = set.addresses6.filter((text) => isIPv6(text) && !text.includes('%'));
  return { ...set, addresses4, addresses6 };
}

/** A part of the set where it is too large, another one each time. */
function bounded(set: TrackerSet): TrackerSet {
  const addresses4 = choice(set.addresses4);
  const addresses6 = choice(set.addresses6);
  return { ...set, addresses4, addresses6 };
}

function choice(addresses: readonly string[]): readonly string[] {
  if (addresses.length <= UPDATE_ADDRESSES_MAX) return addresses;
  const left = [...addresses];
  return Array.from({ length: UPDATE_ADDRESSES_MAX }, () => {
    const [chosen] = left.splice(Math.floor(Math.random() * left.length), 1);
    return chosen;
  });
}
