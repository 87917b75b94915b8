/** `trackerbt load URL`: puts a tracker under load, and shows what it gave. */
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { ProgressLine } from '../lib/progress-line.js';
import {
  CONNECTIONS_MAX,
  isWeb,
  LOAD_DEFAULTS,
  LoadError,
  type LoadOptions,
  OFFERS_MAX,
  PEERS_MAX,
  PIPELINE_MAX,
  SOURCES_MAX,
  WEB_LOAD_DEFAULTS,
} from '../load/load-options.js';
import { type LoadProgress, type LoadResult, runLoad } from '../load/run-load.js';
import { findTarget } from '../load/target.js';
import { infoHashText } from '../load/torrent-names.js';
import { UDP_SCRAPE_HASHES_MAX } from '../protocol/udp/request.js';
import { jsonText } from './json-text.js';
import { aligned, printable, wholeNumber } from './tracker-check.js';

export interface LoadCommandIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: {
    write(text: string): unknown;
    readonly isTTY?: boolean;
    readonly columns?: number;
  };
  /** Calls back for each signal that asks the process to stop. */
  readonly onStopSignal?: (listener: (signal: string) => void) => void;
  /** Sets the code with which the process ends in its own time; `process.exitCode` by default. */
  readonly exit?: (code: number) => void;
}

type Named = 'url' | 'warmUpSeconds' | 'fillSecondsMax' | 'timeoutMs' | 'tlsCa';
type LoadFlags = Omit<LoadOptions, Named> & {
  readonly warmUp: number;
  readonly fillSeconds: number;
  readonly timeout: number;
  /** A file. */
  readonly tlsCa?: string;
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
    .argument('<URL>', 'udp:, http:, https:, ws: or wss: announce URL of the tracker', announceUrl)
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
      'HTTP connections, a request under way on each; WebSockets',
      wholeNumber(1, CONNECTIONS_MAX),
      d.connections,
    )
    .option('--close', 'a new HTTP connection for each request', d.close)
    .option('--resume', 'https: with --close: go on with an earlier TLS session', d.resume)
    .option('--tls-ca <FILE>', 'PEM of the authority that the certificate must come from')
    .option(
      '--pipeline <COUNT>',
      'requests under way on each WebSocket',
      wholeNumber(1, PIPELINE_MAX),
      d.pipeline,
    )
    .option(
      '--offers <COUNT>',
      'offers in an announce over WebSocket',
      wholeNumber(0, OFFERS_MAX),
      d.offers,
    )
    .option('--timeout <SECONDS>', 'give a request up', decimal(0.01, 60), d.timeoutMs / 1000)
    .option('--seed <NUMBER>', 'the same load again', wholeNumber(0, 2 ** 31 - 1), d.seed)
    .option('--portable', "use node's own sockets", d.portable)
    .option('--list-hashes', 'print the info hashes of this load, for an allow list, and end')
    .option('--i-own-this-target', 'a target other than this machine is yours to load')
    .option('--json', 'print JSON')
    .addHelpText('after', WEB_HELP)
    .action(async (url: URL, given: LoadFlags, command: Command) => {
      const flags = isWeb(url) ? withWebDefaults(given, command) : given;
      const exit = await loadAndReport(url, flags, io);
      if (io.exit === undefined) process.exitCode = exit;
      else io.exit(exit);
    });
}

const WEB_HELP = `
For ws: and wss: the defaults are --torrents ${WEB_LOAD_DEFAULTS.torrents} --peers ${WEB_LOAD_DEFAULTS.peers} --connections ${WEB_LOAD_DEFAULTS.connections} --timeout ${WEB_LOAD_DEFAULTS.timeoutMs / 1000}.`;

/** Nobody has thousands of swarms on one WebSocket, so what was not given is other than for UDP. */
function withWebDefaults(flags: LoadFlags, command: Command): LoadFlags {
  const d = WEB_LOAD_DEFAULTS;
  const isDefault = (name: string) => command.getOptionValueSource(name) === 'default';
  return {
    ...flags,
    ...(isDefault('torrents') ? { torrents: d.torrents } : {}),
    ...(isDefault('peers') ? { peers: d.peers } : {}),
    ...(isDefault('connections') ? { connections: d.connections } : {}),
    ...(isDefault('timeout') ? { timeout: d.timeoutMs / 1000 } : {}),
  };
}

/** 0: measured. 1: not a single request was answered. 2: cannot be done as asked. */
async function loadAndReport(url: URL, flags: LoadFlags, io: LoadCommandIo): Promise<number> {
  if (flags.listHashes) {
    for (let i = 0; i < flags.torrents; i++) io.stdout.write(`${infoHashText(flags.seed, i)}\n`);
    return 0;
  }
  const stop = new AbortController();
  io.onStopSignal?.(() => stop.abort());
  const line = new ProgressLine('load', { output: io.stderr });
  try {
    const { isLoopback } = await findTarget(url);
    if (!isLoopback && !flags.iOwnThisTarget) {
      throw new LoadError(
        `${url.host} is another machine: only if its tracker is yours to load, add --i-own-this-target`,
      );
    }
    const result = await runLoad(optionsOf(url, flags), {
      signal: stop.signal,
      onProgress: (progress) => line.show(progressText(progress), shareOf(progress, flags)),
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
    tlsCa,
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
    tlsCa: tlsCa === undefined ? '' : readAuthority(tlsCa),
  };
}

function readAuthority(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new LoadError(`--tls-ca: ${path} cannot be read (${(error as { code?: string }).code})`);
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new LoadError(`--tls-ca: ${path} holds no certificate in PEM`);
}

/** A step ends when its time is over; filling also when every peer was announced. */
function shareOf({ step, elapsedSeconds, answered }: LoadProgress, flags: LoadFlags): number {
  if (step === 'filling')
    return Math.max(answered / flags.peers, elapsedSeconds / flags.fillSeconds);
  return elapsedSeconds / (step === 'warming up' ? flags.warmUp : flags.seconds);
}

function progressText({ step, elapsedSeconds, answered, failed, perSecond }: LoadProgress): string {
  const failures = failed === 0 ? '' : `, ${failed} failed`;
  return `${step} ${elapsedSeconds.toFixed(1)} s: ${answered} answers, ${perSecond}/s${failures}`;
}

function textOf(url: URL, result: LoadResult): string {
  const { latencyUs: us, fill, errors, signals } = result;
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
    ['offers', signals && `${signals.offersSent} sent, ${signals.offersReceived} passed on`],
    ['answers', signals && `${signals.answersSent} sent, ${signals.answersReceived} passed on`],
    ['connections', result.connects === 0 ? undefined : connectionsOf(result)],
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

function connectionsOf({ connects, resumed }: LoadResult): string {
  return resumed === 0 ? String(connects) : `${connects} (${resumed} with an earlier TLS session)`;
}

function jsonOf(url: URL, flags: LoadFlags, result: LoadResult): string {
  const { json: _, ...options } = flags;
  return jsonText({ url: url.href, options, result });
}

/** What can be loaded is for `findTarget` to say. */
function announceUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && url.hostname !== '') return url;
  throw new InvalidArgumentError('a URL belongs here');
}

/** A reader of decimal numbers within bounds. */
function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,6}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`a number from ${min} to ${max} belongs here`);
  };
}
