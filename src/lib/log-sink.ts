/**
 * Logging from worker threads. A worker has no output of its own: it posts lines to the main
 * thread, at most so many a second, because a bug that logs for every packet must not drown the
 * thread that everything else hangs on.
 */
import type { Clock } from './clock.js';
import { LOG_LEVELS, type Logger, type LogLevel } from './log.js';

/** Values that survive a thread's border. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** One line on its way from a worker to the main thread. */
export interface LogLine {
  readonly level: LogLevel;
  readonly msg: string;
  readonly fields?: LogFields;
}

/** Takes log lines; the same interface in every thread. */
export interface LogSink {
  log(level: LogLevel, msg: string, fields?: LogFields): void;
}

export interface PostedLogOptions {
  /** Lines below this level stay where they are. */
  readonly level: LogLevel | 'silent';
  readonly linesPerSecondMax: number;
}

/**
 * The worker's end. What goes beyond the bound is dropped and counted, and the count is posted as
 * one line when the next second's first line or `tick` comes.
 */
export class PostedLog implements LogSink {
  readonly #rank: number;
  readonly #linesPerSecondMax: number;
  readonly #post: (line: LogLine) => void;
  readonly #clock: Clock;
  #second = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #dropped = 0;

  constructor(
    options: PostedLogOptions,
    { post, clock }: { post: (line: LogLine) => void; clock: Clock },
  ) {
    this.#rank = options.level === 'silent' ? LOG_LEVELS.length : LOG_LEVELS.indexOf(options.level);
    this.#linesPerSecondMax = options.linesPerSecondMax;
    this.#post = post;
    this.#clock = clock;
  }

  log(level: LogLevel, msg: string, fields?: LogFields): void {
    if (LOG_LEVELS.indexOf(level) < this.#rank) return;
    this.tick();
    if (this.#lines >= this.#linesPerSecondMax) {
      this.#dropped++;
      return;
    }
    this.#lines++;
    this.#post(fields === undefined ? { level, msg } : { level, msg, fields });
  }

  /** Reports what earlier seconds dropped. For a worker's housekeeping, about once a second. */
  tick(): void {
    const second = this.#clock.monotonicSeconds();
    if (second === this.#second) return;
    this.#second = second;
    this.#lines = 0;
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#post({ level: 'warn', msg: 'log lines dropped', fields: { dropped } });
  }
}

/** The main thread's end: writes lines, a worker's (with its name in `fields`) or its own. */
export class LoggerSink implements LogSink {
  constructor(private readonly logger: Logger) {}

  log(level: LogLevel, msg: string, fields: LogFields = {}): void {
    this.logger[level](fields, msg);
  }

  /** Writes a line that a worker posted. */
  take(line: LogLine): void {
    this.log(line.level, line.msg, line.fields);
  }
}
