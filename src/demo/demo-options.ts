/** What a demo consists of. Everything random follows from the seed. */
export interface DemoOptions {
  readonly trackers: number;
  /** Clients that are there at a time, more or less. */
  readonly peers: number;
  /** Announces a second over all trackers. */
  readonly rate: number;
  readonly seed: number;
  /** How long it runs; 0: until a signal. */
  readonly seconds: number;
  /** A tracker that dies is started again after so long; 0: never. */
  readonly restartSeconds: number;
}

export const DEMO_DEFAULTS: DemoOptions = {
  trackers: 3,
  peers: 2_000,
  rate: 200,
  seed: 1,
  seconds: 0,
  restartSeconds: 20,
};

/** Names of one letter each. */
export const TRACKERS_MAX = 8;
export const PEERS_MAX = 20_000;
/** Each announce over UDP or HTTP has a socket of its own, as it has with real clients. */
export const RATE_MAX = 1_000;

export const DEMO_ERROR_CODES = ['demo_node_failed', 'demo_node_slow'] as const;
export type DemoErrorCode = (typeof DEMO_ERROR_CODES)[number];

/** The demo cannot go on; `message` is for whoever typed the command. */
export class DemoError extends Error {
  override name = 'DemoError';
  constructor(
    readonly code: DemoErrorCode,
    message: string,
  ) {
    super(message);
  }
}
