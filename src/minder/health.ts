/**
 * Judges trackers and their endpoints by heartbeats and by what all minders' probes found.
 *
 * ```
 * endpoint   unverified   no minder has proven that it is the tracker's
 *            well         some minder reached it at its last probe or the one before
 *            dead         every minder that can tell failed twice in a row
 *            unknown      was well, but nothing can be reached by this protocol and family any more:
 *                         that says more about the minders
 * node       what its heartbeats say; `unreachable` with reason `probes` when no endpoint is left, and
 *            with reason `flapping` while it has to show that it stays
 * ```
 *
 * A minder can tell of a protocol and a family while it reaches anything by them. No clock and no
 * sockets here: reports come with their age.
 */
import type { NodeState, ProbeView } from '../admin/cluster-view.js';
import { isStopped } from '../protocol/cluster/heartbeat.js';
import { FlapDamper } from './flap-damper.js';
import type { ProbeEndpoint } from './probe-endpoint.js';
import type { EndpointReport } from './prober.js';

/** A tracker as its heartbeats show it. */
export interface NodeFacts {
  readonly id: string;
  readonly name: string;
  readonly state: NodeState;
  readonly reason: string | null;
  /** Clients are to leave it, whatever state it is in. */
  readonly isDraining: boolean;
  readonly addresses: readonly string[];
}

/** What one minder says, by node. */
export type MinderReports = ReadonlyMap<string, readonly EndpointReport[]>;

export interface EndpointVerdict {
  readonly endpoint: ProbeEndpoint;
  readonly state: ProbeView['state'];
  readonly rttMs: number | null;
  readonly error: string | null;
}

export interface NodeVerdict {
  readonly id: string;
  readonly name: string;
  readonly state: NodeState;
  readonly reason: string | null;
  readonly isDraining: boolean;
  readonly endpoints: readonly EndpointVerdict[];
}

export interface HealthOptions {
  readonly probeSeconds: number;
  readonly probeTimeoutMs: number;
  readonly flapSeconds: number;
}

/** Probes in a row that must fail: one packet may get lost. */
const FAILURES_DEAD = 2;
/** Attempts in a row after which an endpoint that was never proven is no hope for its node. */
const FAILURES_HOPELESS = 3;

/** How old a report may be that counts, and a success that shows that there is a way. */
export function reportLifeMs({
  probeSeconds,
  probeTimeoutMs,
}: Pick<HealthOptions, 'probeSeconds' | 'probeTimeoutMs'>): number {
  return 3_000 * probeSeconds + Math.max(5_000, 2 * probeTimeoutMs);
}

/** What one minder says of one endpoint, and whether it can tell. */
interface Vote {
  readonly report: EndpointReport;
  readonly canTell: boolean;
}

export class Health {
  readonly #lifeMs: number;
  readonly #damper: FlapDamper;
  #verdicts = new Map<string, NodeVerdict>();

  constructor(options: HealthOptions) {
    this.#lifeMs = reportLifeMs(options);
    this.#damper = new FlapDamper({ holdSeconds: options.flapSeconds });
  }

  /**
   * Judges everything anew; to be called twice a second. `reports`: of each minder, this one's first.
   * `endpoints` are those that this minder knows of a node, probed or not.
   */
  judge(
    nodes: readonly NodeFacts[],
    reports: readonly MinderReports[],
    endpoints: (nodeId: string) => readonly ProbeEndpoint[],
    nowMs: number,
  ): void {
    const ways = new Ways(reports, this.#lifeMs);
    const verdicts = new Map<string, NodeVerdict>();
    const keys = new Set<string>();
    for (const facts of nodes) {
      const votes = new Map<string, { endpoint: ProbeEndpoint; votes: Vote[] }>();
      for (const endpoint of endpoints(facts.id)) votes.set(endpoint.url, { endpoint, votes: [] });
      reports.forEach((byNode, minder) => {
        for (const report of byNode.get(facts.id) ?? []) {
          const { endpoint } = report;
          const known = votes.get(endpoint.url) ?? { endpoint, votes: [] };
          votes.set(endpoint.url, known);
          known.votes.push({ report, canTell: ways.isOpenTo(minder, endpoint) });
        }
      });
      const judged: EndpointVerdict[] = [];
      let hopeless = 0;
      for (const { endpoint, votes: heard } of votes.values()) {
        const key = `${facts.id} ${endpoint.url}`;
        keys.add(key);
        const verdict = this.#judgeEndpoint(facts.id, endpoint, heard, ways);
        const isHeld = this.#damper.note(key, counts(verdict.state), nowMs);
        judged.push(isHeld ? { ...verdict, state: 'dead', error: 'flapping' } : verdict);
        if (isHeld || verdict.state === 'dead' || isHopeless(heard, verdict)) hopeless++;
      }
      keys.add(facts.id);
      const isDead = judged.length > 0 && hopeless === judged.length;
      verdicts.set(facts.id, this.#judgeNode(facts, judged, isDead, nowMs));
    }
    this.#damper.keep(keys);
    this.#verdicts = verdicts;
  }

  /** Undefined for a node that was not judged. */
  verdict(nodeId: string): NodeVerdict | undefined {
    return this.#verdicts.get(nodeId);
  }

  verdicts(): NodeVerdict[] {
    return [...this.#verdicts.values()];
  }

  #judgeEndpoint(
    nodeId: string,
    endpoint: ProbeEndpoint,
    votes: readonly Vote[],
    ways: Ways,
  ): EndpointVerdict {
    const fresh = votes.filter(({ report }) => report.ageMs <= this.#lifeMs);
    const well = fresh.find(({ report }) => isWell(report, this.#lifeMs));
    const told = (well ?? fresh[0] ?? votes[0])?.report;
    const details = {
      endpoint,
      rttMs: told?.rttMs === undefined ? null : Math.round(told.rttMs * 10) / 10,
      error: told?.error ?? null,
    };
    if (well !== undefined) return { ...details, state: 'well' };
    const okAgesMs = votes.flatMap(({ report }) => report.okAgeMs ?? []);
    if (okAgesMs.length === 0) return { ...details, state: 'unverified' };
    const last = this.#last(nodeId, endpoint.url);
    const isDead = fresh.some(({ report, canTell }) => canTell && report.failures >= FAILURES_DEAD);
    if (isDead) return { ...details, state: 'dead' };
    if (ways.isOpen(endpoint)) {
      // Nobody who can tell has looked lately.
      return { ...details, state: last === 'dead' || last === 'unverified' ? last : 'well' };
    }
    // It went when everything went; one that had gone before is as dead as it was.
    const wentLast = Math.min(...okAgesMs) <= ways.lastOkAgeMs(endpoint) + this.#lifeMs;
    return { ...details, state: wentLast || last !== 'dead' ? 'unknown' : 'dead' };
  }

  #judgeNode(
    { addresses: _, ...facts }: NodeFacts,
    endpoints: readonly EndpointVerdict[],
    isDead: boolean,
    nowMs: number,
  ): NodeVerdict {
    if (facts.state === 'revoked') return { ...facts, endpoints: [] };
    const isAway = facts.state === 'unreachable';
    // Who ends in order has not fallen: a few restarts in a row are no sign of anything.
    const hasFallen = (isAway || isDead) && !isStopped(facts);
    const isHeld = this.#damper.note(facts.id, !hasFallen, nowMs);
    if (isAway || (!isDead && !isHeld)) return { ...facts, endpoints };
    return { ...facts, state: 'unreachable', reason: isDead ? 'probes' : 'flapping', endpoints };
  }

  #last(nodeId: string, url: string): ProbeView['state'] | undefined {
    return this.#verdicts.get(nodeId)?.endpoints.find(({ endpoint }) => endpoint.url === url)
      ?.state;
  }
}

/** Whether an endpoint in this state may be published. */
export function counts(state: ProbeView['state']): boolean {
  return state === 'well' || state === 'unknown';
}

/** Shown in `/api/v1/cluster`. */
export function probeViews({ endpoints }: NodeVerdict): ProbeView[] {
  return endpoints.map(({ endpoint, state, rttMs, error }) => ({
    address: endpoint.url,
    state,
    rttMs,
    error,
  }));
}

function isWell({ okAgeMs, failures }: EndpointReport, lifeMs: number): boolean {
  return okAgeMs !== undefined && okAgeMs <= lifeMs && failures < FAILURES_DEAD;
}

function isHopeless(votes: readonly Vote[], { state }: EndpointVerdict): boolean {
  if (state !== 'unverified') return false;
  return votes.some(({ report, canTell }) => canTell && report.failures >= FAILURES_HOPELESS);
}

/** Which minder reaches anything at all by which protocol and family. */
class Ways {
  /** By minder: the ways that are open to it. */
  readonly #open: Set<string>[];
  readonly #lastOkAgesMs = new Map<string, number>();

  constructor(reports: readonly MinderReports[], lifeMs: number) {
    this.#open = reports.map((byNode) => {
      const open = new Set<string>();
      for (const report of [...byNode.values()].flat()) {
        const way = wayOf(report.endpoint);
        if (report.ageMs <= lifeMs && isWell(report, lifeMs)) open.add(way);
        const okAgeMs = report.okAgeMs ?? Number.POSITIVE_INFINITY;
        this.#lastOkAgesMs.set(way, Math.min(okAgeMs, this.#lastOkAgesMs.get(way) ?? okAgeMs));
      }
      return open;
    });
  }

  isOpenTo(minder: number, endpoint: ProbeEndpoint): boolean {
    return this.#open[minder].has(wayOf(endpoint));
  }

  isOpen(endpoint: ProbeEndpoint): boolean {
    return this.#open.some((open) => open.has(wayOf(endpoint)));
  }

  /** Since anybody reached anything by this way. */
  lastOkAgeMs(endpoint: ProbeEndpoint): number {
    return this.#lastOkAgesMs.get(wayOf(endpoint)) ?? Number.POSITIVE_INFINITY;
  }
}

function wayOf({ protocol, family }: ProbeEndpoint): string {
  return `${protocol}${family}`;
}
