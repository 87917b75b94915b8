/** A bus server of our own: `nats-server` as our child, with keys and certificates of ours. */
import type { BusTls } from '../cluster/nats-link.js';
import type { Clock } from '../lib/clock.js';
import { formatHostPort } from '../lib/host-port.js';
import type { LogSink } from '../lib/log-sink.js';
import type { Bus, BusCertificates } from './bus.js';
import { BusAccounts, type BusSeeds } from './bus-accounts.js';
import { pushAccount } from './bus-push.js';
import type { BusGrant, KnownRevocation, Revocation, Upheld } from './bus-signer.js';
import type { NatsAddress, RoutePeers, ServerTls } from './nats-config.js';
import { NatsServer } from './nats-server.js';

export interface OwnBusOptions {
  /** For its files alone: `minder/bus`. */
  readonly directory: string;
  /** See `BusSigner`. */
  readonly lifetimeMsMax: number;
  /** The minder's node id. */
  readonly nodeId: string;
  /** Host '' stands for all addresses. */
  readonly listen: NatsAddress;
  readonly routes: NatsAddress;
  /** The other minders' servers, as they are known at the start. */
  readonly peers: RoutePeers;
  /** Name or path of the program. */
  readonly binary: string;
  readonly certificates: BusCertificates;
  /** Certificates of the two authorities, PEM. */
  readonly ca: string;
  readonly routeCa: string;
}

export class OwnBus implements Bus {
  readonly external = false;
  readonly #ca: string;
  readonly #routeCa: string;
  readonly #accounts: BusAccounts;
  readonly #server: NatsServer;
  readonly #log: LogSink;
  #certificates: BusCertificates;

  private constructor(
    { ca, routeCa, certificates }: OwnBusOptions,
    accounts: BusAccounts,
    server: NatsServer,
    log: LogSink,
  ) {
    this.#ca = ca;
    this.#routeCa = routeCa;
    this.#certificates = certificates;
    this.#accounts = accounts;
    this.#server = server;
    this.#log = log;
    accounts.onChange((accountJwt) => this.#push(accountJwt));
  }

  /** Starts the server and waits until it serves. */
  static async start(
    options: OwnBusOptions,
    { clock, log }: { clock: Clock; log: LogSink },
  ): Promise<OwnBus> {
    const accounts = await BusAccounts.open(options, { clock });
    const { directory, nodeId, listen, routes, peers, binary, certificates, ca, routeCa } = options;
    const server = await NatsServer.start(
      {
        directory,
        serverName: nodeId,
        bus: everywhere(listen),
        tls: serverTls(ca, certificates.node),
        routes: { ...everywhere(routes), ...peers, tls: serverTls(routeCa, certificates.route) },
        binary,
      },
      { trust: () => accounts.trust, clock, log },
    );
    return new OwnBus(options, accounts, server, log);
  }

  get address(): string {
    const { host, port } = this.#server.bus;
    return formatHostPort(host, port);
  }

  /** Ports that it got. */
  get ports(): { bus: number; routes: number } {
    return { bus: this.#server.bus.port, routes: this.#server.routes?.port ?? 0 };
  }

  /** Secret: what another minder of this cluster needs for a server of the same bus. */
  get seeds(): BusSeeds {
    return this.#accounts.seeds;
  }

  get routeAddress(): string | undefined {
    const { routes } = this.#server;
    return routes === undefined ? undefined : formatHostPort(routes.host, routes.port);
  }

  get restarts(): number {
    return this.#server.restarts;
  }

  get isRunning(): boolean {
    return this.#server.isRunning;
  }

  get counters(): Bus['counters'] {
    return this.#server.counters;
  }

  get lifetimeMsMax(): number {
    return this.#accounts.lifetimeMsMax;
  }

  get ownUrl(): string {
    const { host, port } = this.#server.bus;
    if (host === '0.0.0.0') return `tls://127.0.0.1:${port}`;
    return `tls://${formatHostPort(host === '::' ? '::1' : host, port)}`;
  }

  urls(hosts: readonly string[]): string[] {
    const { port } = this.#server.bus;
    return hosts.map((host) => `tls://${formatHostPort(host, port)}`);
  }

  routeUrls(hosts: readonly string[]): string[] {
    const { routes: port } = this.ports;
    return hosts.map((host) => `nats-route://${formatHostPort(host, port)}`);
  }

  setPeers(peers: RoutePeers): void {
    this.#server.setPeers(peers);
  }

  tls(): BusTls {
    const { certificate, key } = this.#certificates.node;
    return { ca: this.#ca, cert: certificate, key, minder: true };
  }

  userJwt(publicKey: string, grant: BusGrant): Promise<string> {
    return this.#accounts.userJwt(publicKey, grant);
  }

  revoke(publicKey: string): Promise<Revocation> {
    return this.#accounts.revoke(publicKey);
  }

  uphold(revocations: readonly KnownRevocation[]): Promise<Upheld> {
    return this.#accounts.uphold(revocations);
  }

  reload(certificates: BusCertificates): void {
    this.#certificates = certificates;
    this.#server.reload(
      serverTls(this.#ca, certificates.node),
      serverTls(this.#routeCa, certificates.route),
    );
  }

  stop(): Promise<void> {
    this.#accounts.close();
    return this.#server.stop();
  }

  #push(accountJwt: string): Promise<boolean> {
    return pushAccount(
      accountJwt,
      { servers: [this.ownUrl], tls: this.tls() },
      { credentials: () => this.#accounts.systemCredentials(), log: this.#log },
    );
  }
}

/** All addresses of both families are 0.0.0.0 to NATS. */
function everywhere({ host, port }: NatsAddress): NatsAddress {
  return { host: host === '' ? '0.0.0.0' : host, port };
}

function serverTls(ca: string, { certificate, key }: BusCertificates['node']): ServerTls {
  return { ca, cert: certificate, key };
}
