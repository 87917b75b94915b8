/**
 * A minder process among other minders: who of them is heard, what is exchanged with them, where this
 * one says that it is, and whether it still is one of them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsTransport } from '../cluster/nats-transport.js';
import type { Config } from '../config/index.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import { LoggerSink } from '../lib/log-sink.js';
import type { Bus } from '../minder/bus.js';
import type { KeyPairPem } from '../minder/certificate-authority.js';
import { ControlSync } from '../minder/control-sync.js';
import type { Foundation } from '../minder/foundation.js';
import { MinderCheckIn } from '../minder/minder-check-in.js';
import { revokedError } from '../minder/minder-join.js';
import { MinderOrder } from '../minder/minder-order.js';
import { MinderPresence } from '../minder/minder-presence.js';
import { requireListen } from './minder-bus.js';

/** How long a start waits for other minders to say that this one is still of them. */
const CHECK_IN_LIMIT_MS = 4_000;

export interface MinderPeersOptions {
  readonly config: Config;
  /** Whether somebody else runs the bus. */
  readonly external: boolean;
}

export interface MinderPeersDependencies {
  readonly foundation: Foundation;
  /** What this minder shows, as it is when asked. */
  readonly credentials: () => KeyPairPem;
  /** New certificates, and everything told to use them. */
  readonly reissue: () => Promise<void>;
  /** The others have thrown this minder out: it must end. Called once. */
  readonly onRevoked: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What runs by the time that others may know of it. */
export interface RunningMinder {
  readonly bus: Bus;
  /** Where nodes enrol. */
  readonly enrolment: { readonly host: string; readonly port: number };
  /** End of our certificate. */
  readonly expiresMs: number;
}

export class MinderPeers {
  readonly order: MinderOrder;
  readonly #config: Config;
  readonly #dependencies: MinderPeersDependencies;
  readonly #checkIn: MinderCheckIn;
  #presence: MinderPresence | undefined;
  #sync: ControlSync | undefined;

  constructor({ config, external }: MinderPeersOptions, dependencies: MinderPeersDependencies) {
    this.#config = config;
    this.#dependencies = dependencies;
    const { foundation, credentials, clock } = dependencies;
    const { state, roster, ownKeys, authorities } = foundation;
    const order = new MinderOrder({}, { state, clock });
    this.order = order;
    this.#checkIn = new MinderCheckIn(
      { ca: authorities.cluster.certificatePem, routePin: ownKeys.routePin, external },
      {
        roster,
        credentials,
        heard: () => order.others().length,
        onRevoked: () => this.#presence?.expelled(),
        clock,
      },
    );
  }

  /**
   * Asks the others before anything is served: they may have thrown us out while we were away. Throws
   * `MinderJoinError` then; whoever does not answer soon is not waited for.
   */
  async askFirst(): Promise<void> {
    const limit = sleep(CHECK_IN_LIMIT_MS, false, { ref: false });
    if (await Promise.race([this.#checkIn.ask(), limit])) throw revokedError();
  }

  /** Exchanges what minders know from here on. */
  startSync(transport: NatsTransport): void {
    const { foundation, clock, logger } = this.#dependencies;
    const { state } = foundation;
    const log = new LoggerSink(logger);
    this.#sync = new ControlSync({ state, transport, order: this.order, clock, log });
    this.#sync.start();
  }

  /** Tells the others where this minder is, and follows where they are. */
  enter({ bus, enrolment, expiresMs }: RunningMinder): void {
    const { foundation, reissue, onRevoked } = this.#dependencies;
    const { advertise, minder, dns } = this.#config;
    const routesHost = requireListen(minder.busCluster).host;
    this.#presence = new MinderPresence(
      { advertise, enrolment, routesHost, dns: dns.listen.length > 0 },
      { foundation, bus, reissue, onRevoked },
    );
    this.#presence.start(expiresMs);
  }

  /** Throws while the bus does not run yet: whoever asks then is told to come again. */
  get presence(): MinderPresence {
    if (this.#presence === undefined) throw new Error('the bus does not run yet');
    return this.#presence;
  }

  /** To be called each second. */
  tick(): void {
    this.#checkIn.tick();
  }

  /** For the view of the cluster, by names in snake case. */
  counters(): Record<string, number> {
    const { member, revoked, unanswered } = this.#checkIn.counters;
    const sync = this.#sync?.counters;
    return {
      minders_heard: this.order.others().length,
      minder_words_member: member,
      minder_words_revoked: revoked,
      minder_words_unanswered: unanswered,
      control_entries_sent: sync?.entriesSent ?? 0,
      control_entries_received: sync?.entriesReceived ?? 0,
      control_entries_taken: sync?.entriesTaken ?? 0,
      control_exchanges: sync?.exchanges ?? 0,
      control_messages_unreadable: sync?.unreadable ?? 0,
      control_messages_held_back: sync?.heldBack ?? 0,
    };
  }

  stop(): void {
    this.#sync?.stop();
  }
}
