/** From the configuration to the workers of a tracker: who runs, with what. */
import { cpus } from 'node:os';
import { type Config, parseListen } from '../config/index.js';
import { FRONTEND_COUNTER_BYTES } from '../frontend/counters.js';
import type { ListenAddress } from '../frontend/listen-address.js';
import { reserveAddresses } from '../frontend/port-probe.js';
import { reusePortSupported } from '../frontend/reuse-port.js';
import { assert } from '../lib/assert.js';
import type { StoreMemory } from '../swarm/layout.js';
import { TRACKER_COUNTER_BYTES } from '../tracker/counters.js';
import type { HttpTask, KeeperTask, SocketTask, UdpTask } from './task.js';

/** The main thread's number in the store's locks. */
export const MAIN_THREAD = 1;
const KEEPER_THREAD = 2;
const FIRST_SOCKET_THREAD = 3;

export interface PlanInputs {
  readonly config: Config;
  readonly memory: StoreMemory;
  readonly keyRing: SharedArrayBuffer;
  readonly snapshotPath: string;
}

/** Workers that take one protocol: as many as were asked for, where a port can be shared at all. */
export function socketWorkers(configured: number, canShare = reusePortSupported()): number {
  if (!canShare) return 1;
  return configured > 0 ? configured : Math.max(1, Math.floor(cpus().length / 2));
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
  };
}

/**
 * The tasks of all socket workers. With several workers a protocol, the addresses are checked and
 * their ports settled first. Rejects with a ListenError when one cannot be had.
 */
export async function socketTasks(inputs: PlanInputs): Promise<(UdpTask | HttpTask)[]> {
  const { config } = inputs;
  const count = socketWorkers(config.workers);
  const udp = await settle('udp', config.udp.listen, count);
  const http = await settle('http', config.http.listen, count);
  const tasks: (UdpTask | HttpTask)[] = [];
  for (let i = 0; i < count; i++) {
    if (udp.length > 0) tasks.push(udpTask(inputs, i, count, udp));
  }
  for (let i = 0; i < count; i++) {
    if (http.length > 0) tasks.push(httpTask(inputs, i, count, http));
  }
  return tasks.map((task, i) => ({ ...task, thread: FIRST_SOCKET_THREAD + i }));
}

async function settle(
  protocol: 'udp' | 'http',
  listen: readonly string[],
  workers: number,
): Promise<ListenAddress[]> {
  const addresses = listen.map((text) => {
    const address = parseListen(text);
    assert(address !== undefined, `the configuration checked '${text}'`);
    return address;
  });
  if (workers === 1) return addresses;
  const settled: ListenAddress[] = [];
  for (const address of addresses) {
    const binds = await reserveAddresses(protocol, address);
    settled.push(...binds.map((bind) => ({ host: bind.address, port: bind.port })));
  }
  return settled;
}

function socketTask(
  { config, memory }: PlanInputs,
  workers: number,
  listen: readonly ListenAddress[],
): Omit<SocketTask, 'name'> {
  const { announce } = config;
  return {
    thread: 0,
    memory,
    logLevel: config.log.level,
    listen,
    shared: workers > 1,
    tracker: {
      intervalSeconds: announce.intervalSeconds,
      minIntervalSeconds: announce.minIntervalSeconds,
      intervalJitter: announce.intervalJitter,
      numwantDefault: announce.numwantDefault,
      numwantMax: announce.numwantMax,
    },
    trustedIpSources: announce.trustedIpSources,
    trackerCounts: new SharedArrayBuffer(TRACKER_COUNTER_BYTES),
    frontendCounts: new SharedArrayBuffer(FRONTEND_COUNTER_BYTES),
  };
}

function udpTask(
  inputs: PlanInputs,
  i: number,
  workers: number,
  listen: readonly ListenAddress[],
): UdpTask {
  return {
    ...socketTask(inputs, workers, listen),
    kind: 'udp',
    name: `udp-${i + 1}`,
    keyRing: inputs.keyRing,
    receiveBufferBytes: inputs.config.udp.receiveBufferBytes,
  };
}

function httpTask(
  inputs: PlanInputs,
  i: number,
  workers: number,
  listen: readonly ListenAddress[],
): HttpTask {
  const { http } = inputs.config;
  return {
    ...socketTask(inputs, workers, listen),
    kind: 'http',
    name: `http-${i + 1}`,
    limits: {
      connectionsMax: Math.max(1, Math.floor(http.connectionsMax / workers)),
      headerBytesMax: http.headerBytesMax,
      targetBytesMax: http.headerBytesMax,
      headersTimeoutMs: http.requestTimeoutSeconds * 1000,
      requestTimeoutMs: http.requestTimeoutSeconds * 1000,
      keepAliveTimeoutMs: http.keepAliveSeconds * 1000,
      requestsPerConnectionMax: http.requestsPerConnectionMax,
    },
    announcePaths: http.announcePaths,
    scrapeHashesMax: http.scrapeHashesMax,
    trustedProxies: http.trustedProxies,
    proxyProtocol: http.proxyProtocol,
  };
}
