/**
 * A mutex in one word of shared memory (Drepper, "Futexes are tricky", mutex 2).
 *
 * ```
 * 0  free        1  held        2  held, and somebody may be asleep waiting
 * ```
 *
 * The word after it holds the owner's thread number while the lock is held, so that the death of a
 * thread inside the lock can be told from a busy one.
 */

/** Tries before going to sleep: a critical section is shorter than a trip through the kernel. */
const SPINS = 200;

/** Takes the lock at `at`. Blocks; safe on any thread of the process. */
export function lock(words: Int32Array, at: number, owner: number): void {
  if (Atomics.compareExchange(words, at, 0, 1) !== 0) lockContended(words, at);
  words[at + 1] = owner;
}

function lockContended(words: Int32Array, at: number): void {
  for (let i = 0; i < SPINS; i++) {
    if (Atomics.load(words, at) === 0 && Atomics.compareExchange(words, at, 0, 1) === 0) return;
  }
  while (Atomics.exchange(words, at, 2) !== 0) Atomics.wait(words, at, 2);
}

/** Takes the lock unless that lasts longer than `timeoutMs`. Returns whether it was taken. */
export function lockWithin(
  words: Int32Array,
  at: number,
  owner: number,
  timeoutMs: number,
): boolean {
  if (Atomics.compareExchange(words, at, 0, 1) !== 0) {
    const deadline = performance.now() + timeoutMs;
    while (Atomics.exchange(words, at, 2) !== 0) {
      const left = deadline - performance.now();
      if (left <= 0 || Atomics.wait(words, at, 2, left) === 'timed-out') return false;
    }
  }
  words[at + 1] = owner;
  return true;
}

export function unlock(words: Int32Array, at: number): void {
  words[at + 1] = 0;
  if (Atomics.exchange(words, at, 0) === 2) Atomics.notify(words, at, 1);
}
