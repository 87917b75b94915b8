/** Somebody else's bus (`--nats`), as the minder needs it: its server is theirs to run. */
import type { BusTls } from '../cluster/nats-link.js';
import type { Clock } from '../lib/clock.js';
import type { Bus } from './bus.js';
import { ForeignBus, type ForeignBusOptions } from './bus-foreign.js';
import type { BusGrant, Revocation, Upheld } from './bus-signer.js';

export interface ExternalBusOptions extends ForeignBusOptions {
  /** `tls://host:port`, or `nats://host:port` where the server decides about TLS. */
  readonly urls: readonly string[];
  /** Who signed the server's certificate, when not one of the system's authorities. */
  readonly ca?: string | undefined;
}

export class ExternalBus implements Bus {
  readonly external = true;
  readonly routeAddress = undefined;
  readonly restarts = 0;
  /** Whether it does shows in the connection to it. */
  readonly isRunning = true;
  /** Its log is for others to read. */
  readonly counters = {};
  readonly #urls: readonly string[];
  readonly #tls: BusTls;
  readonly #signer: ForeignBus;

  private constructor(urls: readonly string[], tls: BusTls, signer: ForeignBus) {
    this.#urls = urls;
    this.#tls = tls;
    this.#signer = signer;
  }

  /**
   * Reads the key and tries it on the server: it must take our users and keep them to their
   * subjects. Throws `BusAccountsError`.
   */
  static async start(
    { urls, ca, ...files }: ExternalBusOptions,
    { clock }: { clock: Clock },
  ): Promise<ExternalBus> {
    const signer = await ForeignBus.open(files, { clock });
    const tls: BusTls = ca === undefined ? {} : { ca };
    await signer.verify({ servers: urls, tls });
    return new ExternalBus(urls, tls, signer);
  }

  get address(): string {
    return this.#urls.map((url) => url.replace(/^[a-z]+:\/\//, '')).join(',');
  }

  get ownUrl(): string {
    return this.#urls[0];
  }

  get lifetimeMsMax(): number {
    return this.#signer.lifetimeMsMax;
  }

  /** Its own, wherever a node is. */
  urls(): string[] {
    return [...this.#urls];
  }

  tls(): BusTls {
    return this.#tls;
  }

  userJwt(publicKey: string, grant: BusGrant): Promise<string> {
    return this.#signer.userJwt(publicKey, grant);
  }

  revoke(publicKey: string): Promise<Revocation> {
    return this.#signer.revoke(publicKey);
  }

  uphold(): Promise<Upheld> {
    return this.#signer.uphold();
  }

  /** Its certificates are not ours. */
  reload(): void {}

  routeUrls(): string[] {
    return [];
  }

  /** How their servers meet is theirs to say. */
  setPeers(): void {}

  async stop(): Promise<void> {}
}
