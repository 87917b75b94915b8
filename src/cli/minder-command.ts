/**
 * What the commands share that talk to a minder on the same machine: streams, exit codes, `--data`,
 * tables, and telling what went wrong.
 */
import { Command, type CommanderError } from 'commander';
import { askControl, ControlError } from '../minder/control-socket.js';
import { tableLines } from './terminal/table.js';
import { printable } from './tracker-check.js';

export interface MinderIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** Sets the code with which the process ends in its own time; `process.exitCode` by default. */
  readonly exit?: (code: number) => void;
}

/** How such a command ends. */
export const MinderExit = { ok: 0, failed: 1, usage: 2 } as const;

export interface MinderFlags {
  readonly data: string;
  readonly json?: true;
}

/** A command whose own complaints go to the streams given and end in the usage code. */
export function minderToolCommand(name: string, io: MinderIo): Command {
  return streamed(new Command(name), io).option(
    '--data <DIR>',
    "the minder's data directory",
    './trackerbt-data',
  );
}

/** Complaints of a command and of those below it go to the streams given. */
export function streamed(command: Command, io: MinderIo): Command {
  return command
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
    .exitOverride((error: CommanderError) => {
      setExit(io, error.exitCode === 0 ? MinderExit.ok : MinderExit.usage);
      throw error;
    });
}

/** Asks the minder, and prints what `show` makes of the answer; or says why there is none. */
export async function asking(
  io: MinderIo,
  { data }: MinderFlags,
  method: string,
  params: unknown,
  show: (result: unknown) => string,
): Promise<void> {
  try {
    io.stdout.write(show(await askControl(data, method, params)));
    setExit(io, MinderExit.ok);
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    io.stderr.write(`${printable(error.message)}\n`);
    setExit(io, MinderExit.failed);
  }
}

/** The code with which the process ends in its own time. */
export function setExit({ exit }: MinderIo, code: number): void {
  if (exit === undefined) process.exitCode = code;
  else exit(code);
}

/** Rows under their titles, in columns as wide as they need be. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  return tableLines(
    titles.map((title) => ({ title })),
    rows,
  )
    .map((line) => `${line}\n`)
    .join('');
}

/** `2026-01-31 12:00:00Z` */
export function timeText(wallMs: number): string {
  return new Date(wallMs)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');
}
