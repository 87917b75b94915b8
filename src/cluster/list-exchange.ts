/**
 * How deny and allow lists get around in a cluster.
 *
 * ```
 *                  news: ctl.all                       root differs: ctl.minder.<tracker>
 *   minder ------------------------> everybody   tracker ---------------------> one minder
 *     ^  |                                          ^                               |
 *     +--+ ctl.lists.<minder>: the same             +------- entries: ctl.<tracker> +
 *          between minders, both ways
 * ```
 *
 * Trackers only take; minders take from each other, and what one took the trackers find in its root.
 * Nothing here blocks the thread for long: what was heard is kept and taken in by `tick`, some hundred
 * entries between two looks at the clock.
 *
 * Bounds: 32 MiB that were heard and not taken in; what goes beyond is dropped and counted, and the
 * roots then tell. Eight questions a second of each node are read; see list-donor.ts for what may be
 * asked of a minder.
 */
import type { Prng } from '../lib/prng.js';
import {
  CONTROL_ALL,
  controlRequestSubject,
  controlSubject,
  decodeSettings,
} from '../protocol/cluster/control.js';
import { ListBlockEncoder } from '../protocol/cluster/list-block.js';
import {
  decodeListMessage,
  encodeListEntries,
  isListMessage,
  isListQuestion,
  LIST_END,
  LIST_MESSAGE_BLOCK_BYTES,
  type ListMessage,
  listSender,
  listSubject,
} from '../protocol/cluster/list-message.js';
import type { ListEntry, ListName } from '../swarm/hash-list.js';
import { ListDonor } from './list-donor.js';
import { type HashLists, ListIntake } from './list-intake.js';
import { ListRequester, type ListRoots } from './list-requester.js';
import type { ReplicationClock } from './replicator-options.js';
import type { ReplicationTransport } from './transport.js';

/** What the subjects begin with on which trackers ask. */
const MINDER_REQUESTS = controlRequestSubject('');
const INBOX_BYTES_MAX = 32 * 1024 * 1024;
/** Messages that are done before their memory is given back. */
const DONE_MAX = 32;
/** News are not sent while so much has not reached the bus: the roots tell of them. */
const UNCONFIRMED_BYTES_MAX = 16 * 1024 * 1024;
/** Entries between two looks at the clock: about a quarter of a millisecond. */
const ENTRIES_AT_ONCE = 128;
/** Reading one costs 35 us, and who asks in good faith waits for the answer. */
const QUESTIONS_PER_SECOND_MAX = 8;
/** A long import changes the roots all the time. */
const ROOTS_EVERY_MS = 1_000;

export interface ListExchangeOptions {
  /** This node's id. */
  readonly id: string;
  readonly role: 'tracker' | 'minder';
  /** Bytes of an answer; default 8 MiB. */
  readonly answerBytesMax?: number | undefined;
}

export interface ListExchangeDependencies {
  readonly lists: HashLists;
  readonly transport: ReplicationTransport;
  readonly clock: ReplicationClock;
  readonly random: Prng;
  /** Told of each entry that came from another node and is newer than what was known. */
  readonly onTaken?: ((list: ListName, entry: ListEntry) => void) | undefined;
  /** Told at most once a second that the roots have changed: everybody should hear them. */
  readonly onRoots?: (() => void) | undefined;
}

type EntriesMessage = Extract<ListMessage, { kind: 'entries' }>;

export class ListExchange {
  readonly counters = {
    /** Messages that were damaged, or not for a node like this one. */
    refused: 0,
    /** Questions of nodes that ask too often, which are not read. */
    questionsRefused: 0,
    /** Messages that came while too many waited. */
    dropped: 0,
    /** Messages of news that were sent. */
    news: 0,
    /** The same that were not, because the bus was too slow. */
    newsHeldBack: 0,
  };
  readonly intake: ListIntake;
  readonly donor: ListDonor;
  readonly requester: ListRequester;
  readonly #options: ListExchangeOptions;
  readonly #dependencies: ListExchangeDependencies;
  readonly #encoder = new ListBlockEncoder({ bytesMax: LIST_MESSAGE_BLOCK_BYTES });
  /** Copies of what was heard; those before `#next` are done. */
  #inbox: Uint8Array[] = [];
  #next = 0;
  #inboxBytes = 0;
  /** The message that is being taken in. */
  #current: EntriesMessage | undefined;
  #currentTaken = 0;
  #rootsMs = Number.NEGATIVE_INFINITY;
  #roots = '';
  /** Questions in this second, by the subject that the bus vouches for. */
  readonly #asked = new Map<string, number>();
  #askedSecond = Number.NEGATIVE_INFINITY;

  constructor(options: ListExchangeOptions, dependencies: ListExchangeDependencies) {
    const { lists, transport, clock, random, onTaken } = dependencies;
    this.#options = options;
    this.#dependencies = dependencies;
    this.requester = new ListRequester(options, { lists, transport, clock, random });
    this.donor = new ListDonor(options, { lists, transport, clock });
    this.intake = new ListIntake({
      lists,
      clock,
      onTaken: (list, entry) => {
        this.requester.noteTaken(list);
        onTaken?.(list, entry);
      },
    });
  }

  /**
   * Minders: hears what concerns lists. A tracker's owner hears `ctl.all` and `ctl.<id>` anyway, and
   * passes on what comes: `hear`, and `hearRoots` of settings.
   */
  subscribe(): void {
    const { transport } = this.#dependencies;
    const hear = (subject: string, payload: Uint8Array) => {
      if (this.hear(subject, payload) || subject !== CONTROL_ALL) return;
      const settings = decodeSettings(payload);
      if (settings?.lists !== undefined) this.hearRoots(settings.minder, settings.lists);
    };
    transport.subscribe(CONTROL_ALL, hear);
    transport.subscribe(listSubject(this.#options.id), hear);
    transport.subscribe(`${MINDER_REQUESTS}*`, hear);
  }

  /** Takes a message, and says whether it was about lists: all others are left to whoever calls. */
  hear(subject: string, payload: Uint8Array): boolean {
    if (!isListMessage(payload)) return false;
    // A node hears its own news too.
    if (listSender(payload) === this.#options.id) return true;
    if (subject.startsWith(MINDER_REQUESTS) || isListQuestion(payload)) {
      this.#answer(subject, payload);
      return true;
    }
    if (this.#inboxBytes + payload.length > INBOX_BYTES_MAX) {
      this.counters.dropped++;
      return true;
    }
    this.#inbox.push(new Uint8Array(payload));
    this.#inboxBytes += payload.length;
    return true;
  }

  /** A minder said what its lists are: the part `lists` of its settings. */
  hearRoots(minder: string, roots: ListRoots): void {
    this.requester.hearRoots(minder, roots);
  }

  /** What this node's lists are, for its settings. */
  roots(): ListRoots {
    const { deny, allow } = this.#dependencies.lists;
    return { deny: deny.root(), allow: allow.root() };
  }

  /** Tells everybody of entries that this minder has just put into its own list. */
  publish(list: ListName, entries: readonly ListEntry[]): void {
    const { transport } = this.#dependencies;
    if (!transport.connected) return;
    const head = { from: this.#options.id, list, request: 0, isLast: false, next: LIST_END };
    for (let i = 0; i < entries.length || this.#encoder.count > 0; ) {
      while (i < entries.length && this.#encoder.add(entries[i])) i++;
      const bytes = encodeListEntries(head, this.#encoder);
      if (transport.unconfirmedBytes > UNCONFIRMED_BYTES_MAX) {
        this.counters.newsHeldBack++;
        continue;
      }
      this.counters.news++;
      transport.publish(CONTROL_ALL, bytes);
    }
  }

  /**
   * Does what there is to do for about so many milliseconds. Returns whether there is more to do at
   * once; otherwise it wants to be called again within 50 ms or so.
   */
  tick(budgetMs: number): boolean {
    const { clock } = this.#dependencies;
    const untilMs = clock.monotonicMs() + budgetMs;
    const isBehind = this.#takeIn(untilMs);
    if (!isBehind) this.requester.tick();
    const hasMore = this.intake.sweep(untilMs);
    const isAnswering = this.#options.role === 'minder' && this.donor.tick(untilMs);
    this.#tellRoots();
    return isBehind || hasMore || isAnswering;
  }

  #answer(subject: string, payload: Uint8Array): void {
    const { id, role } = this.#options;
    if (!this.#mayAsk(subject)) {
      this.counters.questionsRefused++;
      return;
    }
    const message = decodeListMessage(payload);
    if (typeof message === 'number' || message.kind !== 'wanted' || role !== 'minder') {
      this.counters.refused++;
      return;
    }
    if (message.to !== id) return;
    const isTracker = subject.startsWith(MINDER_REQUESTS);
    // The bus vouches for the subject alone.
    if (isTracker && subject !== MINDER_REQUESTS + message.from) {
      this.counters.refused++;
      return;
    }
    this.donor.ask(message, isTracker ? controlSubject(message.from) : listSubject(message.from));
  }

  /** All minders ask on one subject of ours, and are trusted; each tracker has one of its own. */
  #mayAsk(subject: string): boolean {
    if (!subject.startsWith(MINDER_REQUESTS)) return true;
    const second = Math.floor(this.#dependencies.clock.monotonicMs() / 1_000);
    if (second !== this.#askedSecond) {
      this.#askedSecond = second;
      this.#asked.clear();
    }
    const asked = 1 + (this.#asked.get(subject) ?? 0);
    this.#asked.set(subject, asked);
    return asked <= QUESTIONS_PER_SECOND_MAX;
  }

  /** Takes in what was heard; returns whether there is more. */
  #takeIn(untilMs: number): boolean {
    const { clock } = this.#dependencies;
    for (;;) {
      this.#current ??= this.#open();
      const message = this.#current;
      if (message === undefined) return false;
      const { list, entries } = message;
      for (let i = 0; i < ENTRIES_AT_ONCE; i++) {
        const entry = entries.next();
        if (entry === undefined) break;
        if (this.intake.take(list, entry)) this.#currentTaken++;
      }
      if (entries.left === 0) this.#close(message);
      if (clock.monotonicMs() >= untilMs) {
        return this.#current !== undefined || this.#next < this.#inbox.length;
      }
    }
  }

  /** The next message that is whole. */
  #open(): EntriesMessage | undefined {
    while (this.#next < this.#inbox.length) {
      const bytes = this.#inbox[this.#next++];
      this.#inboxBytes -= bytes.length;
      if (this.#next === DONE_MAX) {
        this.#inbox.splice(0, DONE_MAX);
        this.#next = 0;
      }
      const message = decodeListMessage(bytes);
      if (typeof message !== 'number' && message.kind === 'entries') {
        this.#currentTaken = 0;
        return message;
      }
      this.counters.refused++;
    }
    this.#inbox = [];
    this.#next = 0;
    return undefined;
  }

  #close(message: EntriesMessage): void {
    this.#current = undefined;
    if (this.requester.expects(message)) this.requester.noteAnswer(message, this.#currentTaken);
  }

  #tellRoots(): void {
    const { clock, onRoots } = this.#dependencies;
    if (onRoots === undefined) return;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#rootsMs < ROOTS_EVERY_MS) return;
    this.#rootsMs = nowMs;
    const { deny, allow } = this.roots();
    const roots = deny + allow;
    if (roots === this.#roots) return;
    const isFirst = this.#roots === '';
    this.#roots = roots;
    if (!isFirst) onRoots();
  }
}
