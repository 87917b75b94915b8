/**
 * Answers the challenges of a certificate authority (RFC 8555, section 8.3) before the tracker sees
 * the request:
 *
 * ```
 * GET /.well-known/acme-challenge/TOKEN    ->  TOKEN.THUMBPRINT, the key authorization
 * ```
 */
import type { HttpHandler } from '../frontend/handler.js';
import type { Endpoint } from '../lib/endpoint.js';

const PREFIX = Buffer.from('/.well-known/acme-challenge/');
/** Tokens are some 43 characters long. */
const TOKEN_BYTES_MAX = 256;
const NOT_FOUND = -404;

export class ChallengeHandler implements HttpHandler {
  readonly #inner: HttpHandler;
  #answers: ReadonlyMap<string, string> = new Map();

  constructor(inner: HttpHandler) {
    this.#inner = inner;
  }

  get draining(): boolean {
    return this.#inner.draining === true;
  }

  /** Replaces the answers that are good now, by token. */
  set(answers: ReadonlyMap<string, string>): void {
    this.#answers = answers;
  }

  beginBatch(): void {
    this.#inner.beginBatch();
  }

  handle(
    target: Uint8Array,
    start: number,
    end: number,
    source: Endpoint,
    output: Uint8Array,
  ): number {
    if (!isChallenge(target, start, end)) {
      return this.#inner.handle(target, start, end, source, output);
    }
    const at = start + PREFIX.length;
    if (end - at > TOKEN_BYTES_MAX) return NOT_FOUND;
    const token = Buffer.from(target.subarray(at, end)).toString('latin1');
    const answer = this.#answers.get(token);
    if (answer === undefined) return NOT_FOUND;
    return Buffer.from(output.buffer, output.byteOffset, output.byteLength).write(answer, 'latin1');
  }
}

/** True for the targets `target[start..end)` that are challenges. */
export function isChallenge(target: Uint8Array, start: number, end: number): boolean {
  if (end - start < PREFIX.length) return false;
  for (let i = 0; i < PREFIX.length; i++) if (target[start + i] !== PREFIX[i]) return false;
  return true;
}
