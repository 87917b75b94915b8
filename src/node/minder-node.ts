/**
 * One minder process, from its configuration to its end: locks the data directory, loads or makes
 * authorities and state, runs the bus, lets nodes in, and tells them what they need to know.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AdminServer } from '../admin/admin-server.js';
import { NatsTransport } from '../cluster/nats-transport.js';
import { type Config, parseListen } from '../config/index.js';
import { assert } from '../lib/assert.js';
import { type Clock, SystemClock } from '../lib/clock.js';
import { type DataLock, lockDataDirectory } from '../lib/data-lock.js';
import type { Logger } from '../lib/log.js';
import { LoggerSink } from '../lib/log-sink.js';
import type { Bus } from '../minder/bus.js';
import { inboxPrefix } from '../minder/bus-permissions.js';
import { ControlDesk } from '../minder/control-desk.js';
import { ControlServer } from '../minder/control-socket.js';
import { Enrolment } from '../minder/enrolment.js';
import { EnrolmentServer } from '../minder/enrolment-server.js';
import { type Foundation, layFoundation } from '../minder/foundation.js';
import { hostsFor, knownHosts } from '../minder/minder-addresses.js';
import type { MinderAuthorities, MinderCertificates } from '../minder/minder-certificates.js';
import { MinderSource } from '../minder/minder-source.js';
import { NodeRegistry } from '../minder/node-registry.js';
import { OwnBus } from '../minder/own-bus.js';
import { Pulse } from '../minder/pulse.js';
import { RevocationDesk } from '../minder/revocation-desk.js';
import { SettingsSpeaker } from '../minder/settings-speaker.js';
import { becomeUser, findUser, giveTo, type UserIds } from './privileges.js';
import { VERSION } from './version.js';

const TICK_MS = 1_000;
/** What may go wrong while it runs, and right again. */
const KEYS_FAIL = 'the keys of connection ids cannot be saved';
const RENEWAL_FAILS = 'the certificates of this minder are not renewed';

export interface MinderNodeDependencies {
  readonly logger: Logger;
  /** Only tests give another. */
  readonly clock?: Clock;
}

export class MinderNode {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #lock: DataLock | undefined;
  #registry: NodeRegistry | undefined;
  #enrolment: EnrolmentServer | undefined;
  #enrolmentAddress = { host: '', port: 0 };
  #admin: AdminServer | undefined;
  #source: MinderSource | undefined;
  #bus: Bus | undefined;
  #transport: NatsTransport | undefined;
  #speaker: SettingsSpeaker | undefined;
  #control: ControlServer | undefined;
  #pulse: Pulse | undefined;
  #timer: NodeJS.Timeout | undefined;
  #renewing = false;
  readonly #failures = new Map<string, string>();
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #end: ((exitCode: number) => void) | undefined;
  /** Resolves to the exit code when the minder has ended. */
  readonly ended = new Promise<number>((resolve) => {
    this.#end = resolve;
  });

  constructor(config: Config, { logger, clock = new SystemClock() }: MinderNodeDependencies) {
    this.#clock = clock;
    this.#config = config;
    this.#logger = logger;
  }

  /**
   * Starts everything; resolves when nodes can join. When something cannot be had, that is undone
   * which was done, and the error is thrown: it says what, where, and what to do.
   */
  async start(): Promise<void> {
    this.#starting = this.#start();
    try {
      await this.#starting;
    } catch (error) {
      await this.#stop();
      throw error;
    }
  }

  /** Stops everything in reverse order; `ended` then resolves to 0. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      await this.#starting?.catch(() => {});
      await this.#stop();
      this.#end?.(0);
    })();
    return this.#stopping;
  }

  async #start(): Promise<void> {
    const config = this.#config;
    const user = findUser(config.user);
    this.#lock = await lockDataDirectory(config.data);
    // Its keys may be readable by root alone, and it bounds how long certificates may be good.
    this.#bus = await this.#openExternalBus();
    const foundation = await layFoundation(
      {
        data: config.data,
        certificateSeconds: this.#certificateSeconds,
        keyRotationSeconds: config.minder.keyRotationSeconds,
      },
      { clock: this.#clock },
    );
    const revocations = this.#open(foundation);
    assert(this.#enrolment !== undefined, 'it has been made');
    this.#enrolmentAddress = await this.#enrolment.start();
    const admin = await this.#startAdmin();
    // From here on as the user: the bus server and whatever is written belong to it.
    if (user !== undefined) await this.#becomeUser(user, foundation.directory);
    await this.#startBus(foundation);
    await revocations.resume();
    await this.#startControl(foundation, revocations);
    this.#pulse = new Pulse(
      { nodeId: foundation.state.minderId, name: config.name },
      { clock: this.#clock },
    );
    this.#timer = setInterval(() => this.#tick(foundation), TICK_MS);
    assert(this.#source !== undefined && this.#bus !== undefined, 'both have been made');
    this.#source.serving = true;
    const { host, port } = this.#enrolmentAddress;
    this.#logger.info(
      {
        id: foundation.state.minderId,
        enrol: addressText(host, port),
        bus: this.#bus.address,
        busCluster: this.#bus.routeAddress,
        admin,
        pid: process.pid,
        data: config.data,
      },
      'ready',
    );
  }

  /** Makes what decides, and what answers the operator. Nothing listens yet. */
  #open({ state, authorities, issued, tokens, keys }: Foundation): RevocationDesk {
    const { name, minder, cluster, advertise } = this.#config;
    const clock = this.#clock;
    const logger = this.#logger;
    const bus = {
      lifetimeMsMax: 1000 * this.#certificateSeconds,
      userJwt: (...grant: Parameters<Bus['userJwt']>) => this.#requireBus().userJwt(...grant),
      revoke: (publicKey: string) => this.#requireBus().revoke(publicKey),
    };
    const enrolment = new Enrolment(
      { certificateSeconds: this.#certificateSeconds },
      {
        state,
        tokens,
        keys,
        authority: authorities.cluster,
        bus,
        addresses: (calledHost) => this.#addressesFor(calledHost),
        clock,
        logger,
      },
    );
    const { host, port } = requireListen(minder.listen);
    const server = new EnrolmentServer(
      { host, port, ca: authorities.cluster.certificatePem, credentials: issued.node },
      { enrolment, clock, logger },
    );
    const registry = new NodeRegistry(
      { clockOffsetMaxMs: cluster.clockOffsetMaxMs },
      { self: { name, software: VERSION, addresses: advertise }, state, clock },
    );
    this.#registry = registry;
    this.#source = new MinderSource(
      { name, version: VERSION },
      {
        parts: {
          registry,
          tokens,
          enrolment,
          server,
          bus: () => this.#bus,
          speaker: () => this.#speaker,
          busConnected: () => this.#transport?.connected ?? false,
        },
        clock,
      },
    );
    this.#enrolment = server;
    return new RevocationDesk({ state, keys, bus, clock, logger });
  }

  async #startAdmin(): Promise<string> {
    const { listen, tokenFile } = this.#config.admin;
    if (listen === 'off') return 'off';
    assert(this.#source !== undefined, 'it has been made');
    const [{ createAdminServer }, { loadAdminToken }] = await Promise.all([
      import('../admin/admin-server.js'),
      import('../admin/admin-token.js'),
    ]);
    const file = tokenFile === '' ? join(this.#config.data, 'minder', 'admin-token') : tokenFile;
    const admin = createAdminServer(
      { ...requireListen(listen), token: loadAdminToken(file) },
      { logger: this.#logger, source: this.#source },
    );
    this.#admin = admin;
    return admin.start();
  }

  /** The bus that somebody else runs, when the configuration names one. */
  async #openExternalBus(): Promise<Bus | undefined> {
    const { natsUrl, natsCredsFile, natsAccountKeyFile } = this.#config.minder;
    if (natsUrl === '') return undefined;
    const { ExternalBus } = await import('../minder/external-bus.js');
    return ExternalBus.start(
      { urls: [natsUrl], credsFile: natsCredsFile, accountKeyFile: natsAccountKeyFile },
      { clock: this.#clock },
    );
  }

  /** Bus credentials end with the certificate, and somebody else's bus keeps both short. */
  get #certificateSeconds(): number {
    const { certificateSeconds } = this.#config.minder;
    const mostMs = this.#bus?.lifetimeMsMax ?? Number.POSITIVE_INFINITY;
    return Math.min(certificateSeconds, mostMs / 1000);
  }

  #startOwnBus({ state, authorities, issued, directory }: Foundation): Promise<Bus> {
    const { bus, busCluster, natsServer } = this.#config.minder;
    return OwnBus.start(
      {
        directory: join(directory, 'bus'),
        lifetimeMsMax: 1000 * this.#certificateSeconds,
        nodeId: state.minderId,
        listen: requireListen(bus),
        routes: requireListen(busCluster),
        binary: natsServer,
        certificates: issued,
        ca: authorities.cluster.certificatePem,
        routeCa: authorities.route.certificatePem,
      },
      { clock: this.#clock, log: new LoggerSink(this.#logger) },
    );
  }

  async #startBus(foundation: Foundation): Promise<void> {
    const { state, certificates } = foundation;
    const bus = this.#bus ?? (await this.#startOwnBus(foundation));
    this.#bus = bus;
    const transport = new NatsTransport(
      {
        servers: [bus.ownUrl],
        tls: bus.tls(),
        credentials: await certificates.busCredentials(bus),
        name: `minder ${state.minderId}`,
        inboxPrefix: inboxPrefix(state.minderId),
      },
      { log: new LoggerSink(this.#logger) },
    );
    this.#transport = transport;
    const registry = this.#registry;
    assert(registry !== undefined, 'it has been made');
    transport.subscribe('hb.*', (subject, payload) => registry.hear(subject.slice(3), payload));
    this.#speaker = new SettingsSpeaker({
      state,
      keys: foundation.keys,
      transport,
      addresses: () => this.#knownAddresses(),
    });
    this.#speaker.start();
  }

  async #startControl({ directory, tokens }: Foundation, revocations: RevocationDesk) {
    assert(this.#registry !== undefined, 'it has been made');
    const desk = new ControlDesk({ tokens, registry: this.#registry, revocations });
    const handler = (method: string, params: unknown) => desk.handle(method, params);
    this.#control = new ControlServer({ handler, logger: this.#logger });
    await this.#control.start(directory);
  }

  async #becomeUser(user: UserIds, directory: string): Promise<void> {
    // Afterwards our files may be out of reach.
    await this.#admin?.load();
    giveTo(user, [this.#config.data, ...treeOf(directory)]);
    becomeUser(user);
  }

  /** Where a node that called us by a host finds us. Throws while the bus does not run. */
  #addressesFor(calledHost: string) {
    const bus = this.#requireBus();
    const { host: bound, port } = this.#enrolmentAddress;
    const hosts = hostsFor({ advertise: this.#config.advertise, bound }, calledHost);
    return {
      bus: { urls: bus.urls(hosts), external: bus.external },
      minders: hosts.map((host) => `https://${addressText(host, port)}`),
    };
  }

  #knownAddresses() {
    const { host: bound, port } = this.#enrolmentAddress;
    const hosts = knownHosts({ advertise: this.#config.advertise, bound });
    return {
      urls: hosts.map((host) => `https://${addressText(host, port)}`),
      bus: this.#bus?.urls(hosts) ?? [],
    };
  }

  #requireBus(): Bus {
    if (this.#bus === undefined) throw new Error('the bus does not run yet');
    return this.#bus;
  }

  #tick({ keys, certificates, authorities }: Foundation): void {
    if (this.#transport !== undefined) this.#pulse?.beat(this.#transport);
    this.#registry?.sweep();
    try {
      if (keys.rotateIfDue()) this.#logger.debug('the key of connection ids has changed');
      this.#recover(KEYS_FAIL);
    } catch (error) {
      this.#fail(KEYS_FAIL, error);
    }
    if (!certificates.isDue || this.#renewing) return;
    this.#renewing = true;
    this.#renew(certificates, authorities)
      .then(
        () => this.#recover(RENEWAL_FAILS),
        (error: unknown) => this.#fail(RENEWAL_FAILS, error),
      )
      .finally(() => {
        this.#renewing = false;
      });
  }

  /** Says so once, however often it is tried: a full disk is not worth a line each second. */
  #fail(what: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (!this.#failures.has(what)) this.#logger.error({ reason }, what);
    this.#failures.set(what, `${what}: ${reason}`);
    this.#showFailures();
  }

  #recover(what: string): void {
    if (!this.#failures.delete(what)) return;
    this.#logger.info({ what }, 'works again');
    this.#showFailures();
  }

  #showFailures(): void {
    if (this.#source !== undefined) this.#source.failure = [...this.#failures.values()][0];
  }

  async #renew(certificates: MinderCertificates, authorities: MinderAuthorities): Promise<void> {
    const bus = this.#requireBus();
    const issued = await certificates.issue();
    this.#enrolment?.setCredentials(issued.node);
    bus.reload(issued);
    const credentials = await certificates.busCredentials(bus);
    this.#transport?.update({ tls: bus.tls(), credentials });
    const { fingerprint } = authorities.cluster;
    this.#logger.debug({ ca: Buffer.from(fingerprint).toString('hex') }, 'certificates renewed');
  }

  /** Everything in reverse order. */
  async #stop(): Promise<void> {
    if (this.#source !== undefined) this.#source.serving = false;
    clearInterval(this.#timer);
    await this.#control?.stop();
    await this.#enrolment?.stop();
    this.#speaker?.stop();
    await this.#transport?.close();
    await this.#bus?.stop();
    await this.#admin?.stop();
    await this.#lock?.release();
  }
}

/** A directory and everything in it; links are not followed. */
function treeOf(directory: string): string[] {
  const found = [directory];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) found.push(...treeOf(path));
    else found.push(path);
  }
  return found;
}

function requireListen(text: string): { host: string; port: number } {
  const address = parseListen(text);
  assert(address !== undefined, `the configuration checked '${text}'`);
  return address;
}

function addressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
