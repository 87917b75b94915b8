/**
 * Two connections at once, each message once. While a transport moves to a new connection both hear
 * the same subjects for a moment, and whatever passes in that moment arrives on both. This pairs the
 * arrivals: what came on one side is swallowed when it comes on the other.
 *
 * ```
 * key: subject, length, CRC-32 of the payload     count: > 0 seen more often on the old side
 *                                                        < 0 seen more often on the new side
 * ```
 */
import { crc32 } from 'node:zlib';

export type Side = 'old' | 'new';

export class OverlapFilter {
  readonly #keysMax: number;
  readonly #ahead = new Map<string, number>();
  /** Messages that came twice and were delivered once. */
  swallowed = 0;
  /** Messages that found no room here: their twins are delivered a second time. */
  unpaired = 0;

  constructor({ keysMax }: { keysMax: number }) {
    this.#keysMax = keysMax;
  }

  /** True when the message is the twin of one that came on the other side. */
  isRepeat(side: Side, subject: string, payload: Uint8Array): boolean {
    const step = side === 'old' ? 1 : -1;
    const key = `${subject} ${payload.length} ${crc32(payload)}`;
    const ahead = this.#ahead.get(key) ?? 0;
    if (ahead === 0 && this.#ahead.size >= this.#keysMax) {
      this.unpaired++;
      return false;
    }
    if (ahead + step === 0) this.#ahead.delete(key);
    else this.#ahead.set(key, ahead + step);
    const isTwin = ahead * step < 0;
    if (isTwin) this.swallowed++;
    return isTwin;
  }
}
