/**
 * Structured logs for operators: JSON lines for machines, coloured lines on a terminal.
 *
 * ```
 * {"level":"info","time":"2026-01-31T12:00:00.000Z","name":"...","msg":"ready", ...fields}
 * ```
 */
import { createRequire } from 'node:module';
import { type Logger as PinoLogger, pino } from 'pino';
import { BackgroundOutput } from './log-output.js';

/** A line for people and machines: `logger.info({ field }, 'message')`. */
export type Logger = PinoLogger;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = 'auto' | 'json' | 'pretty';

export interface LoggerOptions {
  /** Lines below this level are not written. */
  readonly level: LogLevel | 'silent';
  /** `auto`: pretty where the output is a terminal, JSON otherwise. */
  readonly format: LogFormat;
  /** Goes into every line: the name of this node. */
  readonly name: string;
}

/** Where lines go. A stream that takes whole lines; `isTTY` decides what `auto` means. */
export interface LogOutput {
  write(line: string): void;
  readonly isTTY?: boolean | undefined;
}

/** Memory for lines that whoever reads our output has not taken yet; further lines are dropped. */
const BACKLOG_BYTES_MAX = 1024 * 1024;

/** Keys whose values are secrets, at the top of a line or one or two levels down. */
export const SECRET_KEYS = ['token', 'authorization', 'secret', 'password'] as const;

const REDACT_PATHS = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/**
 * Makes the process's logger. Lines go to standard output unless `output` is given. A reader that
 * stalls does not stall us: JSON lines are written in the background within a bound, and what is
 * left is flushed when the process exits.
 */
export function createLogger(
  options: LoggerOptions,
  { output }: { output?: LogOutput } = {},
): Logger {
  const isTerminal = output === undefined ? process.stdout.isTTY : output.isTTY === true;
  const pretty = options.format === 'pretty' || (options.format === 'auto' && isTerminal);
  const settings = {
    level: options.level,
    base: { name: options.name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: REDACT_PATHS, censor: '[redacted]' },
  };
  return pino(settings, pretty ? prettyOutput(isTerminal, output) : (output ?? standardOutput()));
}

let standard: BackgroundOutput | undefined;

/** One for all loggers: two could break each other's lines, where the system takes a part of one. */
function standardOutput(): LogOutput {
  if (standard === undefined) {
    const output = new BackgroundOutput({ fd: 1, bytesMax: BACKLOG_BYTES_MAX });
    process.once('exit', () => output.flushSync());
    standard = output;
  }
  return standard;
}

/** In this thread and synchronous: a line is on the terminal before the next statement runs. */
function prettyOutput(colorize: boolean, output: LogOutput | undefined): LogOutput {
  const target = output ?? pino.destination({ fd: 1, sync: true });
  // Loaded here: where lines are JSON, which is nearly everywhere, it would be 3 MB for nothing.
  const pretty: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty');
  const format = pretty.prettyFactory({
    colorize,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'name',
    singleLine: true,
  });
  return {
    write(line) {
      target.write(format(line) ?? '');
    },
  };
}
