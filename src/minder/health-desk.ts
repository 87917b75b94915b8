/**
 * The health of trackers, put together: challenges and probes, what other minders found, the verdicts,
 * and the set of trackers that clients are sent to.
 *
 * ```
 * heartbeats --> registry.facts() --+
 * probes --> prober.reports() ------+--> Health --> verdicts --> registry (what is shown)
 * other minders --> exchange -------+                        --> tracker set --> DNS
 * ```
 */
import type { MinderStats } from '../admin/admin-source.js';
import type { ClusterView } from '../admin/cluster-view.js';
import type { DnsView } from '../admin/dns-view.js';
import type { ReplicationTransport } from '../cluster/transport.js';
import type { TrackerSet } from '../dns/tracker-set.js';
import type { Clock } from '../lib/clock.js';
import type { LogSink } from '../lib/log-sink.js';
import { isStopped } from '../protocol/cluster/heartbeat.js';
import { AttemptGate } from './attempt-gate.js';
import { Challenges } from './challenges.js';
import type { ControlState } from './control-state.js';
import { Health, type MinderReports, type NodeVerdict, reportLifeMs } from './health.js';
import { HealthExchange } from './health-exchange.js';
import { HostLookup } from './host-lookup.js';
import { HttpProbes } from './http-probes.js';
import type { NodeRegistry } from './node-registry.js';
import { Prober } from './prober.js';
import { TrackerSetKeeper } from './tracker-set.js';
import { UdpProbes } from './udp-probes.js';

const PROBE_TICK_MS = 100;
const JUDGE_MS = 500;
const TELL_MS = 2_000;
/** Between two judgements, when this process or its machine stood still meanwhile. */
const STOOD_STILL_MS = 4_000;

export interface HealthDeskOptions {
  readonly probeSeconds: number;
  readonly probeTimeoutMs: number;
  readonly flapSeconds: number;
  /** Empty when this minder serves no zone. */
  readonly zone: string;
  /** `minder/tracker-set.json` in the data directory. */
  readonly setPath: string;
}

export interface HealthDeskDependencies {
  readonly state: ControlState;
  readonly registry: NodeRegistry;
  readonly clock: Clock & { monotonicMs(): number };
  readonly log: LogSink;
  /** All addresses of a host name. Default: the system's resolver. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
}

/** What runs from when the bus is there. */
interface Running {
  readonly prober: Prober;
  readonly exchange: HealthExchange;
  readonly timers: readonly NodeJS.Timeout[];
}

export class HealthDesk {
  readonly #options: HealthDeskOptions;
  readonly #dependencies: HealthDeskDependencies;
  readonly #health: Health;
  readonly #keeper: TrackerSetKeeper;
  readonly #lookup: HostLookup;
  readonly #gate: AttemptGate;
  readonly #udp = new UdpProbes();
  readonly #http = new HttpProbes();
  #running: Running | undefined;
  #judgedMs = Number.NaN;
  /** State of each tracker, for the log. */
  #states = new Map<string, string>();

  /** Loads the last set; nothing is probed yet. Shows its verdicts in the registry from now on. */
  constructor(options: HealthDeskOptions, dependencies: HealthDeskDependencies) {
    const { registry, clock, log, resolve } = dependencies;
    this.#options = options;
    this.#dependencies = dependencies;
    this.#health = new Health(options);
    this.#keeper = new TrackerSetKeeper({ path: options.setPath }, { clock, log });
    this.#lookup = new HostLookup({}, { clock, ...(resolve === undefined ? {} : { resolve }) });
    this.#gate = new AttemptGate({ clock });
    registry.judgeBy(this);
  }

  /** Begins to probe, to judge, and to exchange results over the bus. */
  start(transport: ReplicationTransport): void {
    const { state, clock } = this.#dependencies;
    const { minderId } = state;
    const challenges = new Challenges({ minderId }, { transport, clock });
    const probes = { udp: this.#udp, http: this.#http, https: this.#http };
    const prober = new Prober(this.#options, {
      clock,
      lookup: this.#lookup,
      gate: this.#gate,
      challenges,
      probes,
    });
    const exchange = new HealthExchange(
      { minderId, lifeMs: reportLifeMs(this.#options) },
      {
        transport,
        clock,
        isMinder: (id) => this.#isMember(id, 'minder'),
        isTracker: (id) => this.#isMember(id, 'tracker'),
      },
    );
    exchange.start();
    const timers = [
      setInterval(() => prober.tick(), PROBE_TICK_MS),
      setInterval(() => this.judge(), JUDGE_MS),
      setInterval(() => exchange.tell(ownReports(prober)), TELL_MS),
    ];
    this.#running = { prober, exchange, timers };
  }

  /** Idempotent. Writes the set if it is not written yet. */
  stop(): void {
    for (const timer of this.#running?.timers ?? []) clearInterval(timer);
    this.#running?.prober.close();
    if (this.#running !== undefined) this.#keeper.flush();
    this.#running = undefined;
  }

  /** Judges everything anew, as is done twice a second. */
  judge(): void {
    if (this.#running === undefined) return;
    const { registry, clock } = this.#dependencies;
    const { prober, exchange } = this.#running;
    const stoodStillMs = clock.monotonicMs() - this.#judgedMs;
    this.#judgedMs = clock.monotonicMs();
    // Whoever stood still has heard nobody; what was said meanwhile is read before the next time.
    if (stoodStillMs > STOOD_STILL_MS) return;
    const facts = registry.facts();
    prober.look(facts.filter(({ id, state }) => state !== 'revoked' && registry.canProve(id)));
    const reports = [ownReports(prober), ...exchange.reports()];
    const endpoints = (nodeId: string) => prober.endpoints(nodeId);
    this.#health.judge(facts, reports, endpoints, clock.monotonicMs());
    const verdicts = this.#health.verdicts();
    this.#keeper.update(verdicts);
    this.#logChanges(verdicts);
  }

  /** Undefined for a node that is not judged: a minder, or a tracker that is new. */
  verdict(nodeId: string): NodeVerdict | undefined {
    return this.#health.verdict(nodeId);
  }

  /** What DNS answers. */
  set(): TrackerSet {
    return this.#keeper.set;
  }

  dns(): DnsView {
    const states = new Map(this.#health.verdicts().map(({ id, state }) => [id, state]));
    const { set, sinceMs, members } = this.#keeper;
    return {
      zone: this.#options.zone,
      ...set,
      services: [...new Map(set.services.map((each) => [JSON.stringify(each), each])).values()],
      trackers: members.map(({ id, name, endpoints }) => ({
        id,
        name,
        state: states.get(id) ?? 'joining',
        addresses: endpoints.map(({ url }) => url),
      })),
      since: sinceMs,
    };
  }

  /** The numbers of `/stats.json`. */
  stats(): Pick<MinderStats, 'probes' | 'dns'> {
    const prober = this.#running?.prober.counters;
    const { addresses4, addresses6 } = this.#keeper.set;
    return {
      probes: {
        sent: prober?.probes ?? 0,
        failed: prober?.probesFailed ?? 0,
        attempts: this.#gate.counters.attempts,
      },
      dns: {
        trackers: this.#keeper.members.length,
        addresses4: addresses4.length,
        addresses6: addresses6.length,
      },
    };
  }

  /** Totals since the start, in snake case, for `ClusterView.counters`. */
  counters(): ClusterView['counters'] {
    const prober = this.#running?.prober.counters;
    const exchange = this.#running?.exchange.counters;
    return {
      probes: prober?.probes ?? 0,
      probes_failed: prober?.probesFailed ?? 0,
      probe_attempts: this.#gate.counters.attempts,
      probe_attempts_failed: prober?.attemptsFailed ?? 0,
      probe_attempts_deferred: this.#gate.counters.deferred,
      probe_attempts_forgone: this.#gate.counters.full,
      probe_addresses_refused: prober?.addressesRefused ?? 0,
      probe_strays: this.#udp.counters.strays,
      probe_packets: this.#udp.counters.packetsSent,
      probe_requests: this.#http.counters.requestsSent,
      lookups: this.#lookup.counters.lookups,
      lookups_failed: this.#lookup.counters.lookupsFailed,
      lookups_refused: this.#lookup.counters.namesRefused,
      health_messages_sent: exchange?.messagesSent ?? 0,
      health_messages_heard: exchange?.messagesHeard ?? 0,
      health_messages_refused: exchange?.messagesRefused ?? 0,
    };
  }

  #isMember(id: string, role: 'minder' | 'tracker'): boolean {
    const { state } = this.#dependencies;
    return state.get('node', id)?.role === role && state.get('revocation', id) === undefined;
  }

  /** A tracker that comes or goes is worth a line; each only when it changes. */
  #logChanges(verdicts: readonly NodeVerdict[]): void {
    const states = new Map<string, string>();
    for (const { id, name, state, reason } of verdicts) {
      states.set(id, state);
      const before = this.#states.get(id);
      if (before === state || (before === undefined && state !== 'unreachable')) continue;
      const level = state === 'unreachable' && !isStopped({ state, reason }) ? 'warn' : 'info';
      this.#dependencies.log.log(level, `a tracker is ${state}`, {
        node: id,
        nodeName: name,
        reason,
        before,
      });
    }
    this.#states = states;
  }
}

function ownReports(prober: Prober): MinderReports {
  return new Map([...prober.nodeIds()].map((id) => [id, prober.reports(id)]));
}
