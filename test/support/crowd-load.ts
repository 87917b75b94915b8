/**
 * A crowd that keeps talking: peers of a population say word after word at the trackers that are
 * there, at a steady pace, while a test does something to one of them.
 *
 * A peer says its next word only when its last one was answered, and a while after: stamps count in
 * 1/64 s, and of two words of one peer at two trackers the later one must have the newer stamp.
 */
import { sized } from './long.js';
import { type Peer, Population, type Word } from './population.js';
import { seededPrng } from './prng.js';
import { type Doors, type Protocol, Voices } from './voices.js';

const STEP_MS = 10;
/** Longer than a stamp's unit, twice. */
const PEER_PAUSE_MS = 40;
const PICK_TRIES_MAX = 8;
const WAITING_MAX = 1_024;
/** A pace that was not kept for longer is not caught up with: that would be another load. */
const BEHIND_MS_MAX = 100;

/** A tracker that can be killed. */
type Mortal = Doors & { kill9(): Promise<unknown> };

export interface CrowdLoadOptions {
  readonly perSecond: number;
  /** One word in so many goes over HTTP. */
  readonly httpOneIn?: number;
  /** Peers that may speak at a tracker; all of them when not given. */
  readonly maySpeak?: (peer: Peer, tracker: Doors) => boolean;
  /** Words on their way at a time: too many do not fit a tracker's receive buffer. */
  readonly waitingMax?: number;
}

export class CrowdLoad {
  /** Times to an answer, of words that were answered. */
  readonly latenciesMs: number[] = [];
  /** What went wrong at trackers that were not given up. */
  readonly errors: string[] = [];
  /** Words that a tracker was given up with, and that were said elsewhere. */
  failedOver = 0;
  readonly #options: Required<CrowdLoadOptions>;
  readonly #population: Population;
  readonly #voices = new Map<Doors, Voices>();
  readonly #waiting = new Map<Doors, number>();
  readonly #order: Doors[] = [];
  #timer: NodeJS.Timeout | undefined;
  #dueMs = 0;
  #idle: (() => void)[] = [];
  #ended = false;

  constructor(
    { perSecond, httpOneIn = 8, maySpeak = () => true, waitingMax = WAITING_MAX }: CrowdLoadOptions,
    population: Population,
    trackers: readonly Doors[],
  ) {
    this.#options = { perSecond, httpOneIn, maySpeak, waitingMax };
    this.#population = population;
    for (const tracker of trackers) this.add(tracker);
  }

  get answered(): number {
    return this.latenciesMs.length;
  }

  /** Adds a tracker, from now on. */
  add(tracker: Doors): void {
    // Numbers name trackers in what peers remember; a tracker that leaves keeps its number.
    this.#order.push(tracker);
    this.#voices.set(tracker, new Voices());
    this.#waiting.set(tracker, 0);
  }

  /** Says nothing more at a tracker; resolves when all that was said there has been answered. */
  async leave(tracker: Doors): Promise<void> {
    const voices = this.#voices.get(tracker);
    if (voices === undefined) return;
    this.#voices.delete(tracker);
    await this.#whenIdle(() => (this.#waiting.get(tracker) ?? 0) === 0);
    voices.close();
  }

  /**
   * Kills a tracker. What it has not answered is said elsewhere, and said again is what it answered in
   * the last `lostMs`, which it may have told to nobody.
   */
  async kill(tracker: Mortal, lostMs: number): Promise<void> {
    const number = this.#order.indexOf(tracker);
    const voices = this.#voices.get(tracker);
    this.#voices.delete(tracker);
    await tracker.kill9();
    const sinceMs = performance.now() - lostMs;
    voices?.close();
    await this.#whenIdle(() => this.#waiting.get(tracker) === 0);
    const doubtful = this.#population.peers.filter(
      (peer) => !peer.isBusy && peer.tracker === number && peer.answeredMs > sinceMs,
    );
    for (const peer of doubtful) this.#say(this.#population.repeat(peer));
  }

  start(): void {
    this.#dueMs = performance.now();
    this.#timer = setInterval(() => this.#step(), STEP_MS);
  }

  /** Resolves when `count` more words have been answered. */
  async progress(count: number): Promise<void> {
    const goal = this.answered + count;
    await this.#whenIdle(() => this.answered >= goal || this.errors.length > 0);
  }

  /** Says nothing more; resolves when all words have been answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#whenIdle(() => [...this.#waiting.values()].every((count) => count === 0));
    this.end();
  }

  /** Falls silent at once, whatever has not been answered. */
  end(): void {
    clearInterval(this.#timer);
    const all = [...this.#voices.values()];
    this.#ended = true;
    for (const voices of all) voices.close();
  }

  #step(): void {
    const { perSecond } = this.#options;
    const nowMs = performance.now();
    this.#dueMs = Math.max(this.#dueMs, nowMs - BEHIND_MS_MAX);
    let waiting = 0;
    for (const count of this.#waiting.values()) waiting += count;
    for (; this.#dueMs < nowMs && waiting < this.#options.waitingMax; waiting++) {
      this.#dueMs += 1_000 / perSecond;
      const peer = this.#pick(nowMs);
      if (peer !== undefined) this.#say(this.#population.next(peer));
    }
  }

  #pick(nowMs: number): Peer | undefined {
    const { peers, prng } = this.#population;
    for (let i = 0; i < PICK_TRIES_MAX; i++) {
      const peer = prng.pick(peers);
      if (!peer.isBusy && nowMs - peer.answeredMs > PEER_PAUSE_MS && this.#isWelcome(peer)) {
        return peer;
      }
    }
    return undefined;
  }

  #isWelcome(peer: Peer): boolean {
    for (const tracker of this.#voices.keys()) {
      if (this.#options.maySpeak(peer, tracker)) return true;
    }
    return false;
  }

  #say(word: Word): void {
    const { peer } = word;
    const { prng } = this.#population;
    const open = [...this.#voices].filter(([tracker]) => this.#options.maySpeak(peer, tracker));
    if (open.length === 0) throw new Error('no tracker is left');
    const [tracker, voices] = prng.pick(open);
    const protocol: Protocol = prng.below(this.#options.httpOneIn) === 0 ? 'http' : 'udp';
    peer.isBusy = true;
    this.#count(tracker, 1);
    const saidMs = performance.now();
    voices.say({ word, tracker, protocol }).then(
      () => {
        peer.answeredMs = performance.now();
        peer.tracker = this.#order.indexOf(tracker);
        peer.isBusy = false;
        this.latenciesMs.push(peer.answeredMs - saidMs);
        this.#count(tracker, -1);
      },
      (error: Error) => {
        if (this.#ended) return;
        if (this.#voices.has(tracker)) {
          this.errors.push(`${protocol} ${word.event}: ${error.message}`);
          peer.isBusy = false;
        } else {
          this.failedOver++;
          this.#say(word);
        }
        this.#count(tracker, -1);
      },
    );
  }

  #count(tracker: Doors, change: 1 | -1): void {
    this.#waiting.set(tracker, (this.#waiting.get(tracker) ?? 0) + change);
    for (const wake of this.#idle.splice(0)) wake();
  }

  async #whenIdle(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      await new Promise<void>((resolve) => {
        this.#idle.push(resolve);
      });
    }
  }
}

/** A crowd of the usual size that speaks at these trackers from now on, until `load.end`. */
export function startCrowd(trackers: readonly Doors[]) {
  const population = new Population(
    {
      peers: sized(5_000, 50_000),
      swarms: sized(1_000, 10_000),
      hosts: ['127.0.0.2', '::1', '127.0.0.3'],
    },
    seededPrng(),
  );
  const perSecond = sized(1_000, 10_000);
  const load = new CrowdLoad({ perSecond }, population, trackers);
  load.start();
  return { population, load, perSecond };
}
