/**
 * The minder's view of the nodes: who has enrolled, by the state, and how each is, by its heartbeats.
 *
 * A node is `joining` and `healthy` as it says itself, and `unreachable` when it says that it ends
 * (`stopped`). Otherwise `unreachable` is what we say: of one that has not been heard for a while
 * (`silent`), and of one whose clock is far off ours (`clock`), since the newest word about a peer could
 * not be told from an old one. A tracker that the operator drains is `draining` whatever else it says.
 * Probes add what they found (`judgeBy`).
 */
import {
  type ClusterView,
  type LinkView,
  type NodeState,
  type NodeView,
  UNKNOWN_NODE,
} from '../admin/cluster-view.js';
import type { Clock } from '../lib/clock.js';
import type { LogSink } from '../lib/log-sink.js';
import { SecondBudget } from '../lib/second-budget.js';
import {
  decodeHeartbeat,
  HEARTBEATS_PER_SECOND_MAX,
  type Heartbeat,
  isStopped,
  STOPPED,
  wholeRoot,
} from '../protocol/cluster/heartbeat.js';
import type { ControlRecord } from './control-record.js';
import type { ControlState } from './control-state.js';
import { type NodeFacts, type NodeVerdict, probeViews } from './health.js';
import { ServiceMeter } from './service-meter.js';

export interface NodeRegistryOptions {
  /** How far a node's clock may be off ours. */
  readonly clockOffsetMaxMs: number;
  /** Without a heartbeat for longer, a node is `unreachable`. Default 5 s. */
  readonly silentSeconds?: number;
}

/** What is known of this minder itself. */
export interface SelfDescription {
  readonly name: string;
  readonly software: string;
  readonly addresses: readonly string[];
}

const SILENT_SECONDS = 5;
/**
 * A message that lay about makes a clock look slow, so the middle of a few decides; of those that come
 * in one second, since what a frozen bus held back comes all at once, the one that was fastest.
 */
const OFFSETS_KEPT = 5;

/** What a process that has ended said last may come so late, by its own clock. */
const LEFT_OVER_MS = 2_000;
/** Lines about a node that runs twice: one in so long. */
const TWICE_SECONDS = 60;

/** Whoever judges trackers by more than heartbeats. */
export interface NodeJudge {
  /** Undefined for a node that is not judged: what heartbeats say counts. */
  verdict(nodeId: string): NodeVerdict | undefined;
}

interface Live {
  heartbeat: Heartbeat;
  heardSeconds: number;
  /** Their clock less ours, one for each second in which they were heard, the newest last. */
  offsetsMs: number[];
  /** Records a second that it sent between its last two heartbeats. */
  rate: number;
  /** When it was last said that it runs twice. */
  twiceSeconds: number;
}

export class NodeRegistry {
  /** Heartbeats that were not taken, by reason. */
  readonly counters = { heartbeats: 0, strangers: 0, revoked: 0, unreadable: 0, tooMany: 0 };
  /** How trackers serve their clients. */
  readonly service = new ServiceMeter();
  readonly #clockOffsetMaxMs: number;
  readonly #silentSeconds: number;
  readonly #self: SelfDescription;
  readonly #state: ControlState;
  readonly #clock: Clock;
  readonly #log: LogSink | undefined;
  /** Only of nodes that have enrolled, so no larger than their number. */
  readonly #live = new Map<string, Live>();
  /** Heartbeats that each node may have read in this second, likewise. */
  readonly #budgets = new Map<string, SecondBudget>();
  readonly #startSeconds: number;
  #judge: NodeJudge | undefined;

  constructor(
    { clockOffsetMaxMs, silentSeconds = SILENT_SECONDS }: NodeRegistryOptions,
    {
      self,
      state,
      clock,
      log,
    }: {
      self: SelfDescription;
      state: ControlState;
      clock: Clock;
      /** Told of nodes that run twice. */
      log?: LogSink;
    },
  ) {
    this.#clockOffsetMaxMs = clockOffsetMaxMs;
    this.#silentSeconds = silentSeconds;
    this.#self = self;
    this.#state = state;
    this.#clock = clock;
    this.#log = log;
    this.#startSeconds = clock.monotonicSeconds();
  }

  /** From now on shows these verdicts. */
  judgeBy(judge: NodeJudge): void {
    this.#judge = judge;
  }

  /** All trackers as state and heartbeats have them, without any verdict. */
  facts(): NodeFacts[] {
    return this.#state
      .list('node')
      .filter(([, { role }]) => role === 'tracker')
      .map(([id, { name }]) => {
        const live = this.#live.get(id);
        const addresses = live?.heartbeat.addresses ?? [];
        const isDraining = this.#isDrained(id) || live?.heartbeat.state === 'draining';
        return { id, name, ...this.#condition(id, live), isDraining, addresses };
      });
  }

  /**
   * Whether a tracker can answer challenges. Those of the version before ours cannot, and say no
   * version in their heartbeats: probed in vain they would wait for minutes when they are upgraded.
   */
  canProve(id: string): boolean {
    return this.#live.get(id)?.heartbeat.software !== undefined;
  }

  /** Bytes came on the subject for heartbeats of the node `nodeId`. */
  hear(nodeId: string, payload: Uint8Array): void {
    if (nodeId === this.#state.minderId) return;
    if (this.#state.get('node', nodeId) === undefined) {
      this.counters.strangers++;
      return;
    }
    if (!this.#mayBeRead(nodeId)) {
      this.counters.tooMany++;
      return;
    }
    const heartbeat = decodeHeartbeat(payload);
    if (typeof heartbeat === 'object') this.note(nodeId, heartbeat);
    else this.counters.unreadable++;
  }

  /** A heartbeat came on the subject of the node `nodeId`. */
  note(nodeId: string, heartbeat: Heartbeat): void {
    // The bus brings our own back to us.
    if (nodeId === this.#state.minderId) return;
    const known = this.#state.get('node', nodeId);
    if (known === undefined || heartbeat.id !== nodeId || heartbeat.role !== known.role) {
      this.counters.strangers++;
      return;
    }
    if (this.#state.get('revocation', nodeId) !== undefined) {
      this.counters.revoked++;
      return;
    }
    this.counters.heartbeats++;
    this.service.note(nodeId, heartbeat, this.#clock.monotonicSeconds());
    const old = this.#live.get(nodeId);
    const heardSeconds = this.#clock.monotonicSeconds();
    const offsets = [...(old?.offsetsMs ?? [])];
    const offsetMs = heartbeat.wallMs - this.#clock.wallMs();
    if (old?.heardSeconds === heardSeconds)
      offsets.push(Math.max(offsets.pop() ?? offsetMs, offsetMs));
    else offsets.push(offsetMs);
    this.#live.set(nodeId, {
      heartbeat,
      heardSeconds,
      offsetsMs: offsets.slice(-OFFSETS_KEPT),
      rate: old === undefined ? 0 : rateBetween(old.heartbeat, heartbeat),
      twiceSeconds: this.#lookForTwin(old, heartbeat),
    });
  }

  /**
   * Says when a node runs twice, as after a restored back-up or a copied data directory: a process that
   * began earlier goes on speaking. Returns when that was last said.
   */
  #lookForTwin(old: Live | undefined, { id, name, role, epoch, wallMs }: Heartbeat): number {
    if (old === undefined) return Number.NEGATIVE_INFINITY;
    const { heartbeat: last, twiceSeconds } = old;
    const isTwin = epoch < last.epoch && wallMs > last.epoch + LEFT_OVER_MS;
    const seconds = this.#clock.monotonicSeconds();
    if (!isTwin || seconds - twiceSeconds < TWICE_SECONDS) return twiceSeconds;
    this.#log?.log('error', `a ${role} runs twice, restored or copied: stop one of the two`, {
      node: id,
      nodeName: name,
      started: new Date(epoch).toISOString(),
      otherStarted: new Date(last.epoch).toISOString(),
    });
    return seconds;
  }

  /** Forgets what heartbeats said of nodes that are gone from the state. */
  sweep(): void {
    this.service.sweep((id) => this.#state.get('node', id) !== undefined);
    for (const heard of [this.#live, this.#budgets]) {
      for (const id of heard.keys()) {
        if (this.#state.get('node', id) === undefined) heard.delete(id);
      }
    }
  }

  /** This minder first, then the nodes by name. */
  nodes(): NodeView[] {
    const lags = this.#lags();
    const { minderId } = this.#state;
    const nodes = this.#state
      .list('node')
      .filter(([id]) => id !== minderId)
      .map(([id, record]) => this.#view(id, record, lags));
    nodes.sort((a, b) => (a.name === b.name ? order(a.id, b.id) : order(a.name, b.name)));
    return [this.#selfView(), ...nodes];
  }

  /** How many nodes there are in each state, this minder included. */
  counts(): Record<NodeState, number> {
    const { minderId } = this.#state;
    const counts = { joining: 0, healthy: 1, draining: 0, unreachable: 0, revoked: 0 };
    for (const [id] of this.#state.list('node')) {
      if (id !== minderId) counts[this.#shown(id, this.#live.get(id)).state]++;
    }
    return counts;
  }

  links(): LinkView[] {
    const links: LinkView[] = [];
    const heard = new Map([...this.#live].filter(([id, live]) => this.#isThere(id, live)));
    for (const [to, live] of heard) {
      for (const [from, , lagMs] of live.heartbeat.links) {
        const sender = heard.get(from);
        if (sender === undefined) continue;
        links.push({ from, to, recordsPerSecond: sender.rate, lagMs });
      }
    }
    return links;
  }

  view(busConnected: boolean, counters: Readonly<Record<string, number>>): ClusterView {
    const { minderId: self } = this.#state;
    return { self, busConnected, nodes: this.nodes(), links: this.links(), counters };
  }

  /** This minder's own id. */
  get self(): string {
    return this.#state.minderId;
  }

  /** Nodes that an operator means by an id, or by a name that is not given twice. */
  find(idOrName: string): string[] {
    if (this.#state.get('node', idOrName) !== undefined) return [idOrName];
    return this.#state
      .list('node')
      .filter(([id, { name }]) => name === idOrName && !this.#isRevoked(id))
      .map(([id]) => id);
  }

  #view(id: string, record: ControlRecord<'node'>, lags: ReadonlyMap<string, number>): NodeView {
    const live = this.#live.get(id);
    const seconds = this.#clock.monotonicSeconds();
    const beat = live?.heartbeat;
    return {
      id,
      name: record.name,
      role: record.role,
      // A certificate outlives upgrades; nodes of the first version say it only when they get one.
      version: beat?.software ?? record.software,
      ...this.#shown(id, live),
      addresses: beat?.addresses ?? [],
      lagMs: lags.get(id) ?? null,
      recordsIn: beat?.counters.recordsIn ?? 0,
      recordsOut: beat?.counters.recordsOut ?? 0,
      gaps: beat?.counters.gaps ?? 0,
      clockOffsetMs: live === undefined ? null : median(live.offsetsMs),
      lastHeartbeatMs: live === undefined ? null : 1000 * (seconds - live.heardSeconds),
      digest: beat === undefined ? null : wholeRoot(beat),
      peers: beat?.peers ?? 0,
      swarms: beat?.swarms ?? 0,
      ...(record.role === 'tracker' ? this.service.view(id) : {}),
    };
  }

  /**
   * Its state, and what probes found. Verdicts come twice a second, so what the state or the heartbeats
   * say against a node since then counts.
   */
  #shown(id: string, live: Live | undefined): Pick<NodeView, 'state' | 'reason' | 'probes'> {
    const now = this.#condition(id, live);
    const verdict = this.#judge?.verdict(id);
    if (verdict === undefined) return now;
    const { state, reason } = verdict;
    const isProbed = state === 'unreachable' && (reason === 'probes' || reason === 'flapping');
    const isUp = now.state !== 'unreachable' && now.state !== 'revoked';
    return { ...(isProbed && isUp ? { state, reason } : now), probes: probeViews(verdict) };
  }

  #condition(id: string, live: Live | undefined): { state: NodeState; reason: string | null } {
    if (this.#isRevoked(id)) return { state: 'revoked', reason: null };
    if (live === undefined) {
      // After a start of ours everybody is quiet; what they are shows within seconds.
      const isEarly = this.#clock.monotonicSeconds() - this.#startSeconds <= this.#silentSeconds;
      return isEarly
        ? { state: 'joining', reason: null }
        : { state: 'unreachable', reason: 'silent' };
    }
    // That is why it is silent now, or will be.
    if (isStopped(live.heartbeat)) return STOPPED;
    if (this.#isSilent(live)) return { state: 'unreachable', reason: 'silent' };
    if (Math.abs(median(live.offsetsMs)) > this.#clockOffsetMaxMs) {
      return { state: 'unreachable', reason: 'clock' };
    }
    if (this.#isDrained(id)) return { state: 'draining', reason: 'operator' };
    const { state, reason } = live.heartbeat;
    // Nobody revokes itself.
    if (state === 'revoked') return { state: 'joining', reason: null };
    return { state, reason: reason === '' ? null : reason };
  }

  #selfView(): NodeView {
    const { name, software, addresses } = this.#self;
    return {
      ...UNKNOWN_NODE,
      id: this.#state.minderId,
      name,
      role: 'minder',
      version: software,
      state: 'healthy',
      addresses,
      clockOffsetMs: 0,
      lastHeartbeatMs: 0,
    };
  }

  /** The longest that any node waited for the last batch of each. */
  #lags(): Map<string, number> {
    const worst = new Map<string, number>();
    for (const [id, live] of this.#live) {
      if (!this.#isThere(id, live)) continue;
      for (const [from, , lagMs] of live.heartbeat.links) {
        if (this.#isRevoked(from)) continue;
        worst.set(from, Math.max(lagMs, worst.get(from) ?? 0));
      }
    }
    return worst;
  }

  /** Reading a heartbeat costs more than sending it. */
  #mayBeRead(nodeId: string): boolean {
    let budget = this.#budgets.get(nodeId);
    if (budget === undefined) {
      budget = new SecondBudget(HEARTBEATS_PER_SECOND_MAX);
      this.#budgets.set(nodeId, budget);
    }
    return budget.take(this.#clock.monotonicSeconds());
  }

  /** The others hear a revoked node no more, and what it said last says nothing of now. */
  #isThere(id: string, live: Live): boolean {
    return !this.#isSilent(live) && !this.#isRevoked(id);
  }

  #isSilent({ heardSeconds }: Live): boolean {
    return this.#clock.monotonicSeconds() - heardSeconds > this.#silentSeconds;
  }

  #isDrained(id: string): boolean {
    return this.#state.get('drain', id)?.draining === true;
  }

  #isRevoked(id: string): boolean {
    return this.#state.get('revocation', id) !== undefined;
  }
}

function rateBetween(before: Heartbeat, now: Heartbeat): number {
  const seconds = (now.wallMs - before.wallMs) / 1000;
  const records = (now.counters.recordsOut ?? 0) - (before.counters.recordsOut ?? 0);
  // A restart counts from zero again.
  if (now.epoch !== before.epoch || seconds <= 0 || records < 0) return 0;
  return Math.round(records / seconds);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
