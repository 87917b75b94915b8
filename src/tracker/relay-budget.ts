/** Seconds of its rate that a connection may use at once. */
export const RELAY_BURST_SECONDS = 16;

/** Bytes that may be passed on for one connection. The seconds are the caller's, monotonic. */
export class RelayBudget {
  readonly #perSecond: number;
  #left: number;
  #seconds: number;

  constructor(perSecond: number, nowSeconds: number) {
    this.#perSecond = perSecond;
    this.#left = RELAY_BURST_SECONDS * perSecond;
    this.#seconds = nowSeconds;
  }

  /** False when there is not enough left; then nothing is taken. */
  take(bytes: number, nowSeconds: number): boolean {
    const earned = (nowSeconds - this.#seconds) * this.#perSecond;
    this.#left = Math.min(RELAY_BURST_SECONDS * this.#perSecond, this.#left + earned);
    this.#seconds = nowSeconds;
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }
}
