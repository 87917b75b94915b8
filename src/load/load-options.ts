/** What a load consists of. Everything random follows from the seed. */

export interface LoadOptions {
  /** `udp:`, or an announce URL of `http:`, `https:`, `ws:` or `wss:`. */
  readonly url: URL;
  readonly torrents: number;
  /** Distinct peers over all torrents; each torrent has one at least. */
  readonly peers: number;
  /** Exponent of Zipf's law for the sizes of swarms; 0 makes them equal. */
  readonly zipf: number;
  /** Share of peers that announce `left=0`. */
  readonly seeders: number;
  readonly numwant: number;
  /** Share of requests that are scrapes. */
  readonly scrapes: number;
  /** Info hashes in each scrape. */
  readonly scrapeHashes: number;
  /** Share of announces that say `started`, each for a peer that said `stopped` just before. */
  readonly churn: number;
  /** How long is measured. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Announces every peer once before; off when the tracker knows them from an earlier run. */
  readonly fill: boolean;
  readonly fillSecondsMax: number;
  /** Source addresses on loopback, a UDP socket for each; elsewhere UDP sockets only. */
  readonly sources: number;
  /** UDP requests under way, over all sockets. */
  readonly window: number;
  /** HTTP connections, with one request under way on each; WebSockets, each a browser. */
  readonly connections: number;
  /** Requests under way on each WebSocket. */
  readonly pipeline: number;
  /** WebSocket: offers in each announce. */
  readonly offers: number;
  /** HTTP: a new connection for each request. */
  readonly close: boolean;
  /** HTTPS: new connections go on with the TLS session of an earlier one. */
  readonly resume: boolean;
  /** Certificates (PEM) of authorities that vouch for the tracker's; empty: those of node. */
  readonly tlsCa: string;
  /** A request without an answer is given up and counted after this time. */
  readonly timeoutMs: number;
  readonly seed: number;
  /** Uses node's sockets even where direct system calls are possible. */
  readonly portable: boolean;
}

export const LOAD_DEFAULTS = {
  torrents: 10_000,
  peers: 400_000,
  zipf: 0,
  seeders: 0.1,
  numwant: 30,
  scrapes: 0,
  scrapeHashes: 20,
  churn: 0,
  seconds: 10,
  warmUpSeconds: 1,
  fill: true,
  fillSecondsMax: 300,
  sources: 16,
  // More would overflow the receive buffer that the system gives a tracker by default.
  window: 128,
  connections: 64,
  pipeline: 1,
  offers: 5,
  close: false,
  resume: false,
  tlsCa: '',
  timeoutMs: 1_000,
  seed: 1,
  portable: false,
} as const satisfies Omit<LoadOptions, 'url'>;

/**
 * For WebSockets, where not said otherwise: browsers that are in five swarms each, of ten peers. A
 * tracker slows a connection down that says too much, which is no reason to give it up at once.
 */
export const WEB_LOAD_DEFAULTS = {
  torrents: 500,
  peers: 5_000,
  connections: 1_000,
  timeoutMs: 10_000,
} as const satisfies Partial<LoadOptions>;

/** Most requests under way on one socket: they are told apart by a byte of the transaction id. */
export const SOCKET_WINDOW_MAX = 128;
export const SOURCES_MAX = 250;
export const HTTP_CONNECTIONS_MAX = 10_000;
/** WebSockets too: each takes some 2 KB here, and a descriptor. */
export const CONNECTIONS_MAX = 50_000;
export const PIPELINE_MAX = 64;
/** What trackers pass on of one announce. */
export const OFFERS_MAX = 10;
export const PEERS_MAX = 200_000_000;

/** A load that cannot be made. The message is for the operator. */
export class LoadError extends Error {
  override name = 'LoadError';
}

/** Whether a load speaks WebTorrent. */
export function isWeb({ protocol }: URL): boolean {
  return protocol === 'ws:' || protocol === 'wss:';
}

/** Whether a load speaks TLS. */
export function isSecure({ protocol }: URL): boolean {
  return protocol === 'https:' || protocol === 'wss:';
}
