/**
 * Which numbers of a sequence that begins with 1 have come.
 *
 * ```
 * 1 2 3 4 5 . . 8 9 . 11        through 5, islands [8, 9], [11, 11]
 * ```
 *
 * Bounded: with more islands than fit, the farthest is forgotten as if it had not come.
 */

export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

export class SequenceRanges {
  /** Everything up to here has come. */
  through = 0;
  readonly #islandsMax: number;
  /** In order, apart from each other and from `through`. */
  readonly #islands: { first: number; last: number }[] = [];

  constructor({ islandsMax = 64 }: { islandsMax?: number } = {}) {
    this.#islandsMax = islandsMax;
  }

  /** The highest number that has come, 0 for none. */
  get highest(): number {
    return this.#islands.at(-1)?.last ?? this.through;
  }

  has(number: number): boolean {
    return (
      number <= this.through ||
      this.#islands.some(({ first, last }) => number >= first && number <= last)
    );
  }

  /** Takes a number; false when it had come before. */
  add(number: number): boolean {
    if (number === this.through + 1 && this.#islands.length === 0) {
      this.through = number;
      return true;
    }
    if (this.has(number)) return false;
    this.fill({ first: number, last: number });
    return true;
  }

  /** Takes a whole range, some of which may have come. */
  fill({ first, last }: SequenceRange): void {
    const islands = this.#islands;
    let at = islands.findIndex((island) => island.last >= first - 1);
    if (at < 0) at = islands.length;
    const joined = { first, last };
    let end = at;
    for (; end < islands.length && islands[end].first <= last + 1; end++) {
      joined.first = Math.min(joined.first, islands[end].first);
      joined.last = Math.max(joined.last, islands[end].last);
    }
    islands.splice(at, end - at, joined);
    while (islands.length > 0 && islands[0].first <= this.through + 1) {
      this.through = Math.max(this.through, islands.shift()!.last);
    }
    if (islands.length > this.#islandsMax) islands.pop();
  }

  /** Takes a number back: it came and was dropped. */
  remove(number: number): void {
    const islands = this.#islands;
    if (number <= this.through) {
      if (number < this.through) islands.unshift({ first: number + 1, last: this.through });
      this.through = number - 1;
    } else {
      const at = islands.findIndex(({ first, last }) => number >= first && number <= last);
      if (at < 0) return;
      const { first, last } = islands[at];
      const parts = [];
      if (first < number) parts.push({ first, last: number - 1 });
      if (number < last) parts.push({ first: number + 1, last });
      islands.splice(at, 1, ...parts);
    }
    if (islands.length > this.#islandsMax) islands.pop();
  }

  /** The first range of numbers up to `last` that have not come. */
  firstMissing(last: number): SequenceRange | undefined {
    if (this.through >= last) return undefined;
    const next = this.#islands[0]?.first ?? last + 1;
    return { first: this.through + 1, last: Math.min(last, next - 1) };
  }
}
