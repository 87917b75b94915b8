/**
 * The answering half of the exchange of lists: a minder that is asked compares the asker's digests
 * with its own, and sends all entries of the buckets that differ.
 *
 * ```
 * wanted (digests, first) ---> entries, entries, ... entries (last, next)
 *                              at most `answerBytesMax`; next: where to go on, or the end
 * ```
 *
 * Bounds: an answer has some megabytes, so that whoever asks takes them in before it asks for more; a
 * node gets eight answers in a row and then one in two seconds; eight nodes are answered at a time and
 * 64 wait, with one question each; nothing is sent while the bus has not confirmed what was sent before.
 */
import { ListBlockEncoder } from '../protocol/cluster/list-block.js';
import {
  encodeListEntries,
  LIST_BUCKETS,
  LIST_END,
  LIST_MESSAGE_BLOCK_BYTES,
  type ListWanted,
} from '../protocol/cluster/list-message.js';
import type { ListEntry } from '../swarm/hash-list.js';
import type { HashLists } from './list-intake.js';
import type { ReplicationClock } from './replicator-options.js';
import type { ReplicationTransport } from './transport.js';

const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
const UNCONFIRMED_BYTES_MAX = 4 * 1024 * 1024;
const ANSWERS_AT_ONCE = 8;
const ANSWERS_WAITING = 64;
/** Answers that a node may have in a row, and how often it gets one more. */
const ASKS_IN_ROW = 8;
const ASK_EVERY_MS = 2_000;
const ASKERS_MAX = 4_096;

export interface ListDonorOptions {
  /** This minder's id. */
  readonly id: string;
  /** Default 8 MiB. */
  readonly answerBytesMax?: number | undefined;
}

export interface ListDonorDependencies {
  readonly lists: HashLists;
  readonly transport: ReplicationTransport;
  readonly clock: ReplicationClock;
}

interface Answer {
  readonly wanted: ListWanted;
  readonly subject: string;
  /** Own digests when the answer began: what came since was told to everybody. */
  readonly own: Uint32Array;
  readonly encoder: ListBlockEncoder;
  /** The bucket that comes next. */
  bucket: number;
  /** Entries of the bucket before it that have yet to be sent. */
  entries: readonly ListEntry[];
  entry: number;
  bytesLeft: number;
}

export class ListDonor {
  readonly counters = {
    /** Questions that were answered, or are being answered. */
    answers: 0,
    /** Questions that were dropped: too many nodes wait. */
    refused: 0,
    entriesSent: 0,
    bytesSent: 0,
  };
  readonly #options: ListDonorOptions;
  readonly #dependencies: ListDonorDependencies;
  /** By asker: each has one question at a time, and a later one replaces it. */
  readonly #answers = new Map<string, Answer>();
  readonly #waiting = new Map<string, { wanted: ListWanted; subject: string }>();
  /** When a node will have as many answers to its credit as it can. */
  readonly #credit = new Map<string, number>();
  readonly #encoders: ListBlockEncoder[] = [];

  constructor(options: ListDonorOptions, dependencies: ListDonorDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Takes a question of a node, whose answer goes to a subject that only it hears, and minders. */
  ask(wanted: ListWanted, subject: string): void {
    const { from } = wanted;
    if (!this.#waiting.has(from) && this.#waiting.size >= ANSWERS_WAITING) {
      this.counters.refused++;
      return;
    }
    // Who asks anew has given up what it asked before.
    this.#end(from);
    this.#waiting.set(from, { wanted, subject });
  }

  /** Works until `untilMs` on the monotonic clock; returns whether there is more to do at once. */
  tick(untilMs: number): boolean {
    const { transport, clock } = this.#dependencies;
    if (!transport.connected) {
      // Whoever asked will ask again, where it can be heard.
      for (const from of [...this.#answers.keys()]) this.#end(from);
      this.#waiting.clear();
      return false;
    }
    for (const [from, { wanted, subject }] of this.#waiting) {
      if (this.#answers.size >= ANSWERS_AT_ONCE) break;
      if (!this.#takeCredit(from)) continue;
      this.#waiting.delete(from);
      this.counters.answers++;
      this.#begin(wanted, subject);
    }
    while (this.#answers.size > 0) {
      for (const answer of this.#answers.values()) {
        if (transport.unconfirmedBytes > UNCONFIRMED_BYTES_MAX) return false;
        this.#advance(answer);
        if (clock.monotonicMs() >= untilMs) return this.#answers.size > 0;
      }
    }
    return false;
  }

  #begin(wanted: ListWanted, subject: string): void {
    this.#answers.set(wanted.from, {
      wanted,
      subject,
      own: this.#dependencies.lists[wanted.list].bucketDigests(),
      encoder: this.#encoders.pop() ?? new ListBlockEncoder({ bytesMax: LIST_MESSAGE_BLOCK_BYTES }),
      bucket: wanted.first,
      entries: [],
      entry: 0,
      bytesLeft: this.#options.answerBytesMax ?? ANSWER_BYTES_MAX,
    });
  }

  #end(from: string): void {
    const answer = this.#answers.get(from);
    if (answer === undefined) return;
    this.#answers.delete(from);
    answer.encoder.finish(0);
    this.#encoders.push(answer.encoder);
  }

  /** Collects the next bucket that differs, or ends the answer. */
  #advance(answer: Answer): void {
    const { wanted, own, encoder } = answer;
    while (answer.entry < answer.entries.length) {
      const entry = answer.entries[answer.entry];
      if (encoder.add(entry)) {
        answer.entry++;
        continue;
      }
      this.#send(answer, { isLast: false });
      return;
    }
    const { digests } = wanted;
    while (answer.bucket < LIST_BUCKETS && isSame(own, digests, answer.bucket)) answer.bucket++;
    if (answer.bucket === LIST_BUCKETS || answer.bytesLeft <= 0) {
      this.#send(answer, { isLast: true });
      this.#end(wanted.from);
      return;
    }
    answer.entries = this.#dependencies.lists[wanted.list].entriesOf(answer.bucket++);
    answer.entry = 0;
  }

  #send(answer: Answer, { isLast }: { isLast: boolean }): void {
    const { wanted, encoder, subject } = answer;
    this.counters.entriesSent += encoder.count;
    const next = isLast ? answer.bucket : LIST_END;
    const { list, request } = wanted;
    const head = { from: this.#options.id, list, request, isLast, next };
    const bytes = encodeListEntries(head, encoder);
    answer.bytesLeft -= bytes.length;
    this.counters.bytesSent += bytes.length;
    this.#dependencies.transport.publish(subject, bytes);
  }

  /** One number a node: the time at which it could ask as often in a row as it may. */
  #takeCredit(from: string): boolean {
    const nowMs = this.#dependencies.clock.monotonicMs();
    const fullMs = Math.max(nowMs, this.#credit.get(from) ?? nowMs) + ASK_EVERY_MS;
    if (fullMs - nowMs > ASKS_IN_ROW * ASK_EVERY_MS) return false;
    if (!this.#credit.has(from) && this.#credit.size >= ASKERS_MAX) {
      for (const [id, ms] of this.#credit) if (ms <= nowMs) this.#credit.delete(id);
      if (this.#credit.size >= ASKERS_MAX) return false;
    }
    this.#credit.set(from, fullMs);
    return true;
  }
}

function isSame(own: Uint32Array, theirs: Uint32Array, bucket: number): boolean {
  return own[2 * bucket] === theirs[2 * bucket] && own[2 * bucket + 1] === theirs[2 * bucket + 1];
}
