/** What `/api/v1/busiest` shows: the swarms of a tracker that have most peers, in wire spelling. */
import type { BusiestView } from './admin-source.js';

export interface BusySwarm {
  /** 40 hexadecimal digits. */
  readonly info_hash: string;
  readonly seeders: number;
  readonly leechers: number;
  readonly web_peers: number;
  readonly downloads: number;
}

export interface BusiestReply {
  /** The busiest first; empty while none is known, and where nobody looks for them. */
  readonly swarms: readonly BusySwarm[];
  /** When they were found, ms since 1970; 0 for never. */
  readonly atMs: number;
}

export function busiestReply({ atMs, swarms }: BusiestView): BusiestReply {
  return {
    swarms: swarms.map(({ infoHash, seeders, leechers, webPeers, downloads }) => ({
      info_hash: infoHash,
      seeders,
      leechers,
      web_peers: webPeers,
      downloads,
    })),
    atMs,
  };
}
