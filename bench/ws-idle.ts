/**
 * Browsers that only wait: what each takes in memory, and how announces fare meanwhile.
 *
 * ```
 * idle    one engine holds N WebSockets open, each in one swarm, and answers pings between the rows
 * rows    a few connections announce over WebSocket, then over HTTP: before, and beside the idle ones
 * ```
 */
import { Crowd } from '../src/load/crowd.js';
import {
  LOAD_DEFAULTS,
  LoadError,
  type LoadOptions,
  WEB_LOAD_DEFAULTS,
} from '../src/load/load-options.js';
import { SysWebEngine } from '../src/load/sys-web-engine.js';
import { Tally } from '../src/load/tally.js';
import { findTarget } from '../src/load/target.js';
import { loadSys } from '../src/sys/load-sys.js';
import { raiseOpenFilesLimit } from '../src/sys/open-files.js';
import { count } from './compare.js';
import { type Contender, type RunningContender, startContender } from './contender.js';
import type { Cores } from './cores.js';
import { measureLoad } from './measure-load.js';

/** Few enough that they do not wait for each other. */
const ASKERS = 16;
/** Descriptors for everything else. */
const SPARE_DESCRIPTORS = 300;
const OPEN_SECONDS_MAX = 180;
const SETTLE_READINGS_MAX = 15;

export interface IdleFigure {
  readonly contender: string;
  /** Open, and in a swarm. */
  readonly connections: number;
  readonly openSeconds: number;
  readonly bytesEach: number;
  /** p99 of announces in ms, before and beside the idle ones. */
  readonly ws: readonly [number, number];
  /** Undefined where HTTP is not served. */
  readonly http: readonly [number, number] | undefined;
  readonly errors: number;
}

export interface IdleOptions {
  readonly connections: number;
  readonly seconds: number;
}

export async function measureIdle(
  contender: Contender,
  hasHttp: boolean,
  options: IdleOptions,
  { cores, notes, say }: { cores: Cores; notes: Set<string>; say: (text: string) => void },
): Promise<IdleFigure | undefined> {
  const loaded = loadSys();
  if (!loaded.ok) {
    notes.add(`idle WebSockets: needs the fast path, which ${loaded.reason}`);
    return undefined;
  }
  const room = raiseOpenFilesLimit(loaded.sys) - SPARE_DESCRIPTORS;
  const connections = Math.min(options.connections, room);
  if (connections < options.connections) {
    notes.add(
      `${count(connections)} idle WebSockets instead of ${count(options.connections)}: a process may hold no more descriptors here`,
    );
  }
  const started = await startContender(contender, {
    infoHashes: () => [],
    onCore: cores.forTracker,
  });
  if (typeof started === 'string') {
    notes.add(`${contender.name}: ${started}`);
    return undefined;
  }
  const idle: LoadOptions = {
    ...LOAD_DEFAULTS,
    ...WEB_LOAD_DEFAULTS,
    url: urlOf(started, 'ws'),
    connections,
    peers: connections,
    torrents: Math.ceil(connections / 10),
    timeoutMs: 60_000,
  };
  const tally = new Tally();
  const target = await findTarget(idle.url);
  const crowd = new Crowd({ ...idle, sources: connections });
  const engine = new SysWebEngine(loaded.sys, idle, { target, crowd, tally });
  try {
    // Warm: what a tracker takes for its first announces is not to count for the idle ones.
    const before = await askBoth(started, hasHttp, options);
    const emptyBytes = await settled(started);
    const startMs = performance.now();
    await engine.open(2_000);
    const untilMs = startMs + 1_000 * OPEN_SECONDS_MAX;
    while (!(engine.filled && engine.inFlight === 0) && performance.now() < untilMs) {
      await engine.work('fill', Math.min(untilMs, performance.now() + 200));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const openSeconds = (performance.now() - startMs) / 1_000;
    const open = tally.announces;
    const bytesEach = ((await settled(started)) - emptyBytes) / Math.max(1, open);
    say(`${started.name}: ${count(open)} idle, ${count(bytesEach)} bytes each`);
    await answerPings(engine);
    const beside = await askBoth(started, hasHttp, options);
    await answerPings(engine);
    return {
      contender: started.name,
      connections: open,
      openSeconds,
      bytesEach,
      ws: [before.ws, beside.ws],
      http: before.http === undefined ? undefined : [before.http, beside.http ?? 0],
      errors: tally.failed + before.errors + beside.errors,
    };
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    notes.add(`${started.name}, idle WebSockets: ${error.message}`);
    return undefined;
  } finally {
    engine.close();
    await started.stop();
  }
}

function urlOf({ port }: RunningContender, scheme: 'ws' | 'http'): URL {
  return new URL(`${scheme}://127.0.0.1:${port}/announce`);
}

/** p99 in ms of announces from a few. */
async function askBoth(running: RunningContender, hasHttp: boolean, { seconds }: IdleOptions) {
  const common = {
    ...LOAD_DEFAULTS,
    torrents: 20,
    peers: 200,
    connections: ASKERS,
    timeoutMs: 10_000,
    seconds,
    warmUpSeconds: 0.5,
  };
  const ws = await measureLoad(running, { ...common, offers: 1, url: urlOf(running, 'ws') });
  const http = hasHttp
    ? await measureLoad(running, { ...common, url: urlOf(running, 'http') })
    : undefined;
  return {
    ws: ws.sample.p99Us / 1_000,
    http: http === undefined ? undefined : http.sample.p99Us / 1_000,
    errors: ws.sample.errors + (http?.sample.errors ?? 0),
  };
}

/** Resident bytes, once two readings a second apart are the same to a megabyte. */
async function settled(running: RunningContender): Promise<number> {
  let last = running.residentBytes();
  for (let reading = 0; reading < SETTLE_READINGS_MAX; reading++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const now = running.residentBytes();
    if (Math.abs(now - last) < 1e6) return now;
    last = now;
  }
  return last;
}

/** Reads what came on the idle ones meanwhile. */
async function answerPings(engine: SysWebEngine): Promise<void> {
  const untilMs = performance.now() + 500;
  while (performance.now() < untilMs) await engine.work('drain', untilMs);
}
