/** Who is to act when, in slots of some milliseconds. */
export class Agenda<Item> {
  readonly #slots = new Map<number, Item[]>();
  readonly #slotMs: number;
  #next: number;

  constructor(slotMs: number, nowMs: number) {
    this.#slotMs = slotMs;
    this.#next = Math.floor(nowMs / slotMs);
  }

  /** An item for a time that has passed comes with the next slot. */
  add(item: Item, atMs: number): void {
    const slot = Math.max(this.#next, Math.floor(atMs / this.#slotMs));
    const items = this.#slots.get(slot);
    if (items === undefined) this.#slots.set(slot, [item]);
    else items.push(item);
  }

  /** Takes out whatever is due. */
  take(nowMs: number): Item[] {
    const due: Item[] = [];
    for (const last = Math.floor(nowMs / this.#slotMs); this.#next <= last; this.#next++) {
      due.push(...(this.#slots.get(this.#next) ?? []));
      this.#slots.delete(this.#next);
    }
    return due;
  }
}
