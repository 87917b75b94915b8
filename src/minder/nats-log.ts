/**
 * The bus server's own words. Its lines become ours, within a rate and without secrets, and what
 * they tell about intruders and slow readers is counted:
 *
 * ```
 * [812] 2026/01/31 12:00:00.123456 [ERR] 127.0.0.1:4711 - cid:9 - "..." - Publish Violation - ...
 *  pid   date       time            level  text
 * ```
 */
import type { Clock } from '../lib/clock.js';
import type { LogLevel } from '../lib/log.js';
import { type LogSink, PostedLog } from '../lib/log-sink.js';

/** Since the minder started, over restarts of its server. */
export interface NatsLogCounters {
  /** Somebody spoke on a subject that is not his. */
  publishViolations: number;
  /** Somebody wanted to hear what is not for him. */
  subscribeViolations: number;
  /** Somebody had no credentials, or wrong, revoked or expired ones. */
  authErrors: number;
  /** Somebody had no certificate, or one of another authority. */
  tlsErrors: number;
  /** Readers that were cut off because they did not keep up. */
  slowConsumers: number;
  /** Connections that fell silent. */
  staleConnections: number;
  /** Lines that were left out. */
  suppressed: number;
}

const PATTERNS: readonly (readonly [keyof NatsLogCounters, RegExp])[] = [
  ['publishViolations', /\bPublish Violation\b/i],
  ['subscribeViolations', /\bSubscription Violation\b/i],
  [
    'authErrors',
    /\bauthentication (?:error|expired|revoked|timeout)|\bAuthorization Violation\b|\b(?:user|account) authentication\b|\bnkey not found\b/i,
  ],
  ['tlsErrors', /\bTLS (?:client |route )?handshake error\b/i],
  ['slowConsumers', /\bSlow Consumer\b/i],
  ['staleConnections', /\bStale Client Connection\b/i],
];

/** Said at each change of an account on a server without JetStream: we want none. */
const NO_NEWS = /\bJetStream not enabled for account\b/;

const LEVELS: Readonly<Record<string, LogLevel>> = {
  INF: 'debug',
  WRN: 'warn',
  ERR: 'warn',
  FTL: 'error',
};

/** Strangers can make the server write a line each. */
const LINES_PER_SECOND_MAX = 50;
const LINE_CHARACTERS_MAX = 400;
const LAST_LINES = 8;
const OVERLOOKED_MAX = 8;
/**
 * Servers dial each other for ever, once a second: what one says of a minder that is away, or out, is
 * told once in a while.
 */
const ROUTE_LINE = /\brid:\d+ - |\broute\b/i;
const ROUTE_LINE_SECONDS = 60;
const ROUTE_LINES_MAX = 32;

export class NatsLog {
  readonly counters: NatsLogCounters = {
    publishViolations: 0,
    subscribeViolations: 0,
    authErrors: 0,
    tlsErrors: 0,
    slowConsumers: 0,
    staleConnections: 0,
    suppressed: 0,
  };
  readonly #log: PostedLog;
  /** Ports from which we ourselves knock and go. */
  readonly #overlooked = new Set<number>();
  /** When each line about routes was told last, by its text without numbers. */
  readonly #routeLines = new Map<string, number>();
  readonly #clock: Clock;
  #passed = 0;
  #last: string[] = [];

  constructor({ log, clock }: { log: LogSink; clock: Clock }) {
    this.#clock = clock;
    const options = { level: 'trace', linesPerSecondMax: LINES_PER_SECOND_MAX } as const;
    this.#log = new PostedLog(options, {
      clock,
      post: (line) => {
        this.#passed++;
        log.log(line.level, line.msg, line.fields);
      },
    });
  }

  /** What the server says next about a handshake with that port of ours is no news. */
  overlook(port: number): void {
    const [oldest] = this.#overlooked;
    if (this.#overlooked.size === OVERLOOKED_MAX) this.#overlooked.delete(oldest);
    this.#overlooked.add(port);
  }

  /** Takes one line. Returns its text, without what comes before it. */
  take(line: string): string {
    const match = /^\[\d+\] \S+ \S+ \[([A-Z]{3})\] (.*)$/.exec(line);
    const text = withoutSecrets(match?.[2] ?? line).slice(0, LINE_CHARACTERS_MAX);
    const level = LEVELS[match?.[1] ?? 'WRN'];
    const knock = /:(\d+) - cid:\d+ - TLS handshake error/.exec(text);
    if (knock !== null && this.#overlooked.delete(Number(knock[1]))) return text;
    if (NO_NEWS.test(text)) return text;
    // What is not known here is for debugging the server.
    if (level === undefined) return text;
    for (const [name, pattern] of PATTERNS) if (pattern.test(text)) this.counters[name]++;
    if (level !== 'debug') this.#last = [...this.#last, text].slice(-LAST_LINES);
    if (level !== 'debug' && this.#isRouteEcho(text)) {
      this.counters.suppressed++;
      return text;
    }
    const before = this.#passed;
    this.#log.log(level, 'bus server', { text });
    if (this.#passed === before) this.counters.suppressed++;
    return text;
  }

  #isRouteEcho(text: string): boolean {
    if (!ROUTE_LINE.test(text)) return false;
    // Ports and numbers of connections differ each time.
    const key = text.replace(/:\d+\b|\battempt \d+/g, '');
    const seconds = this.#clock.monotonicSeconds();
    const told = this.#routeLines.get(key);
    if (told !== undefined && seconds - told < ROUTE_LINE_SECONDS) return true;
    this.#routeLines.delete(key);
    const [oldest] = this.#routeLines.keys();
    if (this.#routeLines.size >= ROUTE_LINES_MAX) this.#routeLines.delete(oldest);
    this.#routeLines.set(key, seconds);
    return false;
  }

  /** The last warnings and errors, for a message about its end; then begins anew. */
  lastWords(): string {
    const words = this.#last.join('; ');
    this.#last = [];
    return words === '' ? 'it gave no reason' : words;
  }

  /** Tells of lines that were left out. For about each second. */
  tick(): void {
    this.#log.tick();
  }
}

/** Seeds of keys and JWTs: the server writes neither, and this is for the day when it does. */
function withoutSecrets(text: string): string {
  return text
    .replace(/\bS[AOUN][A-Z2-7]{56}\b/g, '[seed]')
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, '[jwt]');
}
