/**
 * Measures how much a tracker has to do: requests a second from its workers' counters, and how busy
 * its busiest worker is. The busiest, because a client has no say in which worker it meets.
 *
 * Where the system does not tell the time of a thread, the time of the whole process stands in for
 * it, divided by the workers: then whatever other threads do counts as well.
 */
import { sumTrackerCounters } from '../tracker/counters.js';
import type { LiveTotals } from '../tracker/live-settings.js';
import type { LoadSample } from './load-policy.js';
import { threadCpuSeconds } from './system-thread.js';
import type { SocketTask } from './task.js';

export type MeteredTask = Pick<SocketTask, 'trackerCounts' | 'systemThread'>;

export interface LoadMeterDependencies {
  /** Milliseconds that never go back. */
  readonly nowMs: () => number;
  readonly threadCpuSeconds?: (thread: number) => number | undefined;
  readonly processCpuSeconds?: () => number;
}

export interface LoadMeasure extends LoadSample, LiveTotals {}

export class LoadMeter {
  readonly #dependencies: Required<LoadMeterDependencies>;
  readonly #counts: readonly Float64Array[];
  readonly #threads: readonly Int32Array[];
  /** Of each worker, as far as it was known at the last measurement. */
  #cpuSeconds: (number | undefined)[] = [];
  #processSeconds: number;
  #requests: number;
  #atMs: number;

  constructor(tasks: readonly MeteredTask[], dependencies: LoadMeterDependencies) {
    this.#dependencies = { threadCpuSeconds, processCpuSeconds, ...dependencies };
    this.#counts = tasks.map((task) => new Float64Array(task.trackerCounts));
    this.#threads = tasks.map((task) => new Int32Array(task.systemThread));
    this.#atMs = dependencies.nowMs();
    this.#cpuSeconds = this.#readThreads();
    this.#processSeconds = this.#dependencies.processCpuSeconds();
    this.#requests = this.#totals().requests;
  }

  /** What happened since the last call. */
  measure(): LoadMeasure {
    const nowMs = this.#dependencies.nowMs();
    const seconds = Math.max(0.001, (nowMs - this.#atMs) / 1000);
    this.#atMs = nowMs;
    const totals = this.#totals();
    const requestsPerSecond = (totals.requests - this.#requests) / seconds;
    this.#requests = totals.requests;
    const busyShare = Math.min(1, this.#busySeconds() / seconds);
    return { ...totals, requestsPerSecond, busyShare };
  }

  #totals(): { requests: number; visits: number } {
    const sums = sumTrackerCounters(this.#counts);
    const announces = sums.udpAnnounces + sums.httpAnnounces + sums.webAnnounces;
    return {
      requests: announces + sums.udpScrapes + sums.httpScrapes + sums.webScrapes,
      visits: announces - sums.udpStops - sums.httpStops - sums.webStops,
    };
  }

  /** Time that the busiest worker used since the last call. */
  #busySeconds(): number {
    const before = this.#cpuSeconds;
    const now = this.#readThreads();
    const processBefore = this.#processSeconds;
    const processNow = this.#dependencies.processCpuSeconds();
    this.#cpuSeconds = now;
    this.#processSeconds = processNow;
    let busiest = -1;
    for (let i = 0; i < now.length; i++) {
      const [from, to] = [before[i], now[i]];
      if (from !== undefined && to !== undefined) busiest = Math.max(busiest, to - from);
    }
    if (busiest >= 0) return busiest;
    return (processNow - processBefore) / Math.max(1, now.length);
  }

  #readThreads(): (number | undefined)[] {
    return this.#threads.map(([thread]) => this.#dependencies.threadCpuSeconds(thread));
  }
}

function processCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
