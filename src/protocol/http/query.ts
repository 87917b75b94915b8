/**
 * The query of a request target, walked one parameter at a time.
 *
 * ```
 * info_hash=%aa...&port=6881&left
 * |nameStart      |valueStart    |valueEnd
 *          |nameEnd
 * ```
 *
 * `&` and `?` both separate: announce URLs that already hold a query come with a second `?`. Names
 * are compared raw; no client encodes them.
 */
export class QueryCursor {
  nameStart = 0;
  nameEnd = 0;
  /** The value, still encoded; empty for `name=` and for a bare `name`. */
  valueStart = 0;
  valueEnd = 0;
  #target: Uint8Array = new Uint8Array(0);
  #end = 0;
  #at = 0;

  /** Starts at `target[start..end)`. */
  open(target: Uint8Array, start: number, end: number): void {
    this.#target = target;
    this.#at = start;
    this.#end = end;
  }

  /** Moves to the next parameter that has a name; false at the end. */
  next(): boolean {
    const target = this.#target;
    const end = this.#end;
    let at = this.#at;
    while (at < end) {
      const start = at;
      let equals = -1;
      for (; at < end; at++) {
        const c = target[at];
        if (c === 38 || c === 63) break;
        if (c === 61 && equals < 0) equals = at;
      }
      const stop = at++;
      const nameEnd = equals < 0 ? stop : equals;
      if (nameEnd === start) continue;
      this.nameStart = start;
      this.nameEnd = nameEnd;
      this.valueStart = equals < 0 ? stop : equals + 1;
      this.valueEnd = stop;
      this.#at = at;
      return true;
    }
    this.#at = end;
    return false;
  }

  /** Whether the parameter's name is `name`. */
  isNamed(name: Uint8Array): boolean {
    return spells(this.#target, this.nameStart, this.nameEnd, name);
  }

  /** Whether the parameter's raw value is `value`. */
  hasValue(value: Uint8Array): boolean {
    return spells(this.#target, this.valueStart, this.valueEnd, value);
  }
}

function spells(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word[i]) return false;
  return true;
}

/** A parameter name or value as bytes, for `isNamed` and `hasValue`. */
export function word(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
