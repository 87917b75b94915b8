/**
 * The asking half of the exchange of lists: minders say the roots of their lists each ten seconds, and
 * a node whose own root stays different asks one of them for what differs, answer by answer:
 *
 * ```
 *        a root differs for 2 s*             the last message of an answer was taken in
 *   idle -----------------------> asking ----------------------------------------------> asking from
 *     ^                             |  nothing heard for 5 s                               `next` on
 *     +-----------------------------+---------------------------- `next` is the end ----------+
 *
 *   * at once after a start, so that what was denied meanwhile is not served for that long
 * ```
 *
 * Two minders each ask the other, so that each ends up with what both know. Where a whole round
 * brought nothing new, because the other lacks what we know or our list is full, we do not ask again
 * for a minute unless a root changes.
 */
import type { Prng } from '../lib/prng.js';
import {
  type ClusterSettings,
  controlRequestSubject,
  MINDERS_MAX,
} from '../protocol/cluster/control.js';
import {
  encodeListWanted,
  LIST_END,
  type ListEntriesHead,
  listSubject,
} from '../protocol/cluster/list-message.js';
import { LIST_NAMES, type ListName } from '../swarm/hash-list.js';
import type { HashLists } from './list-intake.js';
import type { ReplicationClock } from './replicator-options.js';
import type { ReplicationTransport } from './transport.js';

/** What minders say of their lists. */
export type ListRoots = NonNullable<ClusterSettings['lists']>;

/** How long a root must differ, with nothing new coming in: the news may be under way. */
const SETTLE_MS = 2_000;
/** The same after a start, until our list was a minder's once: what was said before, we have missed. */
const SETTLE_MS_FIRST = 0;
/** The same while something new comes in all the time. */
const SETTLE_MS_MAX = 15_000;
const ANSWER_MS_MAX = 5_000;
/** After a question without an answer: so long, and up to as long again, so that not all ask at once. */
const PAUSE_MS = 2_000;
const FRUITLESS_MS = 60_000;
/** A minder that has not spoken for so long is not asked. */
const SILENT_MS = 60_000;
/** Own roots cost 20 us each. */
const LOOK_EVERY_MS = 200;

export interface ListRequesterOptions {
  readonly id: string;
  readonly role: 'tracker' | 'minder';
}

export interface ListRequesterDependencies {
  readonly lists: HashLists;
  readonly transport: ReplicationTransport;
  readonly clock: ReplicationClock;
  readonly random: Prng;
}

/** What one minder said of one list. */
interface View {
  root: string;
  heardMs: number;
  /** Since when it has differed from ours, as far as we know. */
  differsMs: number | undefined;
  fruitless:
    | { readonly own: string; readonly theirs: string; readonly untilMs: number }
    | undefined;
}

interface Question {
  readonly minder: string;
  readonly list: ListName;
  readonly request: number;
  /** When it was asked, or its answer was last heard. */
  heardMs: number;
  /** The root that the minder had when the round began. */
  readonly theirs: string;
  /** Entries that the round brought. */
  taken: number;
}

export class ListRequester {
  readonly counters = {
    questions: 0,
    /** Whole rounds: afterwards all buckets of a list had been compared. */
    rounds: 0,
    /** Questions without an answer, or whose answer broke off. */
    timeouts: 0,
  };
  readonly #options: ListRequesterOptions;
  readonly #dependencies: ListRequesterDependencies;
  readonly #views = new Map<string, Record<ListName, View>>();
  /** When an entry was last taken in. */
  readonly #takenMs = { deny: Number.NEGATIVE_INFINITY, allow: Number.NEGATIVE_INFINITY };
  /** Whether a list was once, since the start, all that some minder knew. */
  readonly #wasCurrent = { deny: false, allow: false };
  #question: Question | undefined;
  #request: number;
  #lookMs = Number.NEGATIVE_INFINITY;
  #pauseMs = Number.NEGATIVE_INFINITY;

  constructor(options: ListRequesterOptions, dependencies: ListRequesterDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    // An answer to a process before this one should answer nothing of ours.
    this.#request = dependencies.random.next();
  }

  /** A minder said what its lists are. */
  hearRoots(minder: string, roots: ListRoots): void {
    if (minder === this.#options.id) return;
    const heardMs = this.#dependencies.clock.monotonicMs();
    const views = this.#views.get(minder);
    // The latest at the end: the first is the one to forget when there are too many.
    this.#views.delete(minder);
    if (this.#views.size >= MINDERS_MAX) {
      for (const [oldest] of this.#views) {
        this.#views.delete(oldest);
        break;
      }
    }
    const view = (list: ListName): View => {
      const before = views?.[list];
      if (before?.root === roots[list]) return Object.assign(before, { heardMs });
      const { differsMs, fruitless } = before ?? {};
      return { root: roots[list], heardMs, differsMs, fruitless };
    };
    this.#views.set(minder, { deny: view('deny'), allow: view('allow') });
  }

  /** Whether our lists are what some minder said last of its own. */
  get agrees(): boolean {
    const { lists } = this.#dependencies;
    const [deny, allow] = [lists.deny.root(), lists.allow.root()];
    return [...this.#views.values()].some(
      (views) => views.deny.root === deny && views.allow.root === allow,
    );
  }

  /** An entry was taken in, whoever said it. */
  noteTaken(list: ListName): void {
    this.#takenMs[list] = this.#dependencies.clock.monotonicMs();
  }

  /** Whether a message is a part of the answer that is being waited for. */
  expects({ from, list, request }: ListEntriesHead): boolean {
    const question = this.#question;
    return (
      question !== undefined &&
      question.request === request &&
      question.list === list &&
      question.minder === from
    );
  }

  /** A message of the answer was taken in, with so many entries that were new. */
  noteAnswer({ isLast, next }: ListEntriesHead, taken: number): void {
    const question = this.#question;
    if (question === undefined) return;
    const { clock, lists } = this.#dependencies;
    question.taken += taken;
    question.heardMs = clock.monotonicMs();
    if (!isLast) return;
    this.#question = undefined;
    if (next < LIST_END) {
      this.#ask(question.minder, question.list, { ...question, first: next });
      return;
    }
    this.counters.rounds++;
    this.#wasCurrent[question.list] = true;
    const view = this.#views.get(question.minder)?.[question.list];
    if (view === undefined) return;
    view.differsMs = undefined;
    if (question.taken === 0) {
      const own = lists[question.list].root();
      const untilMs = clock.monotonicMs() + FRUITLESS_MS;
      view.fruitless = { own, theirs: question.theirs, untilMs };
    }
  }

  /** Asks when it is time. Not to be called while messages wait to be taken in. */
  tick(): void {
    const { transport, clock, random } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    if (this.#question !== undefined) {
      if (nowMs - this.#question.heardMs < ANSWER_MS_MAX && transport.connected) return;
      this.counters.timeouts++;
      this.#question = undefined;
      this.#pauseMs = nowMs + PAUSE_MS + random.below(PAUSE_MS);
    }
    if (!transport.connected || nowMs < this.#pauseMs || nowMs - this.#lookMs < LOOK_EVERY_MS) {
      return;
    }
    this.#lookMs = nowMs;
    for (const list of LIST_NAMES) {
      const minder = this.#whomToAsk(list, nowMs);
      if (minder === undefined) continue;
      this.#ask(minder, list, { first: 0, taken: 0 });
      return;
    }
  }

  /** One of the minders whose list has been another one for long enough. */
  #whomToAsk(list: ListName, nowMs: number): string | undefined {
    const own = this.#dependencies.lists[list].root();
    const candidates: string[] = [];
    for (const [minder, { [list]: view }] of this.#views) {
      const isSilent = nowMs - view.heardMs > SILENT_MS;
      this.#wasCurrent[list] ||= view.root === own;
      if (view.root === own || isSilent || isInVain(view, own, nowMs)) {
        view.differsMs = undefined;
        continue;
      }
      view.differsMs ??= nowMs;
      const quietMs = nowMs - Math.max(view.differsMs, this.#takenMs[list]);
      const settleMs = this.#wasCurrent[list] ? SETTLE_MS : SETTLE_MS_FIRST;
      if (quietMs >= settleMs || nowMs - view.differsMs >= SETTLE_MS_MAX) candidates.push(minder);
    }
    if (candidates.length === 0) return undefined;
    return candidates[this.#dependencies.random.below(candidates.length)];
  }

  #ask(
    minder: string,
    list: ListName,
    { first, taken, theirs }: { first: number; taken: number; theirs?: string },
  ): void {
    const { lists, transport, clock } = this.#dependencies;
    const { id, role } = this.#options;
    this.#request = (this.#request + 1) >>> 0 || 1;
    const request = this.#request;
    this.#question = {
      minder,
      list,
      request,
      heardMs: clock.monotonicMs(),
      theirs: theirs ?? this.#views.get(minder)?.[list].root ?? '',
      taken,
    };
    this.counters.questions++;
    const digests = lists[list].bucketDigests();
    const wanted = { from: id, to: minder, list, request, first, digests };
    const subject = role === 'minder' ? listSubject(minder) : controlRequestSubject(id);
    transport.publish(subject, encodeListWanted(wanted));
  }
}

function isInVain({ fruitless, root }: View, own: string, nowMs: number): boolean {
  return (
    fruitless !== undefined &&
    fruitless.own === own &&
    fruitless.theirs === root &&
    nowMs < fruitless.untilMs
  );
}
