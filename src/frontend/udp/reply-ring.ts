/**
 * Buffers for replies on their way to the system. `dgram` sends asynchronously when the system's
 * queue is full, so a buffer must rest until its send is over.
 *
 * ```
 * slab: SLOTS x 1280 bytes; slot i holds a reply at [1280 i, 1280 i + 1220)
 * free: a stack of slot numbers, `#freeCount` deep
 * ```
 *
 * 256 slots are 320 KiB: more than one turn of the event loop can fill on a socket (libuv reads 32
 * datagrams a turn), so that they run out only when the system's queue is full.
 */
import { DATAGRAM_BYTES_MAX, DatagramBuffer } from '../handler.js';

const SLOT_BYTES = 1_280;
export const REPLY_SLOTS = 256;

/** Called when a send is over, as `dgram` calls it. */
export type SentCallback = (error: Error | null) => void;

export class ReplySlot {
  readonly buffer: DatagramBuffer;
  /** Made once a slot, so that a send needs no closure. Gives the slot back. */
  readonly sent: SentCallback;

  constructor(bytes: Uint8Array, sent: SentCallback) {
    this.buffer = new DatagramBuffer(bytes);
    this.sent = sent;
  }
}

export class ReplyRing {
  readonly #slots: ReplySlot[] = [];
  readonly #free: Int32Array;
  #freeCount: number;
  #whenIdle: (() => void) | undefined;

  /** `onSendError` hears of every send that failed. */
  constructor(onSendError: (error: Error) => void, slotCount: number = REPLY_SLOTS) {
    const slab = new Uint8Array(slotCount * SLOT_BYTES);
    this.#free = new Int32Array(slotCount);
    this.#freeCount = slotCount;
    for (let slot = 0; slot < slotCount; slot++) {
      const at = slot * SLOT_BYTES;
      const bytes = slab.subarray(at, at + DATAGRAM_BYTES_MAX);
      const sent = (error: Error | null): void => {
        this.#free[this.#freeCount++] = slot;
        if (error !== null) onSendError(error);
        if (this.#freeCount === this.#free.length) this.#whenIdle?.();
      };
      this.#slots.push(new ReplySlot(bytes, sent));
      this.#free[slot] = slot;
    }
  }

  /** The next free slot, still free; undefined when all wait for the system. */
  peek(): ReplySlot | undefined {
    return this.#freeCount === 0 ? undefined : this.#slots[this.#free[this.#freeCount - 1]];
  }

  /** Takes the slot that `peek` showed. It comes back when its `sent` is called. */
  take(): void {
    this.#freeCount--;
  }

  /** Resolves when no send is under way, or when `deadlineMs` have passed. */
  idle(deadlineMs: number): Promise<void> {
    if (this.#freeCount === this.#free.length) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#whenIdle = () => {
        clearTimeout(timer);
        this.#whenIdle = undefined;
        resolve();
      };
    });
  }
}
