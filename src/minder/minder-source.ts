/** Answers the admin listener's questions about a minder. */
import type { Health, MinderAdminSource, MinderStats } from '../admin/admin-source.js';
import type { ClusterView } from '../admin/cluster-view.js';
import type { DnsView } from '../admin/dns-view.js';
import { NO_TRACKERS } from '../dns/tracker-set.js';
import type { Clock } from '../lib/clock.js';
import type { Bus } from './bus.js';
import type { Enrolment } from './enrolment.js';
import type { EnrolmentServer } from './enrolment-server.js';
import type { HealthDesk } from './health-desk.js';
import type { JoinTokens } from './join-tokens.js';
import type { NodeRegistry } from './node-registry.js';
import type { SettingsSpeaker } from './settings-speaker.js';

/** What runs, as far as it runs already. */
export interface MinderParts {
  readonly registry: NodeRegistry;
  readonly tokens: JoinTokens;
  readonly enrolment: Enrolment;
  readonly server: EnrolmentServer;
  readonly bus: () => Bus | undefined;
  readonly speaker: () => SettingsSpeaker | undefined;
  readonly busConnected: () => boolean;
  /** Counters of what goes on among minders, by names in snake case. */
  readonly minders?: () => Readonly<Record<string, number>>;
  readonly health?: () => HealthDesk | undefined;
}

/** Before anything is probed. */
const NO_HEALTH = {
  probes: { sent: 0, failed: 0, attempts: 0 },
  dns: { trackers: 0, addresses4: 0, addresses6: 0 },
};
const NO_DNS: DnsView = { zone: '', ...NO_TRACKERS, trackers: [], since: 0 };

export interface MinderSourceOptions {
  readonly name: string;
  readonly version: string;
}

export class MinderSource implements MinderAdminSource {
  readonly role = 'minder';
  /** Set by the process as it goes through its life. */
  serving = false;
  /** Why the process is not well: the state cannot be written, say. */
  failure: string | undefined;
  readonly #options: MinderSourceOptions;
  readonly #parts: MinderParts;
  readonly #clock: Clock;
  readonly #startSeconds: number;

  constructor(
    options: MinderSourceOptions,
    { parts, clock }: { parts: MinderParts; clock: Clock },
  ) {
    this.#options = options;
    this.#parts = parts;
    this.#clock = clock;
    this.#startSeconds = clock.monotonicSeconds();
  }

  ready(): boolean {
    return this.serving;
  }

  healthy(): Health {
    if (this.failure !== undefined) return { ok: false, reason: this.failure };
    const bus = this.#parts.bus();
    if (bus !== undefined && !bus.isRunning) return { ok: false, reason: 'the bus does not run' };
    return { ok: true };
  }

  stats(): MinderStats {
    const { registry, tokens, enrolment, bus, busConnected } = this.#parts;
    const { enrolled: accepted, renewed, refused } = enrolment.counters;
    return {
      ...this.#options,
      role: 'minder',
      uptimeSeconds: this.#clock.monotonicSeconds() - this.#startSeconds,
      nodes: registry.counts(),
      tokens: tokens.list().filter(({ state }) => state === 'valid').length,
      enrolments: { accepted, renewed, refused: { ...refused } },
      bus: { connected: busConnected(), restarts: bus()?.restarts ?? 0 },
      ...(this.#parts.health?.()?.stats() ?? NO_HEALTH),
      memory: { rss: process.memoryUsage.rss() },
    };
  }

  dns(): DnsView {
    return this.#parts.health?.()?.dns() ?? NO_DNS;
  }

  cluster(): ClusterView {
    const { registry, server, speaker, bus, busConnected } = this.#parts;
    const { counters: beats } = registry;
    const spoken = speaker()?.counters;
    const seen = bus()?.counters;
    return registry.view(busConnected(), {
      heartbeats: beats.heartbeats,
      heartbeats_of_strangers: beats.strangers,
      heartbeats_of_revoked: beats.revoked,
      heartbeats_unreadable: beats.unreadable,
      heartbeats_too_many: beats.tooMany,
      enrolment_connections_refused: server.counters.connectionsRefused,
      enrolment_handshakes_failed: server.counters.handshakesFailed,
      settings_broadcasts: spoken?.broadcasts ?? 0,
      settings_answers: spoken?.answers ?? 0,
      settings_requests_refused: spoken?.requestsRefused ?? 0,
      ...this.#parts.minders?.(),
      bus_publish_violations: seen?.publishViolations ?? 0,
      bus_subscribe_violations: seen?.subscribeViolations ?? 0,
      bus_auth_errors: seen?.authErrors ?? 0,
      bus_tls_errors: seen?.tlsErrors ?? 0,
      bus_slow_consumers: seen?.slowConsumers ?? 0,
      bus_stale_connections: seen?.staleConnections ?? 0,
      ...this.#parts.health?.()?.counters(),
    });
  }
}
