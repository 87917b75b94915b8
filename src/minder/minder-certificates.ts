/** The certificates that a minder signs for itself, and when it is time for new ones. */
import type { BusCredentials } from '../cluster/nats-link.js';
import type { Clock } from '../lib/clock.js';
import type { BusCertificates } from './bus.js';
import type { BusSigner } from './bus-signer.js';
import type { CertificateAuthority } from './certificate-authority.js';
import type { OwnKeys } from './own-keys.js';

export interface MinderCertificatesOptions {
  /** The minder's id. */
  readonly nodeId: string;
  readonly certificateSeconds: number;
}

export interface MinderAuthorities {
  readonly cluster: CertificateAuthority;
  /** Of routes between bus servers alone. */
  readonly route: CertificateAuthority;
}

const RENEW_SHARE = 2 / 3;

export class MinderCertificates {
  readonly #nodeId: string;
  readonly #lifetimeMs: number;
  readonly #authorities: MinderAuthorities;
  readonly #clock: Clock;
  readonly #keys: OwnKeys;
  /** On the monotonic clock, so that a wall clock that is set neither hurries nor delays it. */
  #dueSeconds = 0;

  constructor(
    { nodeId, certificateSeconds }: MinderCertificatesOptions,
    { authorities, keys, clock }: { authorities: MinderAuthorities; keys: OwnKeys; clock: Clock },
  ) {
    this.#nodeId = nodeId;
    this.#lifetimeMs = 1000 * certificateSeconds;
    this.#authorities = authorities;
    this.#keys = keys;
    this.#clock = clock;
  }

  get isDue(): boolean {
    return this.#clock.monotonicSeconds() >= this.#dueSeconds;
  }

  /**
   * New certificates; the key of the first is new too. `hosts` are those by which other minders reach
   * our routes: their servers check that, other nodes do not.
   */
  async issue(hosts: readonly string[] = []): Promise<BusCertificates> {
    const grant = { role: 'minder', nodeId: this.#nodeId, lifetimeMs: this.#lifetimeMs } as const;
    const { cluster, route } = this.#authorities;
    const { routeKey } = this.#keys;
    const issued = {
      node: await cluster.issue(grant),
      route: await route.certify(routeKey, { ...grant, hosts }),
    };
    const lifetimeSeconds = this.#lifetimeMs / 1000;
    this.#dueSeconds = this.#clock.monotonicSeconds() + Math.floor(lifetimeSeconds * RENEW_SHARE);
    return issued;
  }

  /** What opens the bus to this minder, as long as its certificate is good. */
  async busCredentials(bus: Pick<BusSigner, 'userJwt'>): Promise<BusCredentials> {
    const expiresWallMs = this.#clock.wallMs() + this.#lifetimeMs;
    const grant = { nodeId: this.#nodeId, role: 'minder', expiresWallMs } as const;
    const jwt = await bus.userJwt(this.#keys.busPublicKey, grant);
    return { jwt, seed: this.#keys.busSeed };
  }
}
