/**
 * When which endpoint of which tracker is probed, and what came of it.
 *
 * ```
 * unproven   attempts as the gate lets them through (attempt-gate.ts)
 * proven     a whole probe each period, spread at random; one third of it after a first failure
 * ```
 *
 * Every probe scrapes the challenge, so every good one proves anew that the endpoint is the tracker's.
 * An endpoint that has not done so for ten minutes is unproven again.
 */
import type { AttemptGate } from './attempt-gate.js';
import type { Challenges } from './challenges.js';
import type { HostLookup } from './host-lookup.js';
import type { ProbeError, ProbeOutcome, Probing } from './probe.js';
import {
  type AdvertisedAddress,
  endpointAt,
  type ProbeEndpoint,
  type ProbeProtocol,
  parseAdvertised,
} from './probe-endpoint.js';

/** Endpoints of one node; further ones are not looked at, and counted. */
export const ENDPOINTS_PER_NODE_MAX = 32;
const PROOF_LIFE_MS = 600_000;
/** Probes of one node at a time: one that lets all of its own hang must not take everybody's turn. */
export const PROBES_PER_NODE_MAX = 8;
/** How soon the gate is asked again for one endpoint. */
const ASK_GATE_MS = 250;
/** Shares of the period by which a probe comes early or late. */
const JITTER = 0.15;

export interface ProbedNode {
  readonly id: string;
  /** As its heartbeat has them. */
  readonly addresses: readonly string[];
}

/** What one minder knows of one endpoint. Ages are at the time of asking. */
export interface EndpointReport {
  readonly endpoint: ProbeEndpoint;
  /** Since the last probe that succeeded; undefined for an endpoint that is not proven. */
  readonly okAgeMs: number | undefined;
  /** Since the last probe. */
  readonly ageMs: number;
  /** Probes in a row that failed. */
  readonly failures: number;
  readonly rttMs: number | undefined;
  readonly error: ProbeError | undefined;
}

export interface ProberOptions {
  readonly probeSeconds: number;
  readonly probeTimeoutMs: number;
}

export interface ProberDependencies {
  readonly clock: { monotonicMs(): number };
  readonly lookup: HostLookup;
  readonly gate: AttemptGate;
  readonly challenges: Challenges;
  readonly probes: Readonly<Record<ProbeProtocol, Probing>>;
  /** From 0 to 1. */
  readonly random?: () => number;
}

interface Target {
  readonly nodeId: string;
  readonly endpoint: ProbeEndpoint;
  dueMs: number;
  isPending: boolean;
  okMs: number;
  doneMs: number;
  failures: number;
  rttMs: number | undefined;
  error: ProbeError | undefined;
}

const NEVER = Number.NEGATIVE_INFINITY;

export class Prober {
  readonly counters = { probes: 0, probesFailed: 0, attemptsFailed: 0, addressesRefused: 0 };
  readonly #periodMs: number;
  readonly #timeoutMs: number;
  readonly #dependencies: ProberDependencies;
  readonly #random: () => number;
  /** By node, then by the endpoint's URL. */
  readonly #targets = new Map<string, Map<string, Target>>();
  /** Addresses read already; those of nodes that are gone leave with the next sweep. */
  readonly #parsed = new Map<string, AdvertisedAddress | undefined>();

  constructor({ probeSeconds, probeTimeoutMs }: ProberOptions, dependencies: ProberDependencies) {
    this.#periodMs = 1000 * probeSeconds;
    this.#timeoutMs = probeTimeoutMs;
    this.#dependencies = dependencies;
    this.#random = dependencies.random ?? Math.random;
  }

  /** The nodes to probe, and where; to be called twice a second. */
  look(nodes: readonly ProbedNode[]): void {
    const ids = new Set(nodes.map(({ id }) => id));
    for (const id of this.#targets.keys()) if (!ids.has(id)) this.#targets.delete(id);
    this.#dependencies.challenges.keep(ids);
    for (const { id, addresses } of nodes) this.#lookAt(id, addresses);
    this.#dependencies.lookup.sweep();
    this.#dependencies.gate.sweep();
    this.#forgetParsed(nodes);
  }

  /** Starts what is due; to be called each tenth of a second. */
  tick(): void {
    const { clock, gate, challenges } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    for (const [nodeId, targets] of this.#targets) {
      for (const target of dueOf(targets, nowMs)) {
        const challenge = challenges.for(nodeId);
        // On its way; the next tick asks again.
        if (challenge === undefined) break;
        const isAttempt = nowMs - target.okMs > PROOF_LIFE_MS;
        if (isAttempt && !gate.take(nodeId, target.endpoint)) {
          target.dueMs = nowMs + ASK_GATE_MS;
          continue;
        }
        const { endpoint } = target;
        const timeoutMs = this.#timeoutMs;
        target.isPending = true;
        this.counters.probes++;
        void this.#dependencies.probes[endpoint.protocol]
          .probe({ endpoint, challenge, timeoutMs, isAttempt })
          .then((outcome) => this.#note(target, outcome, { startMs: nowMs, isAttempt }));
      }
    }
  }

  /** Nodes of which something is known. */
  nodeIds(): Iterable<string> {
    return this.#targets.keys();
  }

  /** Every endpoint of a node that was probed at all. */
  reports(nodeId: string): EndpointReport[] {
    const nowMs = this.#dependencies.clock.monotonicMs();
    const reports: EndpointReport[] = [];
    for (const { endpoint, okMs, doneMs, failures, rttMs, error } of this.#of(nodeId)) {
      if (doneMs === NEVER) continue;
      const okAgeMs = nowMs - okMs > PROOF_LIFE_MS ? undefined : nowMs - okMs;
      reports.push({ endpoint, okAgeMs, ageMs: nowMs - doneMs, failures, rttMs, error });
    }
    return reports;
  }

  /** Every endpoint of a node, probed or not. */
  endpoints(nodeId: string): ProbeEndpoint[] {
    return [...this.#of(nodeId)].map(({ endpoint }) => endpoint);
  }

  close(): void {
    this.#targets.clear();
    for (const probing of new Set(Object.values(this.#dependencies.probes))) probing.close();
  }

  #of(nodeId: string): Iterable<Target> {
    return this.#targets.get(nodeId)?.values() ?? [];
  }

  #lookAt(nodeId: string, addresses: readonly string[]): void {
    const nowMs = this.#dependencies.clock.monotonicMs();
    const before = this.#targets.get(nodeId);
    const targets = new Map<string, Target>();
    for (const endpoint of this.#resolved(nodeId, addresses)) {
      if (targets.size >= ENDPOINTS_PER_NODE_MAX && !targets.has(endpoint.url)) {
        this.counters.addressesRefused++;
        continue;
      }
      const target = before?.get(endpoint.url) ?? {
        nodeId,
        endpoint,
        dueMs: nowMs,
        isPending: false,
        okMs: NEVER,
        doneMs: NEVER,
        failures: 0,
        rttMs: undefined,
        error: undefined,
      };
      targets.set(endpoint.url, target);
    }
    this.#targets.set(nodeId, targets);
  }

  *#resolved(nodeId: string, addresses: readonly string[]): Iterable<ProbeEndpoint> {
    for (const text of addresses) {
      if (!this.#parsed.has(text)) this.#parsed.set(text, parseAdvertised(text));
      const address = this.#parsed.get(text);
      if (address === undefined) {
        this.counters.addressesRefused++;
        continue;
      }
      for (const ip of this.#dependencies.lookup.addresses(address.host, nodeId)) {
        const endpoint = endpointAt(address, ip);
        if (endpoint !== undefined) yield endpoint;
      }
    }
  }

  #note(
    target: Target,
    { error, rttMs }: ProbeOutcome,
    { startMs, isAttempt }: { startMs: number; isAttempt: boolean },
  ): void {
    const nowMs = this.#dependencies.clock.monotonicMs();
    target.isPending = false;
    target.doneMs = nowMs;
    target.error = error;
    target.rttMs = rttMs;
    if (error === undefined) {
      target.okMs = nowMs;
      target.failures = 0;
      if (isAttempt) this.#dependencies.gate.proven(target.endpoint);
    } else {
      target.failures++;
      if (isAttempt) this.counters.attemptsFailed++;
      else this.counters.probesFailed++;
    }
    // A first failure may be a lost packet, or the beginning of the end: soon it is known.
    const pauseMs = target.failures === 1 && !isAttempt ? this.#periodMs / 3 : this.#periodMs;
    const jitter = 1 + JITTER * (2 * this.#random() - 1);
    // The first whole probe comes anywhere in the period: those of many nodes spread.
    const isFirst = isAttempt && error === undefined;
    target.dueMs = Math.max(nowMs, startMs + pauseMs * (isFirst ? this.#random() : jitter));
  }

  #forgetParsed(nodes: readonly ProbedNode[]): void {
    const used = nodes.reduce((sum, { addresses }) => sum + addresses.length, 0);
    if (this.#parsed.size <= 2 * used + 64) return;
    const kept = new Set(nodes.flatMap(({ addresses }) => addresses));
    for (const text of this.#parsed.keys()) if (!kept.has(text)) this.#parsed.delete(text);
  }
}

/** Targets of one node whose turn it is, as many as may be probed beside those that are. */
function dueOf(targets: ReadonlyMap<string, Target>, nowMs: number): readonly Target[] {
  let left = PROBES_PER_NODE_MAX;
  const due: Target[] = [];
  for (const target of targets.values()) {
    if (target.isPending) left--;
    else if (nowMs >= target.dueMs) due.push(target);
  }
  if (due.length <= left) return due;
  // Those that wait for the longest, or those in front would take every turn.
  return due.sort((a, b) => a.dueMs - b.dueMs).slice(0, Math.max(0, left));
}
