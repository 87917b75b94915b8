/**
 * The IP addresses of host names that trackers advertise. Looked up in the background and kept for a
 * minute: whoever asks gets what is known now. A name that cannot be resolved any more keeps its
 * addresses for a while, since the trackers behind it may be well.
 *
 * A node may name whatever it likes, also names that take for ever, or others each second: it has one
 * look-up at a time, none for a while after one that failed, and a few names, of which the one that
 * was not used for the longest makes room. What it names is its own affair, also where another node
 * names the same: so it keeps nobody else's names from being looked up.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

export interface HostLookupOptions {
  /** Names kept; further ones are not looked up, and counted. */
  readonly namesMax?: number;
  /** How long an answer is good. Default 60 s. */
  readonly ttlMs?: number;
  readonly timeoutMs?: number;
}

export interface HostLookupDependencies {
  readonly clock: { monotonicMs(): number };
  /** All addresses of a name. Default: the system's resolver. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
}

/** Addresses of one name that are used. */
const ADDRESSES_PER_NAME_MAX = 8;
/** Look-ups under way: the system's resolver takes a thread for each. */
const LOOKUPS_MAX = 2;
/** Names of one node: twice the addresses of a heartbeat. */
const NAMES_PER_NODE_MAX = 32;
/** How long a node has no look-up after one that failed. */
const FAILURE_PAUSE_MS = 30_000;
/** Times the lifetime of an answer: afterwards a name is forgotten that nobody asks for. */
const FORGET_TTLS = 10;

interface Known {
  readonly nodeId: string;
  addresses: readonly string[];
  askedMs: number;
  /** When the addresses were good last. */
  goodMs: number;
  usedMs: number;
  pending: boolean;
}

export class HostLookup {
  readonly counters = { lookups: 0, lookupsFailed: 0, namesRefused: 0 };
  readonly #namesMax: number;
  readonly #ttlMs: number;
  readonly #timeoutMs: number;
  readonly #clock: { monotonicMs(): number };
  readonly #resolve: (name: string) => Promise<readonly string[]>;
  /** By node and name. */
  readonly #known = new Map<string, Known>();
  /** Until when a node has no look-up; only while that is to come. */
  readonly #pausedUntilMs = new Map<string, number>();
  /** Nodes for which something is looked up now. */
  readonly #pending = new Set<string>();

  constructor(
    { namesMax = 1_024, ttlMs = 60_000, timeoutMs = 5_000 }: HostLookupOptions,
    { clock, resolve = systemLookup }: HostLookupDependencies,
  ) {
    this.#namesMax = namesMax;
    this.#ttlMs = ttlMs;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#resolve = resolve;
  }

  /**
   * The addresses of a host, which `nodeId` advertises, as known now; a look-up that is due is begun.
   * An IP is its own.
   */
  addresses(host: string, nodeId: string): readonly string[] {
    if (isIP(host) !== 0) return [host];
    const nowMs = this.#clock.monotonicMs();
    const key = `${nodeId} ${host}`;
    let known = this.#known.get(key);
    if (known === undefined) {
      if (!this.#makeRoom(nodeId)) {
        this.counters.namesRefused++;
        return [];
      }
      const never = Number.NEGATIVE_INFINITY;
      known = {
        nodeId,
        addresses: [],
        askedMs: never,
        goodMs: never,
        usedMs: nowMs,
        pending: false,
      };
      this.#known.set(key, known);
    }
    known.usedMs = nowMs;
    const isDue = nowMs - known.askedMs >= this.#ttlMs;
    if (isDue && !known.pending && this.#mayLook(nodeId, nowMs)) {
      void this.#look(host, known);
    }
    return known.addresses;
  }

  /** Forgets names that nobody asked for lately. */
  sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    const oldestMs = nowMs - FORGET_TTLS * this.#ttlMs;
    for (const [key, { usedMs, pending }] of this.#known) {
      if (usedMs < oldestMs && !pending) this.#known.delete(key);
    }
    for (const [nodeId, untilMs] of this.#pausedUntilMs) {
      if (untilMs <= nowMs) this.#pausedUntilMs.delete(nodeId);
    }
  }

  /** Room for one more name of a node, if need be that of another name of its own. */
  #makeRoom(nodeId: string): boolean {
    let names = 0;
    let oldest: string | undefined;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const [key, { usedMs, pending, ...known }] of this.#known) {
      if (known.nodeId !== nodeId) continue;
      names++;
      if (pending || usedMs >= oldestMs) continue;
      oldest = key;
      oldestMs = usedMs;
    }
    if (names < NAMES_PER_NODE_MAX) return this.#known.size < this.#namesMax;
    return oldest !== undefined && this.#known.delete(oldest);
  }

  #mayLook(nodeId: string, nowMs: number): boolean {
    if (this.#pending.size >= LOOKUPS_MAX || this.#pending.has(nodeId)) return false;
    return nowMs >= (this.#pausedUntilMs.get(nodeId) ?? nowMs);
  }

  async #look(host: string, known: Known): Promise<void> {
    const { nodeId } = known;
    known.pending = true;
    known.askedMs = this.#clock.monotonicMs();
    this.#pending.add(nodeId);
    this.counters.lookups++;
    try {
      const found = await within(this.#resolve(host), this.#timeoutMs);
      known.addresses = [...new Set(found)].sort().slice(0, ADDRESSES_PER_NAME_MAX);
      known.goodMs = this.#clock.monotonicMs();
    } catch {
      this.counters.lookupsFailed++;
      this.#pausedUntilMs.set(nodeId, this.#clock.monotonicMs() + FAILURE_PAUSE_MS);
      const isOld = this.#clock.monotonicMs() - known.goodMs > FORGET_TTLS * this.#ttlMs;
      if (isOld) known.addresses = [];
    } finally {
      known.pending = false;
      this.#pending.delete(nodeId);
    }
  }
}

async function systemLookup(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the look-up took too long')), ms);
    timer.unref();
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
