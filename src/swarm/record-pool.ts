/**
 * Hands out records of 16 words, one cache line each: to swarms, and as side records to swarms that
 * have web peers. What is returned is handed out again first.
 *
 * ```
 * side record   word 8, 9    web seeders: root, count      10, 11   web leechers
 * ```
 *
 * A swarm names its side record in a word of its own (`Swarm.side`), as minus the number, minus one;
 * so a swarm without web peers pays nothing for them, and one with them counts twice against
 * `swarmsMax`. One record more than the pool has stays all zero for ever: it is the side record of
 * every swarm that has none, so that whoever only reads needs no branch.
 */
import { Global, RECORD_WORDS, type StoreMemory, Swarm } from './layout.js';
import { lock, unlock } from './lock.js';

export class RecordPool {
  readonly #records: Int32Array;
  readonly #control: Int32Array;
  readonly #total: number;
  readonly #thread: number;

  constructor(memory: StoreMemory, thread: number) {
    this.#records = new Int32Array(memory.records);
    this.#control = new Int32Array(memory.control);
    this.#total = memory.recordsTotal;
    this.#thread = thread;
  }

  /** The first word of a record, all words zero; -1 when all are in use. */
  take(): number {
    const control = this.#control;
    lock(control, Global.poolLock, this.#thread);
    let number = control[Global.recordsFree] - 1;
    if (number >= 0) control[Global.recordsFree] = this.#records[number * RECORD_WORDS];
    else if (control[Global.recordsFresh] < this.#total) number = control[Global.recordsFresh]++;
    if (number >= 0) control[Global.swarms]++;
    unlock(control, Global.poolLock);
    if (number < 0) return -1;
    const record = number * RECORD_WORDS;
    for (let i = 0; i < RECORD_WORDS; i++) this.#records[record + i] = 0;
    return record;
  }

  /** Takes back the record that begins at a word. */
  give(record: number): void {
    const control = this.#control;
    lock(control, Global.poolLock, this.#thread);
    this.#records[record] = control[Global.recordsFree];
    control[Global.recordsFree] = record / RECORD_WORDS + 1;
    control[Global.swarms]--;
    unlock(control, Global.poolLock);
  }
}

/** First word of a swarm's side record, or of the one that is always empty. */
export function sideOf(records: Int32Array, record: number): number {
  const side = records[record + Swarm.side];
  return side < 0 ? ~side * RECORD_WORDS : records.length - RECORD_WORDS;
}
