/**
 * Messages that came and are yet to be applied, a queue for each sender, so that one that floods us
 * delays its own messages most. Bounded in bytes: what is too much goes from the longest queue,
 * oldest first, and will be missed and asked for again.
 */
import type { ReplicationContext } from './replication-context.js';

/** Memory of a message besides its bytes, which bounds the number of small ones. */
const OVERHEAD_BYTES = 200;

export interface Incoming {
  readonly from: string;
  /** Stays as it is. */
  readonly bytes: Uint8Array;
  readonly isBatch: boolean;
  /** Seconds since what a batch tells of happened. */
  readonly ageSeconds: number;
  /** Called when it was dropped instead of applied. */
  readonly dropped?: () => void;
  /** Called when it was applied, with the words of it that were news. */
  readonly applied?: (newer: number) => void;
}

interface Queue {
  bytes: number;
  readonly messages: Incoming[];
  /** Where the oldest stands in `messages`. */
  head: number;
}

export class Inbox {
  bytes = 0;
  #size = 0;
  readonly #context: ReplicationContext;
  /** Senders with messages, in the order of their turns. */
  readonly #queues = new Map<string, Queue>();

  constructor(context: ReplicationContext) {
    this.#context = context;
  }

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  push(message: Incoming): void {
    let queue = this.#queues.get(message.from);
    if (queue === undefined) {
      queue = { bytes: 0, messages: [], head: 0 };
      this.#queues.set(message.from, queue);
    }
    queue.messages.push(message);
    this.#count(queue, message, 1);
    // One is always kept, however large: it would come again and again.
    while (this.bytes > this.#context.options.inboxBytesMax && this.#size > 1) this.#dropOldest();
  }

  /** The next message, or nothing. Senders take turns. */
  shift(): Incoming | undefined {
    for (const [from, queue] of this.#queues) {
      const message = this.#take(queue);
      // To the end of the line.
      this.#queues.delete(from);
      if (queue.head < queue.messages.length) this.#queues.set(from, queue);
      return message;
    }
    return undefined;
  }

  #dropOldest(): void {
    let longest = '';
    let bytes = -1;
    for (const [from, queue] of this.#queues) {
      if (queue.bytes <= bytes) continue;
      bytes = queue.bytes;
      longest = from;
    }
    const queue = this.#queues.get(longest);
    if (queue === undefined) return;
    const message = this.#take(queue);
    if (queue.head === queue.messages.length) this.#queues.delete(longest);
    this.#context.tally.inboxDropped++;
    message.dropped?.();
  }

  #take(queue: Queue): Incoming {
    const message = queue.messages[queue.head++];
    this.#count(queue, message, -1);
    // Now and then, so that taking one costs no move of all others.
    if (queue.head > 64 && queue.head * 2 > queue.messages.length) {
      queue.messages.splice(0, queue.head);
      queue.head = 0;
    }
    return message;
  }

  #count(queue: Queue, message: Incoming, sign: number): void {
    const bytes = sign * (message.bytes.length + OVERHEAD_BYTES);
    queue.bytes += bytes;
    this.bytes += bytes;
    this.#size += sign;
  }
}
