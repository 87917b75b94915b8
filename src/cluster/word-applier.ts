/**
 * Applies messages from the inbox to the store, a bounded number of words at a time: a message may
 * be begun in one tick and ended in another. What others say of peers that left, or that must have
 * died long ago here, is answered with the stop that they missed.
 */
import { BatchDecoder } from '../protocol/cluster/batch.js';
import { EntriesDecoder } from '../protocol/cluster/entries.js';
import { Decoded, MessageKind } from '../protocol/cluster/envelope.js';
import { RecordFlag, recordFlags, recordKind, wireBytesOf } from '../protocol/cluster/fields.js';
import { WEB_KINDS } from '../swarm/layout.js';
import { PeerWord } from '../swarm/peer-word.js';
import { Applied, Replica } from '../swarm/replica.js';
import { CountReminder } from './count-reminder.js';
import type { Inbox, Incoming } from './inbox.js';
import { SELF_SLOT } from './origins.js';
import { type ReplicationContext, STAMPS_PER_MS } from './replication-context.js';
import type { StopsReply } from './stops-reply.js';
import type { WebPresence } from './web-presence.js';

/** Words for which a shard stays locked: some 50 microseconds. */
const GROUP_WORDS_MAX = 64;
/** What opening a message costs, in words. */
const MESSAGE_COST = 4;

/** What became of a word about a web peer that does not count: nothing. */
const GONE = -1;

const TALLY_OF = {
  [Applied.newer]: 'wordsNewer',
  [Applied.same]: 'wordsSame',
  [Applied.stale]: 'wordsStale',
  [Applied.buried]: 'wordsBuried',
  [Applied.full]: 'wordsFull',
  [Applied.expired]: 'wordsExpired',
  [Applied.denied]: 'wordsDenied',
} as const;

export interface WordApplierDependencies {
  readonly inbox: Inbox;
  readonly stops: StopsReply;
  readonly presence: WebPresence;
}

export class WordApplier {
  readonly #context: ReplicationContext;
  readonly #replica: Replica;
  readonly #inbox: Inbox;
  readonly #stops: StopsReply;
  readonly #presence: WebPresence;
  readonly #reminder: CountReminder;
  readonly #batch = new BatchDecoder();
  readonly #entries = new EntriesDecoder();
  readonly #word = new PeerWord();
  /** Slots of the message's origins, by index; -1 for a revoked one. */
  readonly #slots = new Int32Array(256);
  readonly #aheadMax: number;
  readonly #bornMs: number;
  #message: Incoming | undefined;
  #inGroup = false;
  #newer = 0;

  constructor(context: ReplicationContext, { inbox, stops, presence }: WordApplierDependencies) {
    this.#context = context;
    this.#inbox = inbox;
    this.#stops = stops;
    this.#presence = presence;
    this.#reminder = new CountReminder(context);
    const { store, origins } = context.means;
    this.#replica = new Replica(store, { compareOrigins: origins.compare });
    this.#aheadMax = Math.round(context.options.stampAheadMs * STAMPS_PER_MS);
    this.#bornMs = context.nowMs;
  }

  /** Applies about `words` words. Returns whether there are more. */
  step(words: number): boolean {
    let left = words;
    while (left > 0) {
      if (this.#message === undefined) {
        this.#message = this.#inbox.shift();
        if (this.#message === undefined) return false;
        left -= MESSAGE_COST;
        this.#open(this.#message);
      }
      left = this.#message.isBatch ? this.#stepBatch(this.#message, left) : this.#stepEntries(left);
    }
    return this.#message !== undefined || !this.#inbox.isEmpty;
  }

  #open({ from, bytes, isBatch, ageSeconds }: Incoming): void {
    const { origins } = this.#context.means;
    this.#inGroup = false;
    this.#newer = 0;
    if (isBatch) {
      // It was good when it came.
      this.#batch.open(bytes);
      this.#word.origin = origins.slotOf(from);
      this.#word.ageSeconds = ageSeconds;
      return;
    }
    const entries = this.#entries;
    if (entries.open(bytes) !== Decoded.ok) return;
    entries.origins.forEach((id, index) => {
      this.#slots[index] = this.#context.revoked.has(id) ? -1 : this.#context.slotOfNamed(id);
    });
    if (entries.kind !== MessageKind.stops) this.#stops.begin(from, entries);
  }

  #stepBatch({ from }: Incoming, budget: number): number {
    const batch = this.#batch;
    const word = this.#word;
    let left = budget;
    while (this.#inGroup || batch.nextGroup()) {
      this.#replica.begin(batch.infoHash);
      if (!this.#inGroup && batch.downloads >= 0) {
        const isNews = this.#mergeDownloads(word.origin, batch);
        if (!isNews) this.#reminder.check(from, word.origin, batch.infoHash, batch.downloads);
      }
      this.#inGroup = true;
      for (let i = 0; i < GROUP_WORDS_MAX && left > 0; i++, left--) {
        if (!batch.nextRecord()) {
          this.#inGroup = false;
          break;
        }
        this.#take(batch);
        if (word.kind < WEB_KINDS) this.#apply();
        else this.#applyWeb(from);
      }
      this.#replica.end();
      // A group without records costs as well.
      left--;
      if (left <= 0) return left;
    }
    this.#reminder.flush(from);
    this.#close();
    return left;
  }

  #stepEntries(budget: number): number {
    const entries = this.#entries;
    const isStops = entries.kind === MessageKind.stops;
    const word = this.#word;
    let left = budget;
    while (this.#inGroup || entries.nextGroup()) {
      this.#replica.begin(entries.infoHash);
      if (!this.#inGroup) {
        if (!isStops) this.#stops.beginGroup(entries.infoHash);
        while (entries.nextDownloads()) {
          this.#mergeDownloads(this.#slots[entries.origin], entries);
          left--;
        }
      }
      this.#inGroup = true;
      for (let i = 0; i < GROUP_WORDS_MAX && left > 0; i++, left--) {
        if (!entries.nextRecord()) {
          this.#inGroup = false;
          break;
        }
        word.origin = this.#slots[entries.origin];
        if (word.origin < 0) continue;
        word.ageSeconds = entries.ageSeconds;
        this.#take(entries);
        const outcome = word.kind < WEB_KINDS ? this.#apply() : this.#applyWeb(undefined);
        if (isStops) continue;
        if (outcome === GONE) this.#answerGone();
        else if (outcome >= Applied.buried) this.#answer(outcome);
      }
      this.#replica.end();
      left--;
      if (left <= 0) return left;
    }
    if (!isStops) this.#stops.finish();
    this.#close();
    return left;
  }

  /** Fills the word with what both kinds of record have. */
  #take(record: { flags: number; stamp: number; wire: Uint16Array }): void {
    const word = this.#word;
    const { flags } = record;
    word.kind = recordKind(flags);
    word.stopped = (flags & RecordFlag.stopped) !== 0;
    word.partialSeed = (flags & RecordFlag.partialSeed) !== 0;
    word.completed = (flags & RecordFlag.completed) !== 0;
    word.stamp = record.stamp;
    const words = wireBytesOf(flags) >>> 1;
    for (let i = 0; i < words; i++) word.wire[i] = record.wire[i];
  }

  /** A clock that is far ahead does not own the future. */
  #clamp(): void {
    const { tally, means } = this.#context;
    const word = this.#word;
    const latest = (means.store.stamp + this.#aheadMax) | 0;
    if (((word.stamp - latest) | 0) <= 0) return;
    word.stamp = latest;
    tally.wordsClamped++;
  }

  #apply(): Applied {
    const { tally } = this.#context;
    const word = this.#word;
    this.#clamp();
    const outcome = this.#replica.apply(word);
    tally[TALLY_OF[outcome]]++;
    if (outcome === Applied.newer) this.#newer++;
    return outcome;
  }

  /** Applies a word about a web peer, if it counts. `from` sent it in a batch of its own. */
  #applyWeb(from: string | undefined): Applied | typeof GONE {
    const { tally } = this.#context;
    const presence = this.#presence;
    const { wire, stopped } = this.#word;
    if (presence.isOwn(wire, 0)) {
      // Nobody knows better which connections are here.
      if (this.#replica.holds(this.#word)) {
        // Our clock may have been ahead before: what we said then, of a peer that left and came back,
        // would beat its return.
        this.#clamp();
        this.#replica.outlive(this.#word);
        return Applied.same;
      }
      tally.webWordsGone++;
      return GONE;
    }
    if (from !== undefined && !presence.isOf(from, wire, 0)) {
      tally.webWordsForged++;
      return GONE;
    }
    if (stopped || presence.counts(wire, 0)) return this.#apply();
    tally.webWordsGone++;
    presence.refused(wire, 0);
    return GONE;
  }

  /** Tells the sender of an entry that a web peer of ours, which it still has, is gone. */
  #answerGone(): void {
    const { kind, stamp, wire } = this.#word;
    if (!this.#presence.isOwn(wire, 0)) return;
    this.#stops.add(recordFlags(kind, true, false, false), SELF_SLOT, stamp, wire);
  }

  /** Tells the sender of an entry what we know better: that its peer left. */
  #answer(outcome: Applied): void {
    const word = this.#word;
    const flags = recordFlags(word.kind, true, false, false);
    if (outcome === Applied.buried) {
      const { buriedOrigin, buriedStamp } = this.#replica;
      this.#stops.add(flags, buriedOrigin, buriedStamp, word.wire);
      return;
    }
    // Heard by this node and by nobody since: had it lived, we would have heard it while we ran.
    const uptimeSeconds = (this.#context.nowMs - this.#bornMs) / 1000;
    if (outcome !== Applied.expired || word.origin !== SELF_SLOT) return;
    if (uptimeSeconds > word.ageSeconds) {
      this.#stops.add(flags, SELF_SLOT, word.stamp, word.wire);
    }
  }

  /** Takes the count of a node; false when it is no more than what was known. */
  #mergeDownloads(
    slot: number,
    { infoHash, downloads }: { infoHash: Int32Array; downloads: number },
  ): boolean {
    if (slot < 0) return true;
    const more = this.#context.means.counters.merge(infoHash, 0, slot, downloads);
    if (more > 0) this.#replica.addDownloads(more);
    return more > 0;
  }

  #close(): void {
    const message = this.#message;
    this.#message = undefined;
    message?.applied?.(this.#newer);
  }
}
