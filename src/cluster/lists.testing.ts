/** What tests of lists share: lists of their own, entries by number, and nodes on a bus in memory. */
import { ManualClock } from '../lib/clock.js';
import type { LogSink } from '../lib/log-sink.js';
import { HashList, type ListEntry, reserveHashList } from '../swarm/hash-list.js';
import type { HashLists } from './list-intake.js';
import type { ReplicationClock } from './replicator-options.js';

export const MINDERS = ['n00000000000000a1', 'n00000000000000a2', 'n00000000000000a3'] as const;
export const TRACKERS = [
  'n00000000000000b1',
  'n00000000000000b2',
  'n00000000000000b3',
  'n00000000000000b4',
] as const;

export function newLists(entriesMax = 10_000): HashLists {
  return {
    deny: new HashList(reserveHashList({ entriesMax })),
    allow: new HashList(reserveHashList({ entriesMax })),
  };
}

/** The hash of a number: spread over the buckets. */
export function hashOf(number: number): Uint8Array {
  const hash = new Uint8Array(20);
  let state = (number + 1) * 0x9e3779b1;
  for (let i = 0; i < 20; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + i;
    hash[i] = state >>> 24;
  }
  return hash;
}

export function entryOf(number: number, more: Partial<ListEntry> = {}): ListEntry {
  return {
    hash: hashOf(number),
    stamp: 1_700_000_000_000,
    by: MINDERS[0],
    present: true,
    expiresSeconds: 0,
    reason: '',
    ...more,
  };
}

/** Everything in a list, in an order of its own. */
export function contentOf(lists: HashLists): string[] {
  return (['deny', 'allow'] as const)
    .flatMap((list) =>
      [...lists[list].entries()].map(
        ({ hash, ...rest }) =>
          `${list} ${Buffer.from(hash).toString('hex')} ${JSON.stringify(rest)}`,
      ),
    )
    .sort();
}

/** A clock that stands still between two words of the test, in milliseconds. */
export class TestClock extends ManualClock implements ReplicationClock {
  ms = 1_000_000;

  override monotonicMs(): number {
    return this.ms;
  }

  override wallMs(): number {
    return 1_700_000_000_000 + this.ms;
  }
}

export interface Line {
  readonly level: string;
  readonly msg: string;
  readonly fields: unknown;
}

export class Lines implements LogSink {
  readonly lines: Line[] = [];

  log(level: string, msg: string, fields?: unknown): void {
    this.lines.push({ level, msg, fields });
  }
}
