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
      const at = keyAt(Slot.current);
      this.#words.copyWithin(keyAt(Slot.previous), at, at + KEY_WORDS);
      this.#put(Slot.current, randomBytes(KEY_BYTES));
      this.#words[1] = (this.#words[1] + 1) % KEY_GENERATIONS;
      this.#words[2] = 0;
    });
  }

  /** Takes over the keys of a cluster; whatever was there before is good no more. */
  install({ generation, previous, current, next }: RingKeys): void {
    this.#write(() => {
      this.#put(Slot.previous, previous);
      this.#put(Slot.current, current);
      this.#put(Slot.next, next);
      this.#words[1] = generation % KEY_GENERATIONS;
      this.#words[2] = 1;
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
    for (let i = 0; i < KEY_WORDS; i++) this.#words[keyAt(slot) + i] = view.getInt32(4 * i, true);
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
    this.refresh();
  }

  /** Takes over what the writer did since the last call; true when there is a new key. */
  refresh(): boolean {
    const words = this.#words;
    const version = Atomics.load(words, 0);
    if (version === this.#version || (version & 1) === 1) return false;
    const generation = words[1];
    const hasNext = words[2] === 1;
    const keys = words.slice(KEYS_AT);
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
