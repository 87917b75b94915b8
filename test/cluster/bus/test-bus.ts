/**
 * A bus as a minder runs it, on a free loopback port: authorities, accounts, a real `nats-server`,
 * and nodes that speak over it. Everything ends with `close`, or with the test process.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createUser } from '@nats-io/nkeys';
import type { BusAccess, NatsTransportOptions } from '../../../src/cluster/nats-transport.js';
import { NatsTransport } from '../../../src/cluster/nats-transport.js';
import { SystemClock } from '../../../src/lib/clock.js';
import type { LogLevel } from '../../../src/lib/log.js';
import type { LogFields, LogSink } from '../../../src/lib/log-sink.js';
import { BusAccounts } from '../../../src/minder/bus-accounts.js';
import { pushAccount } from '../../../src/minder/bus-push.js';
import { CertificateAuthority } from '../../../src/minder/certificate-authority.js';
import type { NatsLimits, ServerTls } from '../../../src/minder/nats-config.js';
import { NatsServer } from '../../../src/minder/nats-server.js';
import type { NodeRole } from '../../../src/protocol/cluster/enrolment.js';
import { atExit } from '../../support/at-exit.js';
import { until } from '../../support/deadline.js';
import { removeFolder, temporaryFolder } from '../../support/tracker-process.js';

export const HOUR_MS = 3_600_000;
export const WAIT_MS = 60_000;
export const clock = new SystemClock();

/** Keeps what is logged. */
export class Lines implements LogSink {
  readonly all: { level: LogLevel; msg: string; fields: LogFields }[] = [];

  log(level: LogLevel, msg: string, fields: LogFields = {}): void {
    this.all.push({ level, msg, fields });
  }

  has(msg: string): boolean {
    return this.all.some((line) => line.msg === msg);
  }

  text(): string {
    return this.all.map((line) => JSON.stringify(line)).join('\n');
  }
}

const serverPids = new Set<number>();
atExit(() => {
  for (const pid of serverPids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone.
    }
  }
});

export function nodeId(): string {
  return `n${randomBytes(8).toString('hex')}`;
}

export interface Node {
  readonly id: string;
  readonly publicKey: string;
  readonly access: BusAccess;
}

export interface TestBusOptions {
  readonly limits?: Partial<NatsLimits>;
  readonly withRoutes?: boolean;
}

export class TestBus {
  readonly lines = new Lines();
  readonly #transports: NatsTransport[] = [];
  readonly #others: NatsServer[] = [];

  private constructor(
    readonly directory: string,
    readonly authority: CertificateAuthority,
    readonly routeAuthority: CertificateAuthority,
    readonly accounts: BusAccounts,
    readonly minderId: string,
    public server: NatsServer,
    readonly options: TestBusOptions,
  ) {}

  static async start(options: TestBusOptions = {}): Promise<TestBus> {
    const directory = temporaryFolder('bus');
    const named = (name: string) =>
      CertificateAuthority.open({ directory, name, commonName: name }, { clock });
    const authority = await named('ca');
    const routeAuthority = await named('route-ca');
    const accounts = await BusAccounts.open(
      { directory: join(directory, 'bus'), lifetimeMsMax: 24 * HOUR_MS },
      { clock },
    );
    const minderId = nodeId();
    const bus = new TestBus(
      directory,
      authority,
      routeAuthority,
      accounts,
      minderId,
      // Set below: it needs the rest.
      undefined as unknown as NatsServer,
      options,
    );
    await bus.startServer();
    const admin = await bus.tls('minder', minderId);
    accounts.onChange((jwt) =>
      pushAccount(
        jwt,
        { servers: [bus.url], tls: { ...admin, minder: true } },
        { credentials: () => accounts.systemCredentials(), log: bus.lines },
      ),
    );
    return bus;
  }

  /** Starts the server, on its old port when it had one. */
  async startServer(): Promise<void> {
    const port = (this.server as NatsServer | undefined)?.bus.port ?? 0;
    this.server = await this.#launch('bus', port, []);
  }

  /** Another server for the same nodes, a third one too; with routes when the bus has them. */
  async secondServer(): Promise<NatsServer> {
    const { routes } = this.server;
    const urls = routes === undefined ? [] : [`nats-route://127.0.0.1:${routes.port}`];
    const server = await this.#launch(`bus-${2 + this.#others.length}`, 0, urls);
    this.#others.push(server);
    return server;
  }

  async #launch(folder: string, port: number, urls: readonly string[]): Promise<NatsServer> {
    const { minderId } = this;
    const tls = await this.tls('minder', minderId);
    const routeTls = await this.tls('minder', minderId, this.routeAuthority, ['127.0.0.1']);
    const routes =
      this.options.withRoutes === true
        ? { host: '127.0.0.1', port: 0, routes: urls, tls: routeTls }
        : undefined;
    const server = await NatsServer.start(
      {
        directory: join(this.directory, folder),
        serverName: `${minderId}-${folder}`,
        bus: { host: '127.0.0.1', port },
        tls,
        limits: this.options.limits,
        routes,
      },
      { trust: () => this.accounts.trust, log: this.lines, clock },
    );
    serverPids.add(server.pid!);
    return server;
  }

  get url(): string {
    return `tls://127.0.0.1:${this.server.bus.port}`;
  }

  async tls(
    role: NodeRole,
    id: string,
    authority = this.authority,
    hosts: readonly string[] = [],
  ): Promise<ServerTls> {
    const grant = { role, nodeId: id, lifetimeMs: HOUR_MS, hosts };
    const { certificate, key } = await authority.issue(grant);
    return { ca: authority.certificatePem, cert: certificate, key };
  }

  /** A node with its id, certificate and credentials. */
  async node(role: NodeRole = 'tracker', id = nodeId()): Promise<Node> {
    const user = createUser();
    const publicKey = user.getPublicKey();
    const expiresWallMs = clock.wallMs() + HOUR_MS;
    const jwt = await this.accounts.userJwt(publicKey, { nodeId: id, role, expiresWallMs });
    return {
      id,
      publicKey,
      access: {
        servers: [this.url],
        tls: { ...(await this.tls(role, id)), minder: true },
        credentials: { jwt, seed: new TextDecoder().decode(user.getSeed()) },
      },
    };
  }

  /** A transport of a node, closed with the bus. */
  transport(
    node: { readonly id: string; readonly access: BusAccess },
    options: Partial<NatsTransportOptions> = {},
  ): NatsTransport {
    const { id, access } = node;
    // A machine that is busy with other tests is not a server that is silent.
    const patience = { pingIntervalMs: 5_000 };
    const all = { ...access, ...patience, name: id, inboxPrefix: `_INBOX.${id}`, ...options };
    const transport = new NatsTransport(all, { log: this.lines });
    this.#transports.push(transport);
    return transport;
  }

  async connected(
    node: { readonly id: string; readonly access: BusAccess },
    options: Partial<NatsTransportOptions> = {},
  ): Promise<NatsTransport> {
    const transport = this.transport(node, options);
    await connection(transport, true);
    return transport;
  }

  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()));
    await Promise.all([this.server, ...this.#others].map((server) => server.stop()));
    removeFolder(this.directory);
  }
}

/** Waits until the transport is connected, or is not. */
export async function connection(transport: NatsTransport, wanted: boolean): Promise<void> {
  await until(
    () => (transport.connected === wanted ? true : undefined),
    WAIT_MS,
    wanted ? 'a connection' : 'the end of a connection',
    5,
  );
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(payload: Uint8Array): string {
  return new TextDecoder().decode(payload);
}
