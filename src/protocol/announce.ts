/**
 * What an announce says and what answers it, whichever protocol carried it. Decoders fill one
 * instance again and again; encoders read one. Nothing here allocates after construction.
 */
import { Endpoint } from '../lib/endpoint.js';

/**
 * Event numbers of BEP 15. BEP 21 gives `paused`, a partial seed, a name and no number; over UDP
 * libtorrent says 4.
 */
export const AnnounceEvent = {
  none: 0,
  completed: 1,
  started: 2,
  stopped: 3,
  paused: 4,
} as const;
export type AnnounceEvent = (typeof AnnounceEvent)[keyof typeof AnnounceEvent];

/** An announce, decoded. */
export class AnnounceRequest {
  readonly infoHash = new Uint8Array(20);
  event: AnnounceEvent = AnnounceEvent.none;
  /** True when `left` was given and is zero, in the full 64-bit range. */
  leftIsZero = false;
  /** The port to tell others; 0 when missing. */
  port = 0;
  /** Peers wanted; -1 when absent or negative. */
  numwant = -1;
  /** `ip=` / `ipv4=`: family 4 or 0 (not given). The port is unset. Believed from trusted sources. */
  readonly claimed4 = new Endpoint();
  /** `ip=` / `ipv6=`: family 6 or 0. */
  readonly claimed6 = new Endpoint();

  reset(): void {
    this.event = AnnounceEvent.none;
    this.leftIsZero = false;
    this.port = 0;
    this.numwant = -1;
    this.claimed4.family = 0;
    this.claimed6.family = 0;
  }
}

/** Most peers that one reply of either family can hold. */
export const REPLY_PEERS_MAX = 1_000;

/**
 * The answer to an announce. The store writes peers in wire form straight into `peers4` and
 * `peers6`, as 16-bit words in memory order (3 words an IPv4 peer, 9 an IPv6 peer); a frontend may
 * point them into its own packet.
 */
export class AnnounceReply {
  intervalSeconds = 0;
  minIntervalSeconds = 0;
  seeders = 0;
  /** Everybody who is not a seeder, partial seeds included (`incomplete`). */
  leechers = 0;
  downloads = 0;
  peers4: Uint16Array = new Uint16Array(3 * REPLY_PEERS_MAX);
  /** First word of `peers4` to write. */
  peers4Offset = 0;
  /** IPv4 peers written. */
  count4 = 0;
  peers6: Uint16Array = new Uint16Array(9 * REPLY_PEERS_MAX);
  peers6Offset = 0;
  count6 = 0;
  /** Web peers written; only when they were asked for. */
  countWeb = 0;
  /** Room for them as 16-bit words in memory order, 9 each; and the same memory as bytes, 18 each. */
  readonly webWords = new Uint16Array(9 * REPLY_PEERS_MAX);
  readonly web = new Uint8Array(this.webWords.buffer);
  /** The address that the tracker saw (BEP 24); the source's own object, not a copy. */
  external = new Endpoint();
}

/** What a scrape says about one swarm (BEP 48, BEP 21 for `downloaders`). */
export class ScrapeEntry {
  seeders = 0;
  leechers = 0;
  downloads = 0;
  /** Of the leechers, those that want nothing more (BEP 21): downloaders = leechers - partialSeeds. */
  partialSeeds = 0;
}
