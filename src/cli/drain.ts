/** `trackerbt drain NODE`: sends a tracker's clients to the others, and waits until they are gone. */
import type { Command } from 'commander';
import { askControl, ControlError } from '../minder/control-socket.js';
import type { DrainView } from '../minder/tuning-desk.js';
import { jsonText } from './json-text.js';
import { type MinderFlags, type MinderIo, minderToolCommand } from './minder-command.js';
import { printable, wholeNumber } from './tracker-check.js';

/** How a drain ends. */
export const DrainExit = {
  /** Nobody comes any more, or the drain was taken back. */
  ok: 0,
  failed: 1,
  /** Clients still came when the time was over. */
  late: 3,
  interrupted: 130,
} as const;

export interface DrainIo extends MinderIo {
  readonly stderr: MinderIo['stderr'] & { readonly isTTY?: boolean };
  /** Calls back for each signal that asks the process to stop. */
  readonly onStopSignal?: (listener: () => void) => void;
  /** Waits so long, or until the signal; and milliseconds that never go back. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly nowMs?: () => number;
}

interface DrainFlags extends MinderFlags {
  readonly timeout: number;
  readonly quiet: number;
  readonly undo?: true;
}

const POLL_MS = 1_000;
/** Between two lines of progress where they do not replace each other. */
const LINE_MS = 10_000;
/** How long the minder may be away while we wait: it may be starting again. */
const AWAY_MS = 60_000;
const SECONDS_MAX = 7 * 86_400;

export function drainCommand(io: DrainIo): Command {
  return minderToolCommand('drain', io)
    .description('send the clients of a tracker to the others, and wait until they are gone')
    .argument('<NODE>', 'id or name of the tracker, see nodes')
    .option('--timeout <SECONDS>', 'wait no longer', wholeNumber(0, SECONDS_MAX), 3_600)
    .option(
      '--quiet <SECONDS>',
      'gone is: no client has come for so long; where few come, make it the interval',
      wholeNumber(1, SECONDS_MAX),
      60,
    )
    .option('--undo', 'take the drain back: clients may come again')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExit code: 0 gone, 3 not in time, 1 for errors; it stays draining.')
    .action(async (node: string, flags: DrainFlags) => {
      const code = await drain(io, node, flags);
      if (io.exit === undefined) process.exitCode = code;
      else io.exit(code);
    });
}

async function drain(io: DrainIo, node: string, flags: DrainFlags): Promise<number> {
  try {
    if (flags.undo) return await undo(io, node, flags);
    return await new Drain(io, flags).run(node);
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    io.stderr.write(`${printable(error.message)}\n`);
    return DrainExit.failed;
  }
}

async function undo(io: DrainIo, node: string, { data, json: asJson }: DrainFlags) {
  const view = (await askControl(data, 'drain.end', { node })) as DrainView;
  io.stdout.write(
    asJson ? jsonText({ ...view, outcome: 'undone' }) : `${nameOf(view)} takes clients again\n`,
  );
  return DrainExit.ok;
}

/** One drain that is waited for. */
class Drain {
  readonly #io: DrainIo;
  readonly #flags: DrainFlags;
  readonly #stop = new AbortController();
  readonly #nowMs: () => number;
  #saidMs = Number.NEGATIVE_INFINITY;

  constructor(io: DrainIo, flags: DrainFlags) {
    this.#io = io;
    this.#flags = flags;
    this.#nowMs = io.nowMs ?? (() => performance.now());
    io.onStopSignal?.(() => this.#stop.abort());
  }

  async run(node: string): Promise<number> {
    const { data, timeout } = this.#flags;
    const { wait = pause } = this.#io;
    const endMs = this.#nowMs() + 1000 * timeout;
    let view = (await askControl(data, 'drain.start', { node })) as DrainView;
    if (view.healthyOthers === 0) {
      this.#io.stderr.write('no other tracker is healthy: clients have nowhere to go\n');
    }
    while (!this.#isGone(view)) {
      if (!view.draining) {
        throw new ControlError('control_failed', `somebody took the drain of ${view.id} back`);
      }
      this.#progress(view);
      const leftMs = endMs - this.#nowMs();
      if (leftMs <= 0) return this.#end(view, 'late');
      await wait(Math.min(POLL_MS, leftMs), this.#stop.signal);
      if (this.#stop.signal.aborted) return this.#end(view, 'interrupted');
      view = await this.#ask(view.id);
    }
    return this.#end(view, 'ok');
  }

  /** Asks how it goes, also of a minder that is away for a moment. */
  async #ask(node: string): Promise<DrainView> {
    const { wait = pause } = this.#io;
    const untilMs = this.#nowMs() + AWAY_MS;
    for (;;) {
      try {
        return (await askControl(this.#flags.data, 'drain.status', { node })) as DrainView;
      } catch (error) {
        const isAway = error instanceof ControlError && error.code === 'minder_not_running';
        if (!isAway || this.#nowMs() >= untilMs || this.#stop.signal.aborted) throw error;
        await wait(POLL_MS, this.#stop.signal);
      }
    }
  }

  /** The tracker has heard of it, resolvers may not send anybody any more, and nobody comes. */
  #isGone({ state, quietSeconds, inDns }: DrainView): boolean {
    const isQuiet = quietSeconds !== null && quietSeconds >= this.#flags.quiet;
    return state === 'draining' && inDns !== true && isQuiet;
  }

  #progress(view: DrainView): void {
    const { stderr } = this.#io;
    const { state, requestsPerSecond: rate, quietSeconds: quiet, inDns } = view;
    const parts = [
      `${nameOf(view)}: ${state}`,
      rate === null ? 'requests not known' : `${rate} requests/s`,
      quiet === null ? 'quiet not known' : `quiet for ${quiet} s`,
      ...(inDns === true ? ['still in DNS'] : []),
    ];
    if (stderr.isTTY) {
      stderr.write(`\r\x1b[K${parts.join(', ')}`);
      return;
    }
    if (this.#nowMs() - this.#saidMs < LINE_MS) return;
    this.#saidMs = this.#nowMs();
    stderr.write(`${parts.join(', ')}\n`);
  }

  #end(view: DrainView, outcome: 'ok' | 'late' | 'interrupted'): number {
    const { stdout, stderr } = this.#io;
    if (stderr.isTTY) stderr.write('\r\x1b[K');
    const { quiet, timeout, json: asJson } = this.#flags;
    const name = nameOf(view);
    const stays = `it stays draining: wait again with the same command, or end it with --undo\n`;
    // One of the version before does not say whether anybody comes.
    const has = view.quietSeconds === null ? 'may still have' : 'still has';
    if (outcome === 'late') stderr.write(`${name} ${has} clients after ${timeout} s; ${stays}`);
    if (outcome === 'interrupted') stderr.write(`${name} may still have clients; ${stays}`);
    if (asJson) stdout.write(jsonText({ ...view, outcome }));
    else if (outcome === 'ok') {
      stdout.write(`${name} is empty: no client has come for ${quiet} s\n`);
    }
    return DrainExit[outcome];
  }
}

function nameOf({ id, name }: DrainView): string {
  return printable(name === '' ? id : `${id} (${name})`);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
