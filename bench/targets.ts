/** What trackerbt promises to be, measured against others on the same machine in the same run. */
import { ECHO, RIVAL } from './names.js';

export interface Target {
  readonly title: string;
  /** The name of a workload, and the torrents of its world. */
  readonly workload: string;
  readonly torrents: number;
  readonly against: string;
  readonly measure: 'requestsPerSecond' | 'perCpuSecond';
  readonly atLeast: number;
}

const NPM = 'bittorrent-tracker';

export const TARGETS: readonly Target[] = [
  announce('UDP announce, 30 peers', RIVAL, 1.6),
  announce('UDP announce, 30 peers', ECHO, 0.6),
  { ...announce('UDP announce, 1,000,000 torrents', RIVAL, 1.6), torrents: 1_000_000 },
  { ...announce('UDP scrape of 20', RIVAL, 1.5), workload: 'udp-scrape' },
  perCpu('HTTP, connection each, per CPU second', 'http-close', RIVAL, 1.25),
  perCpu('HTTP keep-alive, per CPU second', 'http-keep', RIVAL, 4),
  perCpu('HTTP keep-alive, per CPU second', 'http-keep', 'node:http', 2),
  perCpu('UDP announce, per CPU second', 'udp-30', NPM, 8),
  perCpu('HTTP keep-alive, per CPU second', 'http-keep', NPM, 8),
  perCpu('HTTP, connection each, per CPU second', 'http-close', NPM, 3),
];

function announce(title: string, against: string, atLeast: number): Target {
  const measure = 'requestsPerSecond';
  return { title, workload: 'udp-30', torrents: 10_000, against, measure, atLeast };
}

function perCpu(title: string, workload: string, against: string, atLeast: number): Target {
  return { title, workload, torrents: 10_000, against, measure: 'perCpuSecond', atLeast };
}
