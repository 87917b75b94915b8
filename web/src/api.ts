/**
 * Asks the admin listener. The token travels in a header only, and is kept for as long as the tab is
 * open. Paths are relative to the page, so that a proxy may put both under any path.
 */

/** What the listener refused, in its own words. */
export class ApiError extends Error {
  override name = 'ApiError';
  constructor(
    /** 0 when nobody answered. */
    readonly status: number,
    /** As in docs/errors.md; `unreachable` when nobody answered. */
    readonly code: string,
    message: string,
    /** How long to wait before asking again, where the listener said so. */
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
  }
}

/** Where the token is kept: `sessionStorage`, but for tests and browsers that forbid it. */
export interface TokenStore {
  get(): string | undefined;
  set(token: string | undefined): void;
}

/** Asks the operator for the token; undefined when they would rather not. */
export type AskToken = (wasRefused: boolean) => Promise<string | undefined>;

export interface ApiDependencies {
  readonly fetch: typeof globalThis.fetch;
  readonly tokens: TokenStore;
  readonly askToken: AskToken;
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Until the head of a reply is there. */
const REPLY_MS_MAX = 10_000;

export class Api {
  readonly #fetch: typeof globalThis.fetch;
  readonly #tokens: TokenStore;
  readonly #askToken: AskToken;
  #asking: Promise<string | undefined> | undefined;

  constructor({ fetch, tokens, askToken }: ApiDependencies) {
    this.#fetch = fetch;
    this.#tokens = tokens;
    this.#askToken = askToken;
  }

  get hasToken(): boolean {
    return this.#tokens.get() !== undefined;
  }

  forgetToken(): void {
    this.#tokens.set(undefined);
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.#json<T>(path, signal === undefined ? {} : { signal });
  }

  /** GET, POST, PUT, PATCH or DELETE; undefined for a reply without content. Throws `ApiError`. */
  send<T>(path: string, options: RequestOptions): Promise<T> {
    return this.#json<T>(path, options);
  }

  /**
   * The reply, once it is a good one. Where a token is missing or wrong the operator is asked, and
   * what was asked for is asked again. Throws `ApiError`, or what an abort throws.
   */
  async open(path: string, options: RequestOptions = {}): Promise<Response> {
    for (;;) {
      const token = this.#tokens.get();
      const response = await this.#once(path, options, token);
      if (response.ok) return response;
      const error = await readProblem(response);
      if (error.status !== 401) throw error;
      // Somebody else may have been given a token since this was sent.
      if (this.#tokens.get() !== token) continue;
      if ((await this.#obtainToken(token !== undefined)) === undefined) throw error;
    }
  }

  async #once(path: string, options: RequestOptions, token?: string): Promise<Response> {
    const { method = 'GET', body, signal } = options;
    const headers: Record<string, string> = {};
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const init: RequestInit = { method, headers, cache: 'no-store', credentials: 'omit' };
    if (body !== undefined) init.body = JSON.stringify(body);
    // For the head of the reply only: a stream goes on for as long as somebody listens.
    const slow = new AbortController();
    const timer = setTimeout(() => slow.abort(), REPLY_MS_MAX);
    init.signal = signal === undefined ? slow.signal : AbortSignal.any([signal, slow.signal]);
    try {
      return await this.#fetch(path, init);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, 'unreachable', 'no answer: it is down, or the network between is');
    } finally {
      clearTimeout(timer);
    }
  }

  async #json<T>(path: string, options: RequestOptions): Promise<T> {
    const response = await this.open(path, options);
    const text = await response.text();
    if (text === '') return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new ApiError(response.status, 'malformed', 'the answer was not understood');
    }
  }

  /** One question for all that wait for its answer. */
  #obtainToken(wasRefused: boolean): Promise<string | undefined> {
    this.#asking ??= this.#askToken(wasRefused)
      .then((token) => {
        if (token !== undefined) this.#tokens.set(token);
        return token;
      })
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }
}

/** RFC 9457, or whatever a proxy in between says instead. */
async function readProblem(response: Response): Promise<ApiError> {
  const { status } = response;
  const wait = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfter = Number.isFinite(wait) && wait >= 0 ? wait : undefined;
  let code = `status_${status}`;
  let message = response.statusText || `status ${status}`;
  try {
    const body = JSON.parse(await response.text()) as Record<string, unknown>;
    if (typeof body.code === 'string') code = body.code;
    if (typeof body.title === 'string' && body.title !== '') message = body.title;
    if (typeof body.detail === 'string' && body.detail !== '') message = body.detail;
  } catch {
    // No JSON: the status has to do.
  }
  return new ApiError(status, code, message, retryAfter);
}

const TOKEN_KEY = 'trackerbt-admin-token';

/** Lives as long as the tab, and is told to no other. */
export function tabTokens(storage: () => Storage): TokenStore {
  let kept: string | undefined;
  try {
    kept = storage().getItem(TOKEN_KEY) ?? undefined;
  } catch {
    // Storage is forbidden here: memory has to do.
  }
  return {
    get: () => kept,
    set: (token) => {
      kept = token;
      try {
        if (token === undefined) storage().removeItem(TOKEN_KEY);
        else storage().setItem(TOKEN_KEY, token);
      } catch {
        // As above.
      }
    },
  };
}

/** What to tell the operator about anything that was thrown. */
export function describeError(error: unknown): string {
  if (error instanceof ApiError) {
    const wait = error.retryAfterSeconds;
    return wait === undefined ? error.message : `${error.message} (again in ${Math.ceil(wait)} s)`;
  }
  return error instanceof Error ? error.message : String(error);
}
