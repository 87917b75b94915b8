/** The bus as the minder needs it, whoever runs its server. */
import type { BusTls } from '../cluster/nats-link.js';
import type { BusSigner } from './bus-signer.js';
import type { KeyPairPem } from './certificate-authority.js';
import type { RoutePeers } from './nats-config.js';
import type { NatsLogCounters } from './nats-log.js';

/** What this minder shows on the bus, and on the port for routes. */
export interface BusCertificates {
  readonly node: KeyPairPem;
  readonly route: KeyPairPem;
}

export interface Bus extends BusSigner {
  /** Somebody else's server, whose certificate names its host. */
  readonly external: boolean;
  /** Where it listens, `host:port`, for people. */
  readonly address: string;
  /** Where its routes are, `host:port`; undefined for somebody else's server. */
  readonly routeAddress: string | undefined;
  /** Times that its server died and was started again. */
  readonly restarts: number;
  readonly isRunning: boolean;
  /** What its server says of intruders and slow readers, since the minder started. */
  readonly counters: Readonly<Partial<NatsLogCounters>>;
  /** `tls://host:port` for this minder itself. */
  readonly ownUrl: string;
  /** `tls://host:port` for a node that reaches this machine by `hosts`. */
  urls(hosts: readonly string[]): string[];
  /** TLS of this minder's own connection. */
  tls(): BusTls;
  /** Takes new certificates; connections that stand are not touched. */
  reload(certificates: BusCertificates): void;
  /** `nats-route://host:port` for other minders that reach this machine by `hosts`. */
  routeUrls(hosts: readonly string[]): string[];
  /** Takes other routes; what stands to those that are named is not touched. */
  setPeers(peers: RoutePeers): void;
  /** Idempotent. */
  stop(): Promise<void>;
}
