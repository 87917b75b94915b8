/**
 * The keys of session tickets, the same in all workers of a process and other ones each period.
 *
 * ```
 * secret 0 (32 bytes, random, at the start)   -> SHA-256 'next' ->  secret 1  -> ...
 *     `-> SHA-512 'keys', 48 bytes: what OpenSSL names, encrypts and signs tickets with
 * ```
 *
 * Old secrets are forgotten and cannot be had from newer ones, so a key that leaks opens the tickets
 * of its own period and later ones. A client that comes with a ticket of an earlier period makes a
 * whole handshake: nothing worse.
 */
import { createHash } from 'node:crypto';

export const TICKET_SECRET_BYTES = 32;
export const TICKET_PERIOD_MS = 6 * 3_600_000;
const TICKET_KEY_BYTES = 48;

export class TicketKeys {
  #secret: Buffer;
  #period: number;

  /** `startMs` is when the secret was made: equal for all that share it. */
  constructor(
    secret: Uint8Array,
    readonly startMs: number,
  ) {
    this.#secret = Buffer.from(secret);
    this.#period = 0;
  }

  /** The keys for now, and whether they are others than at the last call. */
  at(nowMs: number): { readonly keys: Buffer; readonly changed: boolean } {
    const wanted = Math.floor((nowMs - this.startMs) / TICKET_PERIOD_MS);
    const changed = wanted > this.#period;
    for (; this.#period < wanted; this.#period++)
      this.#secret = derive('sha256', 'next', this.#secret);
    return { keys: derive('sha512', 'keys', this.#secret).subarray(0, TICKET_KEY_BYTES), changed };
  }
}

function derive(hash: string, label: string, secret: Uint8Array): Buffer {
  return createHash(hash).update(label).update(secret).digest();
}
