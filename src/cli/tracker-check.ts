/**
 * What `trackerbt announce` and `trackerbt scrape` share: streams, exit codes, reading arguments,
 * and telling what went wrong.
 */
import { Command, type CommanderError, InvalidArgumentError, Option } from 'commander';
import { type ClientErrorCode, TrackerClientError } from '../client/client-error.js';
import { parseInfoHash } from '../client/info-hash.js';
import type { ReachOptions } from '../client/tracker-answer.js';
import { parseTrackerUrl } from '../client/tracker-client.js';
import { jsonText } from './json-text.js';

export interface CheckIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** Sets the code with which the process ends in its own time; `process.exitCode` by default. */
  readonly exit?: (code: number) => void;
}

/** How a check ends. */
export const CheckExit = {
  ok: 0,
  /** The tracker answered and said no. */
  refused: 1,
  usage: 2,
  /** No answer: time-out, nothing listening, no such host. */
  silent: 3,
  /** An answer that is none. */
  invalid: 4,
} as const;

const EXITS: Readonly<Record<ClientErrorCode, number>> = {
  urlInvalid: CheckExit.usage,
  unresolved: CheckExit.silent,
  refused: CheckExit.silent,
  unreachable: CheckExit.silent,
  timedOut: CheckExit.silent,
  disconnected: CheckExit.silent,
  trackerFailure: CheckExit.refused,
  httpStatus: CheckExit.invalid,
  answerInvalid: CheckExit.invalid,
};

const HEADLINES: Readonly<Record<ClientErrorCode, string>> = {
  urlInvalid: 'this URL cannot be used',
  unresolved: 'the host has no address',
  refused: 'nothing listens there',
  unreachable: 'the host cannot be reached',
  timedOut: 'the tracker did not answer',
  disconnected: 'the connection broke',
  trackerFailure: 'the tracker said no',
  httpStatus: 'the answer comes from no tracker',
  answerInvalid: 'the answer is invalid',
};

/** Longest time that `--timeout` takes, in seconds. */
const TIMEOUT_SECONDS_MAX = 3_600;

/** A command whose own complaints go to the streams given and end in the usage code. */
export function checkCommand(name: string, io: CheckIo): Command {
  return new Command(name)
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
    .exitOverride((error: CommanderError) => {
      setExit(io, error.exitCode === 0 ? CheckExit.ok : CheckExit.usage);
      throw error;
    })
    .option('--timeout <SECONDS>', 'give up after this time', parseTimeout, 20)
    .option('-4', 'use IPv4 only')
    .option('-6', 'use IPv6 only')
    .addOption(new Option('--json', 'print JSON'));
}

/** Options that both commands have, as commander gives them. */
export interface CheckFlags {
  readonly timeout: number;
  readonly 4?: true;
  readonly 6?: true;
  readonly json?: true;
}

export function reachOptionsOf(flags: CheckFlags): ReachOptions {
  const only = flags[4] === flags[6] ? undefined : flags[4] ? 4 : 6;
  return { timeoutMs: 1000 * flags.timeout, ...(only === undefined ? {} : { family: only }) };
}

/** Runs a check and turns its failure into a message and an exit code. */
export async function reporting(
  io: CheckIo,
  url: string,
  flags: CheckFlags,
  check: () => Promise<void>,
): Promise<void> {
  try {
    await check();
    setExit(io, CheckExit.ok);
  } catch (error) {
    if (!(error instanceof TrackerClientError)) throw error;
    setExit(io, EXITS[error.code]);
    if (flags.json) {
      const { code, message, refusal } = error;
      io.stdout.write(jsonText({ url, error: { code, message, ...refusal } }));
    } else {
      const retry = retryText(error.refusal?.retryIn);
      io.stderr.write(`${HEADLINES[error.code]}: ${printable(error.message)}${retry}\n`);
    }
  }
}

function retryText(retryIn: number | 'never' | undefined): string {
  if (retryIn === undefined) return '';
  return retryIn === 'never' ? ' (do not try again)' : ` (try again in ${retryIn} min)`;
}

function setExit({ exit }: CheckIo, code: number): void {
  if (exit === undefined) process.exitCode = code;
  else exit(code);
}

/** Names and values in two columns. */
export function aligned(rows: readonly (readonly [string, string | number | undefined])[]): string {
  const given = rows.filter(([, value]) => value !== undefined);
  const width = Math.max(...given.map(([name]) => name.length));
  return given.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}

/** What a stranger's tracker sent, fit for a terminal: no control characters, and not endless. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{FFFD}').slice(0, 500);
}

export function urlArgument(text: string): URL {
  try {
    return parseTrackerUrl(text);
  } catch (error) {
    if (!(error instanceof TrackerClientError)) throw error;
    throw new InvalidArgumentError(error.message);
  }
}

export function infoHashArgument(text: string): Uint8Array {
  const infoHash = parseInfoHash(text);
  if (infoHash !== undefined) return infoHash;
  throw new InvalidArgumentError('an info hash has 40 hexadecimal digits, or 32 of base32');
}

/** A reader of whole numbers within bounds. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`a whole number from ${min} to ${max} belongs here`);
  };
}

function parseTimeout(text: string): number {
  const value = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (value > 0 && value <= TIMEOUT_SECONDS_MAX) return value;
  throw new InvalidArgumentError(`seconds up to ${TIMEOUT_SECONDS_MAX} belong here`);
}
