/**
 * One minder process, from its configuration to its end: locks the data directory, loads or makes
 * authorities and state, runs the bus, lets nodes in, and tells them what they need to know.
 */
import type { AdminServer } from '../admin/admin-server.js';
import type { NatsTransport } from '../cluster/nats-transport.js';
import type { ReplicationClock } from '../cluster/replicator-options.js';
import { readToken } from '../cluster/token-source.js';
import type { Config } from '../config/index.js';
import { assert } from '../lib/assert.js';
import { SystemClock } from '../lib/clock.js';
import { type DataLock, lockDataDirectory } from '../lib/data-lock.js';
import { formatHostPort } from '../lib/host-port.js';
import type { Logger } from '../lib/log.js';
import { LoggerSink } from '../lib/log-sink.js';
import { reasonOf } from '../lib/reason.js';
import { AdminActions } from '../minder/admin-actions.js';
import type { Bus } from '../minder/bus.js';
import type { KeyPairPem } from '../minder/certificate-authority.js';
import { ControlDesk } from '../minder/control-desk.js';
import { ControlServer } from '../minder/control-socket.js';
import { Enrolment } from '../minder/enrolment.js';
import { EnrolmentServer } from '../minder/enrolment-server.js';
import { type Foundation, layFoundation } from '../minder/foundation.js';
import { MinderAdmission } from '../minder/minder-admission.js';
import { revokedError } from '../minder/minder-join.js';
import { MinderSource } from '../minder/minder-source.js';
import { NodeRegistry } from '../minder/node-registry.js';
import { OwnBus } from '../minder/own-bus.js';
import { Pulse } from '../minder/pulse.js';
import { RevocationDesk } from '../minder/revocation-desk.js';
import { SettingsSpeaker } from '../minder/settings-speaker.js';
import { TuningDesk } from '../minder/tuning-desk.js';
import { makeAdmin } from './make-admin.js';
import { connectBus, openExternalBus, requireListen, startOwnBus } from './minder-bus.js';
import { MinderPeers } from './minder-peers.js';
import { MinderService } from './minder-service.js';
import { becomeUser, findUser, type UserIds } from './privileges.js';
import { giveMinderState } from './state-paths.js';
import { VERSION } from './version.js';

const TICK_MS = 1_000;
/** What may go wrong while it runs, and right again. */
const KEYS_FAIL = 'the keys of connection ids cannot be saved';
const RENEWAL_FAILS = 'the certificates of this minder are not renewed';

export interface MinderNodeDependencies {
  readonly logger: Logger;
  /** Only tests give another. */
  readonly clock?: ReplicationClock;
}

export class MinderNode {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #clock: ReplicationClock;
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
  #actions: AdminActions | undefined;
  #pulse: Pulse | undefined;
  #peers: MinderPeers | undefined;
  #revocations: RevocationDesk | undefined;
  #service: MinderService | undefined;
  #timer: NodeJS.Timeout | undefined;
  #renewing = false;
  #credentials: KeyPairPem | undefined;
  readonly #failures = new Map<string, string>();
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #exitCode = 0;
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

  /** Stops everything in reverse order; `ended` then resolves to 0, or to 1 when it was thrown out. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      await this.#starting?.catch(() => {});
      await this.#stop();
      this.#end?.(this.#exitCode);
    })();
    return this.#stopping;
  }

  /** A minder has nothing to read again; but the signal for it must not end one. */
  reload(): void {
    this.#logger.info('nothing is read again here');
  }

  async #start(): Promise<void> {
    const config = this.#config;
    const user = findUser(config.user);
    this.#lock = await lockDataDirectory(config.data);
    // Its keys may be readable by root alone, and it bounds how long certificates may be good.
    this.#bus = await openExternalBus(config, this.#clock);
    const foundation = await this.#layFoundation();
    const peers = this.#makePeers(foundation);
    await peers.askFirst();
    const revocations = this.#open(foundation, peers);
    assert(this.#enrolment !== undefined, 'it has been made');
    const { place } = foundation;
    const { port } = requireListen(config.minder.listen);
    this.#enrolmentAddress = await this.#enrolment.start(place.portFor('enrol', port));
    place.notePort('enrol', this.#enrolmentAddress.port, port);
    await this.#service?.openName();
    const admin = await this.#startAdmin();
    // From here on as the user: the bus server and whatever is written belong to it.
    if (user !== undefined) await this.#becomeUser(user);
    await this.#startBus(foundation, peers);
    await revocations.resume();
    revocations.follow();
    await this.#startControl(foundation, { revocations, peers });
    this.#pulse = new Pulse(
      { nodeId: foundation.state.minderId, name: config.name, software: VERSION },
      { clock: this.#clock, log: new LoggerSink(this.#logger) },
    );
    this.#timer = setInterval(() => this.#tick(foundation, peers), TICK_MS);
    assert(this.#source !== undefined && this.#bus !== undefined, 'both have been made');
    if (this.#stopping !== undefined) return;
    this.#source.serving = true;
    const { host } = this.#enrolmentAddress;
    this.#logger.info(
      {
        id: foundation.state.minderId,
        enrol: formatHostPort(host, this.#enrolmentAddress.port),
        bus: this.#bus.address,
        busCluster: this.#bus.routeAddress,
        dns: this.#service?.nameAddresses ?? [],
        admin,
        pid: process.pid,
        data: config.data,
      },
      'ready',
    );
  }

  #layFoundation(): Promise<Foundation> {
    const { data, name, advertise, minder } = this.#config;
    const { peer, token } = minder;
    return layFoundation(
      {
        data,
        certificateSeconds: this.#certificateSeconds,
        keyRotationSeconds: minder.keyRotationSeconds,
        node: { name, software: VERSION, advertise },
        external: this.#bus !== undefined,
        peer,
        ...(token === '' ? {} : { token: () => readToken(token) }),
        bound: [requireListen(minder.listen).host, requireListen(minder.busCluster).host],
      },
      { clock: this.#clock, logger: this.#logger },
    );
  }

  #makePeers(foundation: Foundation): MinderPeers {
    this.#credentials = foundation.issued.node;
    const peers = new MinderPeers(
      { config: this.#config, external: this.#bus !== undefined },
      {
        foundation,
        credentials: () => this.#credentials ?? foundation.issued.node,
        reissue: () => this.#renew(foundation, peers),
        onRevoked: () => this.#leave(),
        clock: this.#clock,
        logger: this.#logger,
      },
    );
    this.#peers = peers;
    return peers;
  }

  /** Makes what decides, and what answers the operator. Nothing listens yet. */
  #open(foundation: Foundation, peers: MinderPeers): RevocationDesk {
    const { state, authorities, issued, tokens, keys } = foundation;
    const { name, minder, cluster, health, advertise } = this.#config;
    const clock = this.#clock;
    const logger = this.#logger;
    const bus = {
      lifetimeMsMax: 1000 * this.#certificateSeconds,
      userJwt: (...grant: Parameters<Bus['userJwt']>) => this.#requireBus().userJwt(...grant),
      revoke: (publicKey: string) => this.#requireBus().revoke(publicKey),
      uphold: (known: Parameters<Bus['uphold']>[0]) => this.#requireBus().uphold(known),
    };
    const enrolment = new Enrolment(
      { certificateSeconds: this.#certificateSeconds },
      {
        state,
        tokens,
        keys,
        authority: authorities.cluster,
        bus,
        addresses: (calledHost) => peers.presence.addressesFor(calledHost),
        clock,
        logger,
      },
    );
    const admission = new MinderAdmission({
      state,
      authorities,
      enrolment,
      busSeeds: () => {
        const running = this.#requireBus();
        return running instanceof OwnBus ? running.seeds : null;
      },
      onCalled: (source) => peers.presence.called(source),
      logger,
    });
    const { host, port } = requireListen(minder.listen);
    const server = new EnrolmentServer(
      { host, port, ca: authorities.cluster.certificatePem, credentials: issued.node },
      { enrolment, admission, clock, logger },
    );
    const registry = new NodeRegistry(
      { clockOffsetMaxMs: cluster.clockOffsetMaxMs, silentSeconds: health.silentSeconds },
      {
        self: { name, software: VERSION, addresses: advertise },
        state,
        clock,
        log: new LoggerSink(logger),
      },
    );
    this.#registry = registry;
    const onFatal = (error: Error) => this.#die(error);
    const service = new MinderService(this.#config, {
      foundation,
      registry,
      clock,
      logger,
      onFatal,
    });
    this.#service = service;
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
          minders: () => ({
            ...peers.counters(),
            minders_admitted: admission.counters.admitted,
            minder_words_given: admission.counters.words,
            ...service.counters(),
          }),
          health: () => service.health,
        },
        clock,
      },
    );
    this.#enrolment = server;
    const { order } = peers;
    keys.rankBy(() => order.rank());
    this.#revocations = new RevocationDesk({ state, keys, bus, order, clock, logger });
    return this.#revocations;
  }

  async #startAdmin(): Promise<string> {
    if (this.#config.admin.listen === 'off') return 'off';
    assert(this.#source !== undefined, 'it has been made');
    this.#admin = await makeAdmin(this.#config, 'minder', {
      logger: this.#logger,
      source: this.#source,
      actions: () => this.#actions,
    });
    return this.#admin.start();
  }

  /** Bus credentials end with the certificate, and somebody else's bus keeps both short. */
  get #certificateSeconds(): number {
    const { certificateSeconds } = this.#config.minder;
    const mostMs = this.#bus?.lifetimeMsMax ?? Number.POSITIVE_INFINITY;
    return Math.min(certificateSeconds, mostMs / 1000);
  }

  async #startBus(foundation: Foundation, peers: MinderPeers): Promise<void> {
    const { state } = foundation;
    const certificateSeconds = this.#certificateSeconds;
    const running = { certificateSeconds, clock: this.#clock, logger: this.#logger };
    const bus = this.#bus ?? (await startOwnBus(this.#config, foundation, running));
    this.#bus = bus;
    const transport = await connectBus(bus, foundation, this.#logger);
    this.#transport = transport;
    const registry = this.#registry;
    assert(registry !== undefined, 'it has been made');
    transport.subscribe('hb.*', (subject, payload) => {
      const nodeId = subject.slice(3);
      peers.order.hear(nodeId);
      this.#pulse?.hear(nodeId, payload);
      registry.hear(nodeId, payload);
    });
    peers.startSync(transport);
    this.#speaker = new SettingsSpeaker({
      state,
      keys: foundation.keys,
      transport,
      addresses: () => peers.presence.knownAddresses(),
      lists: () => this.#service?.listRoots(),
    });
    this.#service?.start(transport, () => this.#speaker?.broadcast());
    peers.enter({ bus, enrolment: this.#enrolmentAddress, expiresMs: this.#expiresMs });
    this.#speaker.start();
  }

  async #startControl(
    { directory, tokens, state }: Foundation,
    { revocations, peers }: { revocations: RevocationDesk; peers: MinderPeers },
  ) {
    assert(this.#registry !== undefined, 'it has been made');
    const registry = this.#registry;
    const service = this.#service;
    assert(service !== undefined, 'it has been made');
    const inDns = (nodeId: string) => service.isNamed(nodeId);
    const own = { clock: this.#clock, logger: this.#logger };
    const tuning = new TuningDesk({ state, registry, inDns, ...own });
    const lists = service.listDesk;
    const desk = new ControlDesk({ tokens, registry, revocations, tuning, lists });
    const handler = (method: string, params: unknown) => desk.handle(method, params);
    const urls = () => peers.presence.addressesFor('').minders;
    this.#actions = new AdminActions({ desk, urls });
    this.#control = new ControlServer({ handler, logger: this.#logger });
    await this.#control.start(directory);
  }

  async #becomeUser(user: UserIds): Promise<void> {
    // Afterwards our files may be out of reach.
    await this.#admin?.load();
    giveMinderState(user, this.#config.data);
    becomeUser(user);
  }

  #requireBus(): Bus {
    if (this.#bus === undefined) throw new Error('the bus does not run yet');
    return this.#bus;
  }

  /** End of a certificate that is made now. */
  get #expiresMs(): number {
    return this.#clock.wallMs() + 1000 * this.#certificateSeconds;
  }

  /** Something that cannot be had again: whoever watches the process starts it anew. */
  #die(error: Error): void {
    this.#logger.fatal({ reason: error.message }, 'cannot go on');
    this.#exitCode = 1;
    void this.stop();
  }

  /** The others have thrown us out. */
  #leave(): void {
    const { code, message } = revokedError();
    this.#logger.error({ code, reason: message }, 'this minder was revoked: it ends');
    this.#exitCode = 1;
    void this.stop();
  }

  #tick(foundation: Foundation, peers: MinderPeers): void {
    const { keys, certificates } = foundation;
    peers.tick();
    this.#revocations?.tick();
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
    this.#renew(foundation, peers)
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
    const reason = reasonOf(error);
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

  async #renew(
    { certificates, authorities }: Foundation,
    { presence }: MinderPeers,
  ): Promise<void> {
    const bus = this.#requireBus();
    const issued = await certificates.issue(presence.routeHosts);
    this.#credentials = issued.node;
    this.#enrolment?.setCredentials(issued.node);
    bus.reload(issued);
    const credentials = await certificates.busCredentials(bus);
    this.#transport?.update({ tls: bus.tls(), credentials });
    presence.renewed(this.#expiresMs);
    const { fingerprint } = authorities.cluster;
    this.#logger.debug({ ca: Buffer.from(fingerprint).toString('hex') }, 'certificates renewed');
  }

  /** Everything in reverse order. */
  async #stop(): Promise<void> {
    if (this.#source !== undefined) this.#source.serving = false;
    clearInterval(this.#timer);
    this.#actions = undefined;
    await this.#control?.stop();
    await this.#enrolment?.stop();
    this.#speaker?.stop();
    this.#peers?.stop();
    this.#revocations?.stop();
    await this.#service?.stop();
    await this.#transport?.close();
    await this.#bus?.stop();
    await this.#admin?.stop();
    await this.#lock?.release();
  }
}
