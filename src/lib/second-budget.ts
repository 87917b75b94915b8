/**
 * So many a second and no more. The seconds are the caller's, on the monotonic clock, so that one that
 * is held for every node costs two numbers.
 */
export class SecondBudget {
  readonly #max: number;
  #second = Number.NEGATIVE_INFINITY;
  #left = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Takes one of the second; false when none is left. */
  take(second: number): boolean {
    if (second !== this.#second) {
      this.#second = second;
      this.#left = this.#max;
    }
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }
}
