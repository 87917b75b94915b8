/** What the comparison measures: kinds of requests, and sizes of the world they are made in. */
import type { LoadOptions } from '../src/load/load-options.js';

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly protocol: 'udp' | 'http';
  readonly options: Partial<LoadOptions>;
}

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'udp-30',
    title: 'UDP announce, 30 peers',
    protocol: 'udp',
    options: { numwant: 30 },
  },
  {
    name: 'udp-74',
    title: 'UDP announce, 74 peers',
    protocol: 'udp',
    options: { numwant: 74 },
  },
  {
    name: 'udp-scrape',
    title: 'UDP scrape of 20',
    protocol: 'udp',
    options: { scrapes: 1, scrapeHashes: 20 },
  },
  {
    name: 'http-keep',
    title: 'HTTP announce, keep-alive',
    protocol: 'http',
    options: { numwant: 30 },
  },
  {
    name: 'http-close',
    title: 'HTTP announce, connection each',
    protocol: 'http',
    options: { numwant: 30, close: true },
  },
];

export interface World {
  readonly torrents: number;
  readonly peers: number;
  readonly zipf: number;
}

/**
 * 100 peers a torrent fill replies of 74. With a million torrents that would be more memory than
 * most machines for tests have: there sizes follow Zipf's law, as in real life.
 */
export const WORLDS: readonly World[] = [
  { torrents: 10_000, peers: 1_000_000, zipf: 0 },
  { torrents: 100, peers: 10_000, zipf: 0 },
  { torrents: 1_000_000, peers: 4_000_000, zipf: 1 },
];
