/**
 * Keeps what minders know alike, over the bus.
 *
 * ```
 *   this minder                                  another
 *       |  entries: what has just changed           |      at once, to all
 *       |------------------------------------------>|
 *       |  root: digest of everything               |      each 15 s, when connected, when a
 *       |<----------------------------------------->|      minder appears, after news
 *       |                    differs                |
 *       |  digests of 256 buckets                   |      from the one with the lower id
 *       |------------------------------------------>|
 *       |  entries of the buckets that differ       |
 *       |<------------------------------------------|
 *       |  wanted: those buckets                    |
 *       |<------------------------------------------|
 *       |  entries                                  |
 *       |------------------------------------------>|
 * ```
 *
 * A message that is lost shows in the next root. Bounds: 256 KB a message, one exchange a second with
 * each minder, what is received is merged in one write after 20 ms or 16,384 entries, and nothing more
 * is sent while the bus has not confirmed 16 MB.
 */
import type { ReplicationTransport } from '../cluster/transport.js';
import type { Clock } from '../lib/clock.js';
import type { LogSink } from '../lib/log-sink.js';
import { reasonOf } from '../lib/reason.js';
import {
  decodeSync,
  encodeEntries,
  encodeSync,
  type SyncBody,
  type SyncMessage,
  syncReplySubject,
  syncSubject,
} from '../protocol/cluster/sync-message.js';
import { BUCKETS, DIGEST_BYTES, type VersionedEntry } from './control-entry.js';
import type { ControlState } from './control-state.js';
import type { MinderOrder } from './minder-order.js';

const ROOT_EVERY_MS = 15_000;
/** After news the root is told again, for whoever did not hear them. */
const ROOT_SOON_MS = 1_000;
const SETTLE_MS = 20;
/** Received and not merged yet; what goes beyond is merged at once. */
const PENDING_MAX = 16_384;
const UNCONFIRMED_BYTES_MAX = 16 * 1024 * 1024;
const EXCHANGE_EVERY_MS = 1_000;
/** Minders whose exchanges are counted; a cluster has fewer. */
const PEERS_MAX = 256;
/**
 * Minders may differ for good in what one of them does not take (it is full, or of another version).
 * After so many exchanges that changed nothing they try ever more rarely.
 */
const FRUITLESS_MAX = 4;
const FRUITLESS_WAIT_MS_MAX = 600_000;
/** Clocks that differ by less agree about what lies a day ahead. */
const CLOCKS_AGREE_MS = 3_600_000;

export interface ControlSyncDependencies {
  readonly state: ControlState;
  readonly transport: ReplicationTransport;
  readonly order: Pick<MinderOrder, 'onNew'>;
  readonly clock: Clock;
  readonly log: LogSink;
}

export class ControlSync {
  readonly counters = {
    entriesSent: 0,
    entriesReceived: 0,
    /** Received entries that changed something. */
    entriesTaken: 0,
    rootsSent: 0,
    exchanges: 0,
    unreadable: 0,
    tooOften: 0,
    /** Messages that were not sent because the bus does not keep up. */
    heldBack: 0,
  };
  readonly #dependencies: ControlSyncDependencies;
  #pending: unknown[] = [];
  #merging: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #interval: NodeJS.Timeout | undefined;
  /** When each minder's last message of a kind was heeded, by `type from`. */
  readonly #heeded = new Map<string, number>();
  /** The roots with which each minder was last compared, how often in vain, and until when not again. */
  readonly #fruitless = new Map<string, { roots: string; times: number; untilMs: number }>();
  #refusedSaid = 0;
  #isFailing = false;
  #isStopped = false;

  constructor(dependencies: ControlSyncDependencies) {
    this.#dependencies = dependencies;
  }

  start(): void {
    const { state, transport, order } = this.#dependencies;
    const hear = (_subject: string, payload: Uint8Array) => this.#hear(payload);
    transport.subscribe(syncSubject('*'), hear);
    transport.subscribe(syncReplySubject(state.minderId, '*'), hear);
    transport.onConnection((connected) => {
      if (connected) this.#tellRoot();
    });
    order.onNew((nodeId) => {
      this.#fruitless.delete(nodeId);
      this.#tellRootSoon();
    });
    state.onChange((entries, source) => {
      if (source === 'own') this.#send(syncSubject(state.minderId), entries);
      else this.#tellRootSoon();
    });
    this.#interval = setInterval(() => this.#tellRoot(), ROOT_EVERY_MS).unref();
    this.#tellRoot();
  }

  /** Idempotent. What was received and not written yet will be offered again. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#interval);
    clearTimeout(this.#soon);
    clearTimeout(this.#merging);
  }

  #tellRoot(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const { state, transport } = this.#dependencies;
    if (this.#isStopped || !transport.connected) return;
    this.#say(syncSubject(state.minderId), this.#root());
    this.counters.rootsSent++;
  }

  #tellRootSoon(): void {
    if (this.#isStopped) return;
    this.#soon ??= setTimeout(() => this.#tellRoot(), ROOT_SOON_MS).unref();
  }

  #root(): SyncBody {
    const { state, clock } = this.#dependencies;
    return { type: 'root', root: state.root(), wallMs: Math.max(0, Math.floor(clock.wallMs())) };
  }

  #hear(payload: Uint8Array): void {
    const { state } = this.#dependencies;
    const message = decodeSync(payload);
    if (message === undefined) {
      this.counters.unreadable++;
      return;
    }
    const { from } = message;
    // The bus brings our own back to us; and who was revoked may have a last word on the way.
    if (this.#isStopped || from === state.minderId) return;
    if (state.get('revocation', from) !== undefined) return;
    if (message.type === 'entries') this.#take(message);
    else if (message.type === 'root') this.#compare(message);
    else if (!this.#mayBeHeeded(`${message.type} ${from}`)) this.counters.tooOften++;
    else if (message.type === 'digests') this.#answer(message);
    else this.#reply(from, state.entriesOf(new Set(message.buckets)));
  }

  #compare({ from, root, wallMs }: Extract<SyncMessage, { type: 'root' }>): void {
    const { state, clock, log } = this.#dependencies;
    const own = state.root();
    if (root === own) {
      this.#fruitless.delete(from);
      return;
    }
    if (!this.#isWorthIt(from, `${root} ${own}`)) return;
    if (Math.abs(wallMs - clock.wallMs()) < CLOCKS_AGREE_MS) {
      const entries = this.#attempt(() => state.restamp()) ?? 0;
      if (entries > 0)
        log.log('warn', 'entries of a clock that was wrong were stamped anew', { entries });
    }
    if (!this.#mayBeHeeded(`root ${from}`)) {
      // Its news are looked at with the next root.
      this.counters.tooOften++;
      return;
    }
    const subject = syncReplySubject(from, state.minderId);
    if (state.minderId < from) {
      this.counters.exchanges++;
      this.#say(subject, { type: 'digests', digests: state.digests() });
    } else {
      this.#say(subject, this.#root());
    }
  }

  #answer({ from, digests }: Extract<SyncMessage, { type: 'digests' }>): void {
    const { state } = this.#dependencies;
    const own = state.digests();
    const buckets = Array.from({ length: BUCKETS }, (_, i) => i).filter((bucket) => {
      const [at, end] = [bucket * DIGEST_BYTES, (bucket + 1) * DIGEST_BYTES];
      return own.compare(digests, at, end, at, end) !== 0;
    });
    if (buckets.length === 0) return;
    this.counters.exchanges++;
    this.#reply(from, state.entriesOf(new Set(buckets)));
    this.#say(syncReplySubject(from, state.minderId), { type: 'wanted', buckets });
  }

  #reply(to: string, entries: readonly VersionedEntry[]): void {
    this.#send(syncReplySubject(to, this.#dependencies.state.minderId), entries);
  }

  #send(subject: string, entries: readonly VersionedEntry[]): void {
    const { state, transport } = this.#dependencies;
    if (this.#isStopped || !transport.connected) return;
    for (const message of encodeEntries(state.minderId, entries)) {
      if (transport.unconfirmedBytes > UNCONFIRMED_BYTES_MAX) {
        this.counters.heldBack++;
        return;
      }
      transport.publish(subject, message);
    }
    this.counters.entriesSent += entries.length;
  }

  #say(subject: string, body: SyncBody): void {
    const { state, transport } = this.#dependencies;
    if (transport.connected) transport.publish(subject, encodeSync(state.minderId, body));
  }

  #take({ entries }: Extract<SyncMessage, { type: 'entries' }>): void {
    this.counters.entriesReceived += entries.length;
    if (this.#pending.length + entries.length > PENDING_MAX) this.#merge();
    this.#pending.push(...entries);
    this.#merging ??= setTimeout(() => this.#merge(), SETTLE_MS).unref();
  }

  #merge(): void {
    clearTimeout(this.#merging);
    this.#merging = undefined;
    const entries = this.#pending;
    this.#pending = [];
    const { state } = this.#dependencies;
    const taken = this.#attempt(() => state.merge(entries));
    this.counters.entriesTaken += taken ?? 0;
    this.#sayRefused();
  }

  /** What cannot be written is not lost: others hold it, and the next root brings it again. */
  #attempt(write: () => number): number | undefined {
    try {
      const result = write();
      this.#isFailing = false;
      return result;
    } catch (error) {
      const reason = reasonOf(error);
      const { log } = this.#dependencies;
      if (!this.#isFailing) log.log('error', 'what other minders say cannot be saved', { reason });
      this.#isFailing = true;
      return undefined;
    }
  }

  /** The first, second, fourth ... entry that was not taken: a line each would be no help. */
  #sayRefused(): void {
    const { state, log } = this.#dependencies;
    const refused = Object.values(state.counters).reduce((sum, count) => sum + count, 0);
    if (refused < Math.max(1, 2 * this.#refusedSaid)) return;
    this.#refusedSaid = refused;
    log.log('warn', 'entries of other minders were not taken', { ...state.counters });
  }

  /** False while an exchange would only repeat one that has changed nothing on either side. */
  #isWorthIt(from: string, roots: string): boolean {
    const nowMs = performance.now();
    const last = this.#fruitless.get(from);
    if (last?.roots === roots && nowMs < last.untilMs) return false;
    const times = last?.roots === roots ? last.times + 1 : 0;
    const waitMs = ROOT_EVERY_MS * 2 ** Math.min(16, times - FRUITLESS_MAX + 1);
    const untilMs = times < FRUITLESS_MAX ? 0 : nowMs + Math.min(waitMs, FRUITLESS_WAIT_MS_MAX);
    if (this.#fruitless.size >= PEERS_MAX) this.#fruitless.clear();
    this.#fruitless.set(from, { roots, times, untilMs });
    return true;
  }

  #mayBeHeeded(what: string): boolean {
    const nowMs = performance.now();
    const lastMs = this.#heeded.get(what);
    if (lastMs !== undefined && nowMs - lastMs < EXCHANGE_EVERY_MS) return false;
    if (lastMs === undefined && this.#heeded.size >= 3 * PEERS_MAX) this.#heeded.clear();
    this.#heeded.set(what, nowMs);
    return true;
  }
}
