/** Asks an admin listener for its tick, within bounds of time and size. */
import { printable } from '../tracker-check.js';

/** Where a tracker and a minder of this machine have their listeners by default. */
export const USUAL_LISTENERS = ['http://127.0.0.1:6970', 'http://127.0.0.1:7470'] as const;

/** A tick has at most 500 nodes and 1,000 links. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;
const TIMEOUT_MS = 5_000;

/** Why there is no tick, for the user. */
export class NoTickError extends Error {
  override name = 'NoTickError';
}

/** What a listener answered: JSON, nothing more is known of it. */
export interface Answer {
  readonly url: string;
  readonly tick: unknown;
}

export class TickSource {
  /** Listeners that may be it; the one that answered comes first from then on. */
  #urls: readonly string[];
  readonly #token: string | undefined;

  constructor({ urls, token }: { urls: readonly string[]; token?: string | undefined }) {
    this.#urls = urls;
    this.#token = token;
  }

  /** The tick of the first listener that has one. Throws NoTickError: why the first has none. */
  async now(signal: AbortSignal): Promise<Answer> {
    let failure: unknown;
    for (const url of this.#urls) {
      try {
        const tick = await this.#ask(url, '/api/v1/now', signal);
        this.#urls = [url, ...this.#urls.filter((other) => other !== url)];
        return { url, tick };
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  }

  /** What the listener at `url` says of the last hour; undefined when it says nothing. */
  async history(url: string, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#ask(url, '/api/v1/history', signal);
    } catch (error) {
      if (!(error instanceof NoTickError)) throw error;
      return undefined;
    }
  }

  async #ask(url: string, path: string, stop: AbortSignal): Promise<unknown> {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(TIMEOUT_MS)]);
    const headers = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    try {
      // The token goes where it was meant to go, and nowhere else.
      const response = await fetch(new URL(path, url), {
        headers,
        signal,
        redirect: 'error',
      });
      if (!response.ok) {
        await response.body?.cancel();
        throw new NoTickError(`${url}: ${refusalOf(response.status, this.#token !== undefined)}`);
      }
      return JSON.parse(await boundedText(response)) as unknown;
    } catch (error) {
      if (error instanceof NoTickError) throw error;
      throw new NoTickError(`${url}: ${reasonOf(error)}`);
    }
  }
}

async function boundedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) throw new NoTickError('the answer has no end');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function refusalOf(status: number, hadToken: boolean): string {
  if (status === 401 || status === 403) {
    return hadToken ? 'the token is wrong' : 'it wants a token: give --token-file FILE';
  }
  if (status === 429) return 'too many requests: it lets nobody in for a moment';
  if (status === 404) return 'no admin listener of this version';
  return `it answered with status ${status}`;
}

function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'what it answered is no JSON';
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const cause = error.cause as { code?: unknown; message?: unknown } | undefined;
  if (cause?.code === 'ECONNREFUSED') return 'nothing listens there';
  return printable(String(cause?.code ?? cause?.message ?? error.message));
}
