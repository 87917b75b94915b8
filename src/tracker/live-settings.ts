/**
 * What a tracker tells its clients and may change while it runs: words of shared memory, each with one
 * writer, which every thread with sockets looks at once a batch.
 *
 * ```
 * Int32   word 0      version: grows with every change (atomic); nothing else is read while it stays
 *              1      stretch of the interval, in 1/1000; 0 is none              main
 *              2      interval that the cluster wants, s; 0: as configured       cluster worker
 *              3      most peers in a reply plus one; 0: as configured           cluster worker
 *              4      1 while this tracker drains                                cluster worker
 * Float64 byte 24     requests answered since the start                          main
 *              32     the same of announces that were no stops                   main
 *              40     processors' time that the busiest worker uses, 0 to 1      main
 * ```
 */

/** The longest interval that any client is told, whatever asks for more: a third of a day. */
export const INTERVAL_TOLD_SECONDS_MAX = 28_800;
export const LIVE_SETTINGS_BYTES = 48;

const Word = { version: 0, stretch: 1, interval: 2, numwantPlusOne: 3, draining: 4 } as const;
const Total = { requests: 3, visits: 4, busyShare: 5 } as const;
const STRETCH_UNIT = 1_000;

export function createLiveSettings(): SharedArrayBuffer {
  return new SharedArrayBuffer(LIVE_SETTINGS_BYTES);
}

/** What holds while nobody says otherwise. */
export interface ConfiguredSettings {
  readonly intervalSeconds: number;
  readonly minIntervalSeconds: number;
  readonly numwantMax: number;
}

/** What a tracker has done so far, for those who watch it. */
export interface LiveTotals {
  /** Announces and scrapes answered. */
  readonly requests: number;
  /**
   * Announces that were no stops: clients that count on coming back here. Neither those who say good
   * bye nor probes, which say that alone, are among them.
   */
  readonly visits: number;
  /** Share of its time that the busiest worker was busy lately. */
  readonly busyShare: number;
}

/** A thread's view. */
export class LiveSettings {
  /** Seconds between two announces that clients are asked for now. */
  intervalSeconds = 0;
  minIntervalSeconds = 0;
  numwantMax = 0;
  draining = false;
  readonly #configured: ConfiguredSettings;
  readonly #words: Int32Array;
  readonly #totals: Float64Array;
  #version = -1;

  constructor(memory: SharedArrayBuffer, configured: ConfiguredSettings) {
    this.#configured = configured;
    this.#words = new Int32Array(memory);
    this.#totals = new Float64Array(memory);
    this.refresh();
  }

  /** Takes over what was written since the last call. A load of one word when nothing was. */
  refresh(): void {
    const version = Atomics.load(this.#words, Word.version);
    if (version === this.#version) return;
    this.#version = version;
    const { intervalSeconds, minIntervalSeconds, numwantMax } = this.#configured;
    const words = this.#words;
    const wanted = this.baseIntervalSeconds;
    this.intervalSeconds = Math.min(
      INTERVAL_TOLD_SECONDS_MAX,
      Math.max(1, Math.round(wanted * this.stretch)),
    );
    // In the same proportion, and never over it.
    const inProportion = Math.floor((this.intervalSeconds * minIntervalSeconds) / intervalSeconds);
    this.minIntervalSeconds = Math.min(this.intervalSeconds, Math.max(1, inProportion));
    const numwant = words[Word.numwantPlusOne];
    this.numwantMax = numwant === 0 ? numwantMax : numwant - 1;
    this.draining = words[Word.draining] === 1;
  }

  /** The interval as it is configured or the cluster wants it, before it is stretched. */
  get baseIntervalSeconds(): number {
    return this.#words[Word.interval] || this.#configured.intervalSeconds;
  }

  /** How many times the interval is longer because of load. */
  get stretch(): number {
    return (this.#words[Word.stretch] || STRETCH_UNIT) / STRETCH_UNIT;
  }

  get totals(): LiveTotals {
    const cells = this.#totals;
    return {
      requests: cells[Total.requests],
      visits: cells[Total.visits],
      busyShare: cells[Total.busyShare],
    };
  }

  /** For the thread that controls the load: main. */
  setStretch(stretch: number): void {
    this.#set(Word.stretch, Math.round(stretch * STRETCH_UNIT));
  }

  /** For the same thread. */
  setTotals({ requests, visits, busyShare }: LiveTotals): void {
    this.#totals[Total.requests] = requests;
    this.#totals[Total.visits] = visits;
    this.#totals[Total.busyShare] = busyShare;
  }

  /** For the thread that hears the cluster. Null: as configured. */
  setCluster(intervalSeconds: number | null, numwantMax: number | null): void {
    this.#set(Word.interval, intervalSeconds ?? 0);
    this.#set(Word.numwantPlusOne, numwantMax === null ? 0 : numwantMax + 1);
  }

  /** For the same thread. */
  setDraining(draining: boolean): void {
    this.#set(Word.draining, draining ? 1 : 0);
  }

  #set(word: number, value: number): void {
    if (this.#words[word] === value) return;
    Atomics.store(this.#words, word, value);
    Atomics.add(this.#words, Word.version, 1);
    this.refresh();
  }
}
