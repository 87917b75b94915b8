/** `trackerbt load URL`: puts a tracker under load, and shows what it gave. */
import { Command, InvalidArgumentError } from 'commander';
import {
  CONNECTIONS_MAX,
  LOAD_DEFAULTS,
  LoadError,
  type LoadOptions,
  PEERS_MAX,
  SOURCES_MAX,
} from '../load/load-options.js';
import { type LoadProgress, type LoadResult, runLoad } from '../load/run-load.js';
import { findTarget } from '../load/target.js';
import { infoHashText } from '../load/torrent-names.js';
import { UDP_SCRAPE_HASHES_MAX } from '../protocol/udp/request.js';
import { aligned, printable, urlArgument, wholeNumber } from './tracker-check.js';

export interface LoadCommandIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  /** Calls back for each signal that asks the process to stop. */
  readonly onStopSignal?: (listener: (signal: string) => void) => void;
  /** Sets the code with which the process ends in its own time; `process.exitCode` by default. */
  readonly exit?: (code: number) => void;
}

type LoadFlags = Omit<LoadOptions, 'url' | 'warmUpSeconds' | 'fillSecondsMax' | 'timeoutMs'> & {
  readonly warmUp: number;
  readonly fillSeconds: number;
  readonly timeout: number;
  readonly json?: true;
  readonly listHashes?: true;
  readonly iOwnThisTarget?: true;
};

const SECONDS_MAX = 3_600;

export function loadCommand(io: LoadCommandIo): Command {
  const d = LOAD_DEFAULTS;
  const share = decimal(0, 1);
  return new Command('load')
    .description('put a tracker of your own under load, and show what it gave')
    .argument('<URL>', 'udp: or http: announce URL of the tracker', urlArgument)
    .option('--torrents <COUNT>', 'swarms', wholeNumber(1, PEERS_MAX), d.torrents)
    .option('--peers <COUNT>', 'peers over all swarms', wholeNumber(1, PEERS_MAX), d.peers)
    .option('--zipf <EXPONENT>', 'how unequal swarms are; 0: not at all', decimal(0, 3), d.zipf)
    .option('--seeders <SHARE>', 'share of peers that seed', share, d.seeders)
    .option('--numwant <COUNT>', 'peers wanted', wholeNumber(-1, 65_535), d.numwant)
    .option('--scrapes <SHARE>', 'share of requests that are scrapes', share, d.scrapes)
    .option(
      '--scrape-hashes <COUNT>',
      'info hashes a scrape',
      wholeNumber(1, UDP_SCRAPE_HASHES_MAX),
      d.scrapeHashes,
    )
    .option(
      '--churn <SHARE>',
      'share of announces from new peers; as many say that they stop',
      decimal(0, 0.5),
      d.churn,
    )
    .option('--seconds <SECONDS>', 'how long to measure', decimal(0.1, SECONDS_MAX), d.seconds)
    .option('--warm-up <SECONDS>', 'before measuring', decimal(0, SECONDS_MAX), d.warmUpSeconds)
    .option('--no-fill', 'do not announce every peer once before')
    .option(
      '--fill-seconds <SECONDS>',
      'announce every peer for this long at most',
      decimal(0.1, SECONDS_MAX),
      d.fillSecondsMax,
    )
    .option('--sources <COUNT>', 'source addresses', wholeNumber(1, SOURCES_MAX), d.sources)
    .option('--window <COUNT>', 'UDP requests under way', wholeNumber(1, 32_000), d.window)
    .option(
      '--connections <COUNT>',
      'HTTP connections, a request under way on each',
      wholeNumber(1, CONNECTIONS_MAX),
      d.connections,
    )
    .option('--close', 'a new HTTP connection for each request', d.close)
    .option('--timeout <SECONDS>', 'give a request up', decimal(0.01, 60), d.timeoutMs / 1000)
    .option('--seed <NUMBER>', 'the same load again', wholeNumber(0, 2 ** 31 - 1), d.seed)
    .option('--portable', "use node's own sockets", d.portable)
    .option('--list-hashes', 'print the info hashes of this load, for an allow list, and end')
    .option('--i-own-this-target', 'a target other than this machine is yours to load')
    .option('--json', 'print JSON')
    .action(async (url: URL, flags: LoadFlags) => {
      const exit = await loadAndReport(url, flags, io);
      if (io.exit === undefined) process.exitCode = exit;
      else io.exit(exit);
    });
}

/** 0: measured. 1: not a single request was answered. 2: cannot be done as asked. */
async function loadAndReport(url: URL, flags: LoadFlags, io: LoadCommandIo): Promise<number> {
  if (flags.listHashes) {
    for (let i = 0; i < flags.torrents; i++) io.stdout.write(`${infoHashText(flags.seed, i)}\n`);
    return 0;
  }
  const stop = new AbortController();
  io.onStopSignal?.(() => stop.abort());
  const line = new ProgressLine(io);
  try {
    const { isLoopback } = await findTarget(url);
    if (!isLoopback && !flags.iOwnThisTarget) {
      throw new LoadError(
        `${url.host} is another machine: only if its tracker is yours to load, add --i-own-this-target`,
      );
    }
    const result = await runLoad(optionsOf(url, flags), {
      signal: stop.signal,
      onProgress: (progress) => line.show(progress),
    });
    line.clear();
    io.stdout.write(flags.json ? jsonOf(url, flags, result) : textOf(url, result));
    return result.requests > 0 ? 0 : 1;
  } catch (error) {
    line.clear();
    if (!(error instanceof LoadError)) throw error;
    io.stderr.write(`load: ${printable(error.message)}\n`);
    return 2;
  }
}

function optionsOf(url: URL, flags: LoadFlags): LoadOptions {
  const {
    warmUp,
    fillSeconds,
    timeout,
    json: _,
    listHashes: __,
    iOwnThisTarget: ___,
    ...rest
  } = flags;
  return {
    ...rest,
    url,
    warmUpSeconds: warmUp,
    fillSecondsMax: fillSeconds,
    timeoutMs: timeout * 1000,
  };
}

/** One line on a terminal, written over and over. */
class ProgressLine {
  readonly #io: LoadCommandIo;
  constructor(io: LoadCommandIo) {
    this.#io = io;
  }

  show({ step, elapsedSeconds, answered, failed, perSecond }: LoadProgress): void {
    if (!this.#io.stderr.isTTY) return;
    const failures = failed === 0 ? '' : `, ${failed} failed`;
    const text = `${step} ${elapsedSeconds.toFixed(1)} s: ${answered} answers, ${perSecond}/s`;
    this.#io.stderr.write(`\r\x1b[K${text}${failures}`);
  }

  clear(): void {
    if (this.#io.stderr.isTTY) this.#io.stderr.write('\r\x1b[K');
  }
}

function textOf(url: URL, result: LoadResult): string {
  const { latencyUs: us, fill, errors } = result;
  const ms = (value: number) => `${(value / 1000).toFixed(2)} ms`;
  const rows = aligned([
    ['tracker', url.href],
    ['made with', result.engine],
    ['filled', fill && `${fill.announces} announces in ${fill.seconds.toFixed(1)} s`],
    ['measured', `${result.seconds.toFixed(1)} s`],
    ['requests', `${result.requests} (${result.announces} announces, ${result.scrapes} scrapes)`],
    ['per second', result.requestsPerSecond],
    ['peers a reply', result.peersPerReply?.toFixed(1)],
    [
      'reply bytes',
      `${result.replyBytes} (${(result.replyBytes / result.seconds / 1e6).toFixed(1)} MB/s)`,
    ],
    ['connections', result.connects === 0 ? undefined : result.connects],
    [
      'latency',
      `mean ${ms(us.mean)}, p50 ${ms(us.p50)}, p90 ${ms(us.p90)}, p99 ${ms(us.p99)}, p99.9 ${ms(us.p999)}, max ${ms(us.max)}`,
    ],
  ]);
  const failures = Object.entries(errors).map(
    ([kind, count]) => `  ${printable(kind)}: ${count}\n`,
  );
  return failures.length === 0 ? rows : `${rows}errors\n${failures.join('')}`;
}

function jsonOf(url: URL, flags: LoadFlags, result: LoadResult): string {
  const { json: _, ...options } = flags;
  return `${JSON.stringify({ url: url.href, options, result }, null, 2)}\n`;
}

/** A reader of decimal numbers within bounds. */
function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,6}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`a number from ${min} to ${max} belongs here`);
  };
}
