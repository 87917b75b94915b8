/**
 * The name of the cluster: the minder's own name server, and the updates for somebody else's, where
 * the configuration wants them. Both know the same set of trackers.
 */
import type { Config } from '../config/index.js';
import type { DnsCounters } from '../dns/dns-counters.js';
import type { DnsServer } from '../dns/dns-server.js';
import type { DynamicUpdate, UpdateStatus } from '../dns/dynamic-update.js';
import type { TrackerSet } from '../dns/tracker-set.js';
import type { Clock } from '../lib/clock.js';
import { formatHostPort } from '../lib/host-port.js';
import type { Logger } from '../lib/log.js';
import { requireListen } from './minder-bus.js';

export interface MinderNameDependencies {
  readonly set: () => TrackerSet;
  /** Addresses of the minders, for name servers inside the zone that have no other. */
  readonly nameServerAddresses: () => ReadonlyMap<string, readonly string[]>;
  readonly clock: Clock & { monotonicMs(): number };
  readonly logger: Logger;
  /** A socket was lost: no query can come any more. */
  readonly onFatal: (error: Error) => void;
}

export class MinderName {
  readonly #server: DnsServer | undefined;
  readonly #update: DynamicUpdate | undefined;

  private constructor(server: DnsServer | undefined, update: DynamicUpdate | undefined) {
    this.#server = server;
    this.#update = update;
  }

  /**
   * Binds and reads what may need other rights than the process has later. Undefined when there is no
   * zone. Throws `DnsError`.
   */
  static async open(
    { dns, advertise }: Config,
    { set, nameServerAddresses, clock, logger, onFatal }: MinderNameDependencies,
  ): Promise<MinderName | undefined> {
    if (dns.listen.length === 0 && dns.updateServer === '') return undefined;
    let update: DynamicUpdate | undefined;
    if (dns.updateServer !== '') {
      const { DynamicUpdate } = await import('../dns/dynamic-update.js');
      const { readTsigKey } = await import('../dns/tsig-key.js');
      const { zone, ttlSeconds } = dns;
      const key = readTsigKey(dns.updateKeyFile);
      const server = serverOf(dns.updateServer);
      update = new DynamicUpdate({ zone, server, key, ttlSeconds }, { set, logger, clock });
    }
    let server: DnsServer | undefined;
    if (dns.listen.length > 0) {
      const { DnsServer } = await import('../dns/dns-server.js');
      const options = { ...dns, listen: dns.listen.map(requireListen), ownAddresses: advertise };
      server = await DnsServer.start(options, { set, nameServerAddresses, logger, onFatal });
    }
    return new MinderName(server, update);
  }

  /** Where queries are answered, `ADDRESS:PORT`. */
  get addresses(): string[] {
    return this.#server?.addresses.map(({ address, port }) => formatHostPort(address, port)) ?? [];
  }

  /** Undefined without a name server of our own. */
  get counters(): Readonly<DnsCounters> | undefined {
    return this.#server?.counters;
  }

  /** Undefined when nobody else is told. */
  get updates(): UpdateStatus | undefined {
    return this.#update?.status;
  }

  /** Begins to send updates: the set is what it was at the end of the last process, or newer. */
  start(): void {
    this.#update?.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#update?.stop(), this.#server?.stop()]);
  }
}

/** `HOST:PORT`, IPv6 in brackets: as the configuration checked it. */
function serverOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return {
    host: text.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: Number(text.slice(colon + 1)),
  };
}
