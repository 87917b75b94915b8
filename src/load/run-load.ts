/** One load from start to end: reach the tracker, fill it, warm up, measure. */
import { loadSys } from '../sys/load-sys.js';
import { raiseOpenFilesLimit } from '../sys/open-files.js';
import { Crowd } from './crowd.js';
import type { LoadEngine, LoadPhase } from './engine.js';
import {
  HTTP_CONNECTIONS_MAX,
  isWeb,
  LoadError,
  type LoadOptions,
  SOCKET_WINDOW_MAX,
} from './load-options.js';
import { NodeHttpEngine } from './node-http-engine.js';
import { NodeUdpEngine } from './node-udp-engine.js';
import { NodeWebEngine } from './node-web-engine.js';
import { type HttpEngineDependencies, SysHttpEngine } from './sys-http-engine.js';
import { SysUdpEngine } from './sys-udp-engine.js';
import { SysWebEngine } from './sys-web-engine.js';
import { type LoadReport, Tally } from './tally.js';
import { findTarget, type LoadTarget } from './target.js';

/** The engine's own loop gives way to timers and signals this often. */
const SLICE_MS = 200;
const OPEN_MS_MAX = 2_000;
const DRAIN_MS_MAX = 2_000;

export type LoadStep = 'filling' | 'warming up' | 'measuring';

export interface LoadProgress {
  readonly step: LoadStep;
  readonly elapsedSeconds: number;
  /** Of this step: answered requests, and those without a proper answer. */
  readonly answered: number;
  readonly failed: number;
  readonly perSecond: number;
}

export interface LoadHooks {
  /** Called a few times a second. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Called just before and just after the time that is measured. */
  readonly onMeasure?: (moment: 'start' | 'end') => void;
  /** Ends the load early; what was measured until then is reported. */
  readonly signal?: AbortSignal;
  /** From `dealTorrents`, for several loads of the same torrents and peers. */
  readonly torrentOf?: Uint32Array;
}

export interface LoadResult extends LoadReport {
  /** What made the requests: direct system calls, or node's sockets. */
  readonly engine: LoadEngine['kind'];
  /** Peers announced to begin with, and how long that took; undefined without. */
  readonly fill: { readonly announces: number; readonly seconds: number } | undefined;
}

/** Runs a load. Rejects with a `LoadError` when it cannot be made. */
export async function runLoad(given: LoadOptions, hooks: LoadHooks = {}): Promise<LoadResult> {
  const target = await findTarget(given.url);
  const options = fittedTo(given, target);
  const sources = isWeb(options.url) ? options.connections : options.sources;
  const crowd = new Crowd({ ...options, sources }, hooks.torrentOf);
  const tally = new Tally();
  const engine = makeEngine(options, { target, crowd, tally });
  try {
    await engine.open(OPEN_MS_MAX);
    const run = new Run(engine, tally, hooks);
    let fill: LoadResult['fill'];
    if (options.fill) {
      const seconds = await run.step('filling', 'fill', options.fillSecondsMax);
      fill = { announces: tally.answered, seconds };
      if (tally.answered === 0 && hooks.signal?.aborted !== true) {
        throw new LoadError(`the tracker answers nothing (${tally.firstError ?? 'silence'})`);
      }
    }
    if (options.warmUpSeconds > 0) await run.step('warming up', 'mix', options.warmUpSeconds);
    hooks.onMeasure?.('start');
    const seconds = await run.step('measuring', 'mix', options.seconds);
    hooks.onMeasure?.('end');
    const report = tally.report(seconds, isWeb(options.url));
    await engine.work('drain', performance.now() + DRAIN_MS_MAX);
    return { ...report, engine: engine.kind, fill };
  } finally {
    engine.close();
  }
}

/** Options as this target can be served with them. */
function fittedTo(options: LoadOptions, target: LoadTarget): LoadOptions {
  const { url } = options;
  if (options.peers < options.torrents) {
    throw new LoadError('each torrent has one peer at least: raise the peers');
  }
  if (!isWeb(url) && options.connections > HTTP_CONNECTIONS_MAX) {
    throw new LoadError(`${HTTP_CONNECTIONS_MAX} connections are the most for ${url.protocol}`);
  }
  if (options.resume && !(url.protocol === 'https:' && options.close)) {
    throw new LoadError('sessions are resumed where https: makes a connection for each request');
  }
  const isUdp = url.protocol === 'udp:';
  // A connection without a peer would have nothing to say.
  const connections = Math.min(options.connections, options.peers);
  // Elsewhere than on loopback there is one source address: HTTP needs no more than one.
  const isVaried = isUdp || (target.isLoopback && target.remote.family === 4);
  let sources = isVaried ? options.sources : 1;
  if (!isUdp) sources = Math.min(sources, connections);
  sources = Math.min(sources, options.peers);
  const window = Math.min(Math.max(options.window, sources), sources * SOCKET_WINDOW_MAX);
  return { ...options, connections, sources, window };
}

function makeEngine(options: LoadOptions, deps: HttpEngineDependencies): LoadEngine {
  const { url } = options;
  const isUdp = url.protocol === 'udp:';
  const loaded = options.portable ? undefined : loadSys();
  if (loaded?.ok) {
    raiseOpenFilesLimit(loaded.sys);
    // TLS is node's own.
    if (isUdp) return new SysUdpEngine(loaded.sys, options, deps);
    if (url.protocol === 'http:') return new SysHttpEngine(loaded.sys, options, deps);
    if (url.protocol === 'ws:') return new SysWebEngine(loaded.sys, options, deps);
  }
  if (isUdp) return new NodeUdpEngine(options, deps);
  return isWeb(url) ? new NodeWebEngine(options, deps) : new NodeHttpEngine(options, deps);
}

/** Steps of a load, cut into slices so that signals and timers get their turn. */
class Run {
  readonly #engine: LoadEngine;
  readonly #tally: Tally;
  readonly #hooks: LoadHooks;

  constructor(engine: LoadEngine, tally: Tally, hooks: LoadHooks) {
    this.#engine = engine;
    this.#tally = tally;
    this.#hooks = hooks;
  }

  /** Counts from zero; returns the seconds that it took. */
  async step(step: LoadStep, phase: LoadPhase, secondsMax: number): Promise<number> {
    const engine = this.#engine;
    const tally = this.#tally;
    tally.reset();
    const startMs = performance.now();
    const endMs = startMs + 1000 * secondsMax;
    const elapsed = () => (performance.now() - startMs) / 1000;
    while (performance.now() < endMs && this.#hooks.signal?.aborted !== true) {
      await engine.work(phase, Math.min(endMs, performance.now() + SLICE_MS));
      const elapsedSeconds = elapsed();
      this.#hooks.onProgress?.({
        step,
        elapsedSeconds,
        answered: tally.answered,
        failed: tally.failed,
        perSecond: Math.round(tally.answered / elapsedSeconds),
      });
      if (phase === 'fill' && engine.filled && engine.inFlight === 0) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return elapsed();
  }
}
