/**
 * The keys that connection ids are made with, in memory that all threads share. One thread writes
 * (here on a timer, in a cluster when the minder says so), the others look whether it did.
 *
 * ```
 * word  0        version: odd while a key is being written, changes with every write
 *       1        current generation, 0..15
 *       2..5     key of generation 0 (16 bytes)
 *       6..9     key of generation 1      ...      62..65  generation 15
 * ```
 *
 * A new key makes the one before it the previous generation, which stays good; older ones are not.
 */
import { randomFillSync } from 'node:crypto';
import { assert } from '../lib/assert.js';
import { SipHash } from '../protocol/siphash.js';

export const KEY_BYTES = 16;
export const KEY_GENERATIONS = 16;
const KEYS_AT = 2;
const KEY_WORDS = KEY_BYTES / 4;
export const KEY_RING_BYTES = (KEYS_AT + KEY_GENERATIONS * KEY_WORDS) * 4;

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

  get generation(): number {
    return this.#words[1];
  }

  /** Makes a random key current, and the current one previous. */
  rotate(): void {
    this.set((this.generation + 1) % KEY_GENERATIONS, randomFillSync(new Uint8Array(KEY_BYTES)));
  }

  /** Makes `key` current under a number that the whole cluster agrees on. */
  set(generation: number, key: Uint8Array): void {
    assert(key.length === KEY_BYTES, 'a key has 16 bytes');
    const words = this.#words;
    Atomics.add(words, 0, 1);
    const view = new DataView(key.buffer, key.byteOffset, KEY_BYTES);
    for (let i = 0; i < KEY_WORDS; i++) {
      words[KEYS_AT + generation * KEY_WORDS + i] = view.getInt32(4 * i, true);
    }
    words[1] = generation;
    Atomics.add(words, 0, 1);
  }
}

/** A thread's view of the ring: the current and the previous key, ready to hash with. */
export class KeyRingReader {
  generation = 0;
  current: SipHash;
  previous: SipHash;
  readonly #words: Int32Array;
  #version = -1;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.current = new SipHash(new Uint8Array(KEY_BYTES));
    this.previous = this.current;
    this.refresh();
  }

  /** Takes over what the writer did since the last call; true when there is a new key. */
  refresh(): boolean {
    const words = this.#words;
    const version = Atomics.load(words, 0);
    if (version === this.#version || (version & 1) === 1) return false;
    const generation = words[1];
    const current = this.#keyOf(generation);
    const previous = this.#keyOf((generation + KEY_GENERATIONS - 1) % KEY_GENERATIONS);
    // Written meanwhile: what was read may be half of each. The old keys serve one batch more.
    if (Atomics.load(words, 0) !== version) return false;
    this.generation = generation;
    this.current = new SipHash(current);
    this.previous = new SipHash(previous);
    this.#version = version;
    return true;
  }

  /** The key of a generation, or undefined when it is neither the current nor the previous one. */
  keyFor(generation: number): SipHash | undefined {
    if (generation === this.generation) return this.current;
    return generation === (this.generation + KEY_GENERATIONS - 1) % KEY_GENERATIONS
      ? this.previous
      : undefined;
  }

  #keyOf(generation: number): Uint8Array {
    const at = KEYS_AT + generation * KEY_WORDS;
    return new Uint8Array(this.#words.slice(at, at + KEY_WORDS).buffer);
  }
}
