/**
 * One turn of the event loop, seen as a batch. What arrives in one turn shares one reading of the
 * clock; node offers no earlier sign that a batch has ended than its check phase (`setImmediate`).
 */
export class Turn {
  #open = false;
  readonly #handler: { beginBatch(): void };
  readonly #close = (): void => {
    this.#open = false;
  };

  constructor(handler: { beginBatch(): void }) {
    this.#handler = handler;
  }

  /** Called before each packet or request; begins a batch when this turn has none. */
  enter(): void {
    if (this.#open) return;
    this.#open = true;
    this.#handler.beginBatch();
    setImmediate(this.#close);
  }
}
