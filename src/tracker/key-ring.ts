/**
 * The keys that connection ids are made with, in memory that all threads share. One thread writes
 * (on a timer where a tracker stands alone, in a cluster when the minder says so), the others look
 * whether it did.
 *
 * ```
 * word  0        version: odd while keys are being written, changes with every write
 *       1        generation of the current key, modulo 16
 *       2        1 when there is a next key
 *       3..6     previous key (16 bytes)      7..10  current key      11..14  next key
 * ```
 *
 * All words are read and written with atomics: an arm64 processor may show plain ones in another order
 * than the version, and a key that was read half written would be kept until the next change.
 *
 * New ids are made with the current key. The previous one's stay good, and in a cluster the next
 * one's already are: there a tracker that has taken over a new key meets others that have not yet.
 */
import { randomBytes } from 'node:crypto';
import { assert } from '../lib/assert.js';
import { SipHash } from '../protocol/siphash.js';

export const KEY_BYTES = 16;
export const KEY_GENERATIONS = 16;
const KEYS_AT = 3;
const KEY_WORDS = KEY_BYTES / 4;
export const KEY_RING_BYTES = (KEYS_AT + 3 * KEY_WORDS) * 4;

/** Which of the three. */
const Slot = { previous: 0, current: 1, next: 2 } as const;

/** The keys of a cluster. The current one has the number `generation`, its neighbours one less and more. */
export interface RingKeys {
  readonly generation: number;
  /** 16 bytes each. */
  readonly previous: Uint8Array;
  readonly current: Uint8Array;
  readonly next: Uint8Array;
}

/** A ring with two random keys, for a tracker that stands alone. */
export function createKeyRing(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(KEY_RING_BYTES);
  const ring = new KeyRingWriter(memory);
  // The previous key counts as well from the start, so it must not be the one that everybody knows.
  ring.rotate();
  ring.rotate();
  return memory;
}

/** The one writer of a ring. */
export class KeyRingWriter {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Makes a random key current, and the current one previous; there is no next one then. */
  rotate(): void {
    this.#write(() => {
      const words = this.#words;
      const [from, to] = [keyAt(Slot.current), keyAt(Slot.previous)];
      for (let i = 0; i < KEY_WORDS; i++) Atomics.store(words, to + i, words[from + i]);
      this.#put(Slot.current, randomBytes(KEY_BYTES));
      Atomics.store(words, 1, (words[1] + 1) % KEY_GENERATIONS);
      Atomics.store(words, 2, 0);
    });
  }

  /** Takes over the keys of a cluster; whatever was there before is good no more. */
  install({ generation, previous, current, next }: RingKeys): void {
    this.#write(() => {
      this.#put(Slot.previous, previous);
      this.#put(Slot.current, current);
      this.#put(Slot.next, next);
      Atomics.store(this.#words, 1, generation % KEY_GENERATIONS);
      Atomics.store(this.#words, 2, 1);
    });
  }

  #write(change: () => void): void {
    Atomics.add(this.#words, 0, 1);
    change();
    Atomics.add(this.#words, 0, 1);
  }

  #put(slot: number, key: Uint8Array): void {
    assert(key.length === KEY_BYTES, 'a key has 16 bytes');
    const view = new DataView(key.buffer, key.byteOffset, KEY_BYTES);
    for (let i = 0; i < KEY_WORDS; i++) {
      Atomics.store(this.#words, keyAt(slot) + i, view.getInt32(4 * i, true));
    }
  }
}

function keyAt(slot: number): number {
  return KEYS_AT + slot * KEY_WORDS;
}

/** A thread's view of the ring: its keys, ready to hash with. */
export class KeyRingReader {
  generation = 0;
  current = new SipHash(new Uint8Array(KEY_BYTES));
  previous = this.current;
  next: SipHash | undefined;
  readonly #words: Int32Array;
  #version = -1;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    // Until it could read a whole ring it would go by a key of zeros, which everybody knows.
    while (!this.refresh());
  }

  /** Takes over what the writer did since the last call; true when there is a new key. */
  refresh(): boolean {
    const words = this.#words;
    const version = Atomics.load(words, 0);
    if (version === this.#version || (version & 1) === 1) return false;
    const generation = Atomics.load(words, 1);
    const hasNext = Atomics.load(words, 2) === 1;
    const keys = Int32Array.from(words.subarray(KEYS_AT), (_, i) =>
      Atomics.load(words, KEYS_AT + i),
    );
    // Written meanwhile: what was read may be half of each. The old keys serve one batch more.
    if (Atomics.load(words, 0) !== version) return false;
    const key = (slot: number) =>
      new SipHash(new Uint8Array(keys.buffer, slot * KEY_BYTES, KEY_BYTES));
    this.generation = generation;
    this.previous = key(Slot.previous);
    this.current = key(Slot.current);
    this.next = hasNext ? key(Slot.next) : undefined;
    this.#version = version;
    return true;
  }

  /** The key of a generation, or undefined when it is none of ours. */
  keyFor(generation: number): SipHash | undefined {
    if (generation === this.generation) return this.current;
    if (generation === (this.generation + KEY_GENERATIONS - 1) % KEY_GENERATIONS) {
      return this.previous;
    }
    return generation === (this.generation + 1) % KEY_GENERATIONS ? this.next : undefined;
  }
}
