/** What the page knows, as signals: whoever reads one is drawn again when it changes. */
import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { Api, ApiError, tabTokens } from './api.js';
import { History } from './history.js';
import { type Connection, LiveClient } from './live.js';
import type { HistoryReply, Tick } from './tick.js';

/** Behind another tab for this long, a page stops listening: nobody looks. */
const HIDDEN_MS = 60_000;
/** A gap in what was heard that is worth asking for. */
const GAP_MS = 10_000;
const HISTORY_RETRY_MS = 15_000;

export interface PageStore {
  readonly api: Api;
  /** The last one heard. */
  readonly tick: ReadonlySignal<Tick | undefined>;
  readonly role: ReadonlySignal<'tracker' | 'minder' | undefined>;
  readonly connection: ReadonlySignal<Connection>;
  /** True when the numbers shown are not those of this second. */
  readonly isStale: ReadonlySignal<boolean>;
  readonly history: History;
  /** The browser's clock, once a second. */
  readonly nowMs: ReadonlySignal<number>;
  /** Present while the operator is asked for the token. */
  readonly tokenRequest: ReadonlySignal<TokenRequest | undefined>;
  readonly hasToken: ReadonlySignal<boolean>;
  forgetToken(): void;
  pause(): void;
  /** Goes on listening; while the connection is lost, tries at once. */
  resume(): void;
}

export interface TokenRequest {
  readonly wasRefused: boolean;
  /** undefined: the operator would rather not. */
  answer(token: string | undefined): void;
}

export function createStore(): PageStore {
  const tick = signal<Tick | undefined>(undefined);
  const connection = signal<Connection>({ state: 'connecting' });
  const nowMs = signal(Date.now());
  const tokenRequest = signal<TokenRequest | undefined>(undefined);
  const hasToken = signal(false);
  const history = new History();
  const tokens = tabTokens(() => sessionStorage);
  hasToken.value = tokens.get() !== undefined;
  const api = new Api({
    fetch: (...args) => fetch(...args),
    tokens: {
      get: tokens.get,
      set: (token) => {
        tokens.set(token);
        hasToken.value = token !== undefined;
      },
    },
    askToken: (wasRefused) =>
      new Promise((resolve) => {
        const answer = (token: string | undefined) => {
          tokenRequest.value = undefined;
          resolve(token);
        };
        tokenRequest.value = { wasRefused, answer };
      }),
  });
  const loadHistory = historyLoader(api, history);
  let lastAtMs = 0;
  const live = new LiveClient({
    api,
    clock: browserClock,
    onConnection: (now) => {
      connection.value = now;
    },
    onTick: (next) => {
      if (next.atMs - lastAtMs > GAP_MS) loadHistory();
      lastAtMs = next.atMs;
      history.add(next);
      tick.value = next;
    },
  });
  setInterval(() => {
    nowMs.value = Date.now();
  }, 1000);
  listenWhileSeen(live);
  live.start();
  return {
    api,
    tick,
    role: computed(() => tick.value?.stats.role),
    connection,
    isStale: computed(() => connection.value.state !== 'live'),
    history,
    nowMs,
    tokenRequest,
    hasToken,
    forgetToken: () => api.forgetToken(),
    pause: () => live.pause(),
    resume: () => live.start(),
  };
}

/** One request at a time; a failed one is tried again, since the stream shows that somebody is there. */
function historyLoader(api: Api, history: History): () => void {
  let isLoading = false;
  const load = async () => {
    if (isLoading) return;
    isLoading = true;
    try {
      history.load(await api.get<HistoryReply>('api/v1/history'));
    } catch (error) {
      // 404: an older tracker, which keeps none.
      const isWorthIt = !(error instanceof ApiError && [401, 404].includes(error.status));
      if (isWorthIt) setTimeout(load, HISTORY_RETRY_MS);
    } finally {
      isLoading = false;
    }
  };
  return () => void load();
}

const browserClock = {
  now: () => Date.now(),
  setTimer: (run: () => void, ms: number) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

function listenWhileSeen(live: LiveClient): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOurPause = false;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (document.visibilityState === 'hidden') {
      timer = setTimeout(() => {
        if (live.connection.state === 'paused' || live.connection.state === 'refused') return;
        isOurPause = true;
        live.pause();
      }, HIDDEN_MS);
    } else if (isOurPause) {
      isOurPause = false;
      live.start();
    }
  });
}
