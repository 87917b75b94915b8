/** From the configuration to the workers of a tracker: who runs, with what. */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { MessageChannel } from 'node:worker_threads';
import { type Config, parseListen } from '../config/index.js';
import { FRONTEND_COUNTER_BYTES } from '../frontend/counters.js';
import { HTTP_LIMITS } from '../frontend/http/http-limits.js';
import type { BindAddress, ListenAddress } from '../frontend/listen-address.js';
import { reserveAddresses } from '../frontend/port-probe.js';
import { reusePortSupported } from '../frontend/reuse-port.js';
import { TICKET_SECRET_BYTES } from '../frontend/tls/ticket-keys.js';
import { createAddressCounts } from '../frontend/websocket/address-counts.js';
import { assert } from '../lib/assert.js';
import type { StoreMemory } from '../swarm/layout.js';
import { TRACKER_COUNTER_BYTES } from '../tracker/counters.js';
import type { WebOrigin } from '../tracker/web-voice.js';
import { acmePaths } from './acme-paths.js';
import type {
  HandOverEnd,
  HttpsTask,
  HttpTask,
  KeeperTask,
  SocketTask,
  SocketWorkerTask,
  UdpTask,
  WorkerTask,
} from './task.js';
import { webSocketSettings } from './web-socket-settings.js';

/** The main thread's number in the store's locks. */
export const MAIN_THREAD = 1;
const KEEPER_THREAD = 2;
export const CLUSTER_THREAD = 3;
const FIRST_SOCKET_THREAD = 4;

export interface PlanInputs {
  readonly config: Config;
  readonly memory: StoreMemory;
  readonly keyRing: SharedArrayBuffer;
  /** Live settings, one for all threads. */
  readonly live: SharedArrayBuffer;
  readonly snapshotPath: string;
  /** What this process's web peers are known by. */
  readonly origin: WebOrigin;
}

interface SocketInputs extends PlanInputs {
  /** WebSockets by address, one for all threads. */
  readonly addresses: SharedArrayBuffer;
}

/** How sockets are driven. */
export type Io = 'fast' | 'portable';

/**
 * Workers that take connections: as many as were asked for, where a port can be shared at all. By
 * default one for every two processors on the portable path, where they come in pairs; one for each
 * on the fast path.
 */
export function socketWorkers(configured: number, io: Io, canShare = reusePortSupported()): number {
  if (io === 'portable' && !canShare) return 1;
  if (configured > 0) return configured;
  const processors = availableParallelism();
  return io === 'fast' ? processors : Math.max(1, Math.floor(processors / 2));
}

/**
 * HTTP workers beside fast ones. Browsers' clients cost far more than others, so by default half as
 * many as there are processors; a thread is only started when there is something for it to do.
 */
export function webWorkers(configured: number): number {
  return configured > 0 ? configured : Math.max(1, Math.floor(availableParallelism() / 2));
}

/** The highest number that a thread of such a tracker can have. */
export function threadsMax({ workers, websocket }: Config, io: Io): number {
  const count = socketWorkers(workers, io);
  // A UDP and an HTTP worker each on the portable path.
  return FIRST_SOCKET_THREAD + count + (io === 'fast' ? webWorkers(websocket.workers) : count);
}

export function keeperTask({ config, memory, snapshotPath }: PlanInputs): KeeperTask {
  return {
    kind: 'keeper',
    name: 'keeper',
    thread: KEEPER_THREAD,
    memory,
    logLevel: config.log.level,
    snapshotPath,
    saveSeconds: config.store.saveSeconds,
    peerTtlSeconds: config.announce.peerTtlSeconds,
    emptySwarmSeconds: config.store.emptySwarmSeconds,
    busiestMax: config.admin.listen === 'off' ? 0 : config.admin.busiestSwarms,
  };
}

/**
 * The tasks of all workers that speak with clients. Where several share an address, it is checked and
 * its port settled first. Rejects with a ListenError when one cannot be had.
 */
export async function socketTasks(inputs: PlanInputs, io: Io): Promise<SocketWorkerTask[]> {
  const count = socketWorkers(inputs.config.workers, io);
  const all: SocketInputs = { ...inputs, addresses: createAddressCounts() };
  const tasks = await (io === 'fast' ? fastTasks(all, count) : portableTasks(all, count));
  return tasks.map((task, i) => ({ ...task, thread: FIRST_SOCKET_THREAD + i }));
}

async function portableTasks(inputs: SocketInputs, count: number): Promise<SocketWorkerTask[]> {
  const { config } = inputs;
  const shared = count > 1;
  const udp = shared ? await reserve('udp', config.udp.listen) : parse(config.udp.listen);
  const http = shared ? await reserve('http', config.http.listen) : parse(config.http.listen);
  const https = await httpsTask(inputs, count, 'portable');
  const tasks: SocketWorkerTask[] = [];
  for (let i = 1; i <= count && udp.length > 0; i++) {
    const listen = udp.map(listenOf);
    tasks.push({ ...udpTask(inputs, `udp-${i}`), listen, shared, catchAll: i === 1 });
  }
  for (let i = 1; i <= count && (http.length > 0 || https !== undefined); i++) {
    const listen = http.map(listenOf);
    tasks.push({ ...httpTask(inputs, `http-${i}`, count), ...secured(https), listen, shared });
  }
  return tasks;
}

/**
 * Fast workers for both protocols, and portable HTTP workers for what they do not serve: each of those
 * takes connections from each of the fast ones.
 */
async function fastTasks(inputs: SocketInputs, count: number): Promise<SocketWorkerTask[]> {
  const { config, keyRing } = inputs;
  const udp = await reserve('udp', config.udp.listen);
  const http = await reserve('http', config.http.listen);
  const webs = await handOverTasks(inputs);
  const tasks: SocketWorkerTask[] = [];
  const adopts = webs.map((): HandOverEnd[] => []);
  const connectionsOpen = new SharedArrayBuffer(4);
  for (let i = 1; i <= count; i++) {
    const handOver = webs.map(({ name, frontendCounts }, web) => {
      const { port1, port2 } = new MessageChannel();
      const pending = new SharedArrayBuffer(4);
      adopts[web].push({ port: port2, pending });
      return { port: port1, pending, worker: name, frontendCounts };
    });
    tasks.push({
      ...socketTask(inputs, `fast-${i}`),
      ...httpSettings(config, 1),
      kind: 'fast',
      keyRing,
      receiveBufferBytes: config.udp.receiveBufferBytes,
      udp,
      http,
      handOver,
      handOverPendingMax: config.http.handOverPendingMax,
      handOverPerAddress: config.http.handOverPerAddress,
      connectionsOpen,
    });
  }
  return [...tasks, ...webs.map((task, web) => ({ ...task, adopt: adopts[web] }))];
}

/** The HTTP workers beside fast ones, but for where their connections come from. */
async function handOverTasks(inputs: SocketInputs): Promise<HttpTask[]> {
  const count = webWorkers(inputs.config.websocket.workers);
  const https = secured(await httpsTask(inputs, count, 'fast'));
  return Array.from({ length: count }, (_, i) => {
    const task = httpTask(inputs, `http-${i + 1}`, count);
    return { ...task, ...https, listen: [], shared: false };
  });
}

/** What HTTPS needs, which a portable HTTP worker serves on either path. */
async function httpsTask(
  { config }: PlanInputs,
  workers: number,
  io: Io,
): Promise<HttpsTask | undefined> {
  const { https, data } = config;
  if (https.listen.length === 0) return undefined;
  const shared = workers > 1;
  const listen = shared ? await reserve('https', https.listen) : parse(https.listen);
  const usesAcme = https.acme.directoryUrl !== '';
  const { certFile, keyFile } = usesAcme ? acmePaths(data) : https;
  const each = (total: number) => Math.max(1, Math.floor(total / workers));
  return {
    listen: listen.map(listenOf),
    shared,
    bySystemCalls: io === 'fast',
    limits: { ...httpLimits(config, workers), connectionsMax: each(https.connectionsMax) },
    handshakesMax: each(https.handshakesMax),
    handshakeTimeoutMs: https.handshakeSeconds * 1000,
    certFile,
    keyFile,
    more: https.moreCertFiles.map((file, i) => ({
      certFile: file,
      keyFile: https.moreKeyFiles[i],
    })),
    mayBeMissing: usesAcme,
    ticketSecret: randomBytes(TICKET_SECRET_BYTES),
    ticketStartMs: Date.now(),
  };
}

function secured(https: HttpsTask | undefined): { readonly https?: HttpsTask } {
  return https === undefined ? {} : { https };
}

/** The ports of all addresses that workers bind; 0 for those that the system chooses. */
export function listenPorts({ http, https, udp }: Config): number[] {
  return parse([...http.listen, ...https.listen, ...udp.listen]).map(({ port }) => port);
}

/** True for a worker that has nothing to do until a fast one hands over a connection. */
export function isIdleAtFirst(task: WorkerTask): task is HttpTask {
  return task.kind === 'http' && task.adopt.length > 0 && task.https === undefined;
}

function parse(listen: readonly string[]): ListenAddress[] {
  return listen.map((text) => {
    const address = parseListen(text);
    assert(address !== undefined, `the configuration checked '${text}'`);
    return address;
  });
}

async function reserve(
  protocol: 'udp' | 'http' | 'https',
  listen: readonly string[],
): Promise<BindAddress[]> {
  const binds: BindAddress[] = [];
  for (const address of parse(listen)) binds.push(...(await reserveAddresses(protocol, address)));
  return binds;
}

/** What a worker binds, from what was configured or from what was reserved. */
function listenOf(address: ListenAddress | BindAddress): ListenAddress {
  return { host: 'host' in address ? address.host : address.address, port: address.port };
}

function socketTask({ config, memory, live }: PlanInputs, name: string): SocketTask {
  const { announce } = config;
  return {
    name,
    thread: 0,
    memory,
    logLevel: config.log.level,
    tracker: {
      intervalSeconds: announce.intervalSeconds,
      minIntervalSeconds: announce.minIntervalSeconds,
      intervalJitter: announce.intervalJitter,
      numwantDefault: announce.numwantDefault,
      numwantMax: announce.numwantMax,
    },
    trustedIpSources: announce.trustedIpSources,
    live,
    systemThread: new SharedArrayBuffer(4),
    trackerCounts: new SharedArrayBuffer(TRACKER_COUNTER_BYTES),
    frontendCounts: new SharedArrayBuffer(FRONTEND_COUNTER_BYTES),
  };
}

function udpTask(
  inputs: PlanInputs,
  name: string,
): Omit<UdpTask, 'listen' | 'shared' | 'catchAll'> {
  const { keyRing, config } = inputs;
  const { receiveBufferBytes } = config.udp;
  return { ...socketTask(inputs, name), kind: 'udp', keyRing, receiveBufferBytes };
}

function httpTask(
  inputs: SocketInputs,
  name: string,
  workers: number,
): Omit<HttpTask, 'listen' | 'shared'> {
  const { config } = inputs;
  const settings = httpSettings(config, workers);
  const webSockets = webSocketSettings(config, inputs, workers);
  const own = { adopt: [], webSockets, advertise: config.advertise };
  return { ...socketTask(inputs, name), ...settings, kind: 'http', ...own };
}

function httpLimits({ http }: Config, workers: number) {
  return {
    ...HTTP_LIMITS,
    connectionsMax: Math.max(1, Math.floor(http.connectionsMax / workers)),
    headerBytesMax: http.headerBytesMax,
    targetBytesMax: http.headerBytesMax,
    headersTimeoutMs: http.requestTimeoutSeconds * 1000,
    requestTimeoutMs: http.requestTimeoutSeconds * 1000,
    keepAliveTimeoutMs: http.keepAliveSeconds * 1000,
    requestsPerConnectionMax: http.requestsPerConnectionMax,
  };
}

function httpSettings(config: Config, workers: number) {
  const { http } = config;
  return {
    limits: httpLimits(config, workers),
    announcePaths: http.announcePaths,
    scrapeHashesMax: http.scrapeHashesMax,
    trustedProxies: http.trustedProxies,
    proxyProtocol: http.proxyProtocol,
    answersChallenges: config.https.acme.directoryUrl !== '',
    publicPage: http.publicPage,
  };
}
