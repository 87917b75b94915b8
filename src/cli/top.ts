/** `trackerbt top`: a tracker or a cluster, live on a terminal. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { reasonOf } from '../lib/reason.js';
import { jsonLine } from './json-text.js';
import { MinderExit, type MinderIo, setExit, streamed } from './minder-command.js';
import { paintFor } from './terminal/paint.js';
import {
  Screen,
  type ScreenInput,
  type ScreenOutput,
  type ScreenProcess,
} from './terminal/screen.js';
import { readHistory, readTick } from './top/tick-reader.js';
import { NoTickError, TickSource, USUAL_LISTENERS } from './top/tick-source.js';
import { HISTORY_LENGTH, SORTS, TopState } from './top/top-state.js';
import { frameLines } from './top/top-view.js';
import { printable } from './tracker-check.js';

export interface TopIo extends MinderIo {
  readonly stdout: ScreenOutput & {
    readonly isTTY?: boolean;
    once(event: 'error', listener: (error: Error) => void): unknown;
  };
  readonly stdin: ScreenInput;
  readonly process: ScreenProcess;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onStopSignal: (listener: (signal: string) => void) => void;
}

interface TopFlags {
  readonly admin?: string;
  readonly tokenFile?: string;
  readonly json?: true;
  readonly once?: true;
}

const TICK_MS = 1_000;
const TOKEN_BYTES_MAX = 4_096;
const UP = '\x1b[A';
const DOWN = '\x1b[B';
const CTRL_C = '\x03';
const COLUMNS_PIPED = 100;

export function topCommand(io: TopIo): Command {
  return streamed(new Command('top'), io)
    .description('show a tracker or a cluster live, on a terminal')
    .option(
      '--admin <URL>',
      `admin listener of the node (default: ${USUAL_LISTENERS.join(', else ')})`,
      adminUrl,
    )
    .option('--token-file <FILE>', 'file with its token, for a listener that is not on loopback')
    .option('--once', 'show how things are, and end')
    .option('--json', 'print a tick as JSON on each line')
    .action(async (flags: TopFlags) => {
      setExit(io, await run(flags, io));
    });
}

/** 0: ended by the user, or shown once. 1: nothing to show. 2: cannot be done as asked. */
async function run(flags: TopFlags, io: TopIo): Promise<number> {
  let token: string | undefined;
  try {
    token = flags.tokenFile === undefined ? undefined : readToken(flags.tokenFile);
  } catch (error) {
    io.stderr.write(`top: ${printable(reasonOf(error))}\n`);
    return MinderExit.usage;
  }
  const urls = flags.admin === undefined ? USUAL_LISTENERS : [flags.admin];
  const source = new TickSource({ urls, token });
  const stop = new AbortController();
  io.onStopSignal(() => stop.abort());
  // Whoever reads what we print may leave at any time.
  io.stdout.once('error', () => stop.abort());
  if (flags.once) return once(flags, source, stop.signal, io);
  if (flags.json || io.stdout.isTTY !== true) return lines(flags, source, stop.signal, io);
  return live(source, stop, io);
}

async function once(
  flags: TopFlags,
  source: TickSource,
  signal: AbortSignal,
  io: TopIo,
): Promise<number> {
  const state = new TopState();
  const json = await look(source, state, signal);
  if (json === undefined) {
    if (!signal.aborted) io.stderr.write(`top: ${state.trouble}\n`);
    return MinderExit.failed;
  }
  io.stdout.write(flags.json ? `${json}\n` : plainFrame(state, io));
  return MinderExit.ok;
}

/** A line or a frame each second, for a file or another program. */
async function lines(
  flags: TopFlags,
  source: TickSource,
  signal: AbortSignal,
  io: TopIo,
): Promise<number> {
  const state = new TopState();
  let said = '';
  await eachSecond(signal, async () => {
    const json = await look(source, state, signal);
    if (signal.aborted) return;
    if (state.trouble !== said && state.trouble !== '') {
      io.stderr.write(`top: ${state.trouble}; trying on\n`);
    }
    said = state.trouble;
    // What is not read yet is not added to: a slow reader gets fewer ticks.
    if (json === undefined || io.stdout.writableNeedDrain === true) return;
    io.stdout.write(flags.json ? `${json}\n` : `${plainFrame(state, io)}\n`);
  });
  return MinderExit.ok;
}

async function live(source: TickSource, stop: AbortController, io: TopIo): Promise<number> {
  const state = new TopState();
  const paint = paintFor(io.stdout, io.env);
  const draw = (): void => {
    const { columns, rows } = screen;
    const frame = { columns, rows, paint, nowMs: performance.now(), hasKeys: true };
    screen.draw(frameLines(state, frame));
  };
  const onKey = (key: string): void => {
    if (key === 'q' || key === 'Q' || key === CTRL_C) stop.abort();
    else if (key === UP || key === 'k') state.scrolled = Math.max(0, state.scrolled - 1);
    else if (key === DOWN || key === 'j') state.scrolled++;
    else {
      const sort = SORTS.find((name) => name.startsWith(key));
      if (sort !== undefined && key.length === 1) state.sortBy(sort);
    }
    if (!stop.signal.aborted) draw();
  };
  const screen: Screen = new Screen(
    { onKey, onDraw: draw },
    { output: io.stdout, input: io.stdin, process: io.process },
  );
  screen.open();
  try {
    await eachSecond(stop.signal, async () => {
      await look(source, state, stop.signal);
      if (!stop.signal.aborted) draw();
    });
  } finally {
    screen.close();
  }
  return MinderExit.ok;
}

/** Takes a tick into the state, or why there is none; returns it as one line of JSON. */
async function look(
  source: TickSource,
  state: TopState,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { url, tick } = await source.now(signal);
    const read = readTick(tick);
    if (read === undefined) throw new NoTickError(`${url}: what it answered is no tick`);
    if (state.url !== url) {
      const history = readHistory(await source.history(url, signal), HISTORY_LENGTH);
      state.forget();
      state.remember(history);
    }
    state.took(read, url);
    return jsonLine(tick);
  } catch (error) {
    if (!(error instanceof NoTickError)) throw error;
    state.failed(printable(error.message), performance.now());
    return undefined;
  }
}

/** At once, then each second, never two at a time; until the signal. */
async function eachSecond(signal: AbortSignal, act: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    const startMs = performance.now();
    await act();
    const restMs = Math.max(0, TICK_MS - (performance.now() - startMs));
    await sleep(restMs, undefined, { signal }).catch(() => {});
  }
}

function plainFrame(state: TopState, { stdout, env }: TopIo): string {
  const columns = stdout.columns ?? COLUMNS_PIPED;
  const paint = paintFor(stdout, env);
  const rows = Number.POSITIVE_INFINITY;
  const frame = { columns, rows, paint, nowMs: performance.now(), hasKeys: false };
  return frameLines(state, frame)
    .map((line) => `${line}\n`)
    .join('');
}

function readToken(path: string): string {
  const token = readFileSync(path, 'utf8').trim();
  if (/^[\x21-\x7e]+$/.test(token) && token.length <= TOKEN_BYTES_MAX) return token;
  // What is in it is not shown: it may be a secret of another kind.
  throw new Error(`${path} holds no token`);
}

function adminUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    throw new InvalidArgumentError('a URL such as http://127.0.0.1:6970 belongs here');
  }
  if (url.username !== '' || url.password !== '') {
    throw new InvalidArgumentError('a token belongs in a file: --token-file');
  }
  return url.origin;
}
