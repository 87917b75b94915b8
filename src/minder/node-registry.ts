/**
 * The minder's view of the nodes: who has enrolled, by the state, and how each is, by its heartbeats.
 *
 * A node is `joining` and `healthy` as it says itself. `unreachable` is what we say: of one that has
 * not been heard for a while (`silent`), and of one whose clock is far off ours (`clock`), since the
 * newest word about a peer could not be told from an old one.
 */
import type { ClusterView, LinkView, NodeState, NodeView } from '../admin/cluster-view.js';
import type { Clock } from '../lib/clock.js';
import { SecondBudget } from '../lib/second-budget.js';
import { decodeHeartbeat, type Heartbeat } from '../protocol/cluster/heartbeat.js';
import type { ControlRecord } from './control-record.js';
import type { ControlState } from './control-state.js';

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
/** A message that lay about makes a clock look slow, so the middle of a few decides. */
const OFFSETS_KEPT = 5;
/** Of one node: it sends one, and what was held up on the way may come at once. */
const HEARTBEATS_PER_SECOND_MAX = 20;

interface Live {
  heartbeat: Heartbeat;
  heardSeconds: number;
  /** Their clock less ours, the newest last. */
  offsetsMs: number[];
  /** Records a second that it sent between its last two heartbeats. */
  rate: number;
}

export class NodeRegistry {
  /** Heartbeats that were not taken, by reason. */
  readonly counters = { heartbeats: 0, strangers: 0, revoked: 0, unreadable: 0, tooMany: 0 };
  readonly #clockOffsetMaxMs: number;
  readonly #silentSeconds: number;
  readonly #self: SelfDescription;
  readonly #state: ControlState;
  readonly #clock: Clock;
  /** Only of nodes that have enrolled, so no larger than their number. */
  readonly #live = new Map<string, Live>();
  /** Heartbeats that each node may have read in this second, likewise. */
  readonly #budgets = new Map<string, SecondBudget>();
  readonly #startSeconds: number;

  constructor(
    { clockOffsetMaxMs, silentSeconds = SILENT_SECONDS }: NodeRegistryOptions,
    { self, state, clock }: { self: SelfDescription; state: ControlState; clock: Clock },
  ) {
    this.#clockOffsetMaxMs = clockOffsetMaxMs;
    this.#silentSeconds = silentSeconds;
    this.#self = self;
    this.#state = state;
    this.#clock = clock;
    this.#startSeconds = clock.monotonicSeconds();
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
    const old = this.#live.get(nodeId);
    const offsets = [...(old?.offsetsMs ?? []), heartbeat.wallMs - this.#clock.wallMs()];
    this.#live.set(nodeId, {
      heartbeat,
      heardSeconds: this.#clock.monotonicSeconds(),
      offsetsMs: offsets.slice(-OFFSETS_KEPT),
      rate: old === undefined ? 0 : rateBetween(old.heartbeat, heartbeat),
    });
  }

  /** Forgets what heartbeats said of nodes that are gone from the state. */
  sweep(): void {
    for (const heard of [this.#live, this.#budgets]) {
      for (const id of heard.keys()) {
        if (this.#state.get('node', id) === undefined) heard.delete(id);
      }
    }
  }

  /** This minder first, then the nodes by name. */
  nodes(): NodeView[] {
    const lags = this.#lags();
    const nodes = this.#state.list('node').map(([id, record]) => this.#view(id, record, lags));
    nodes.sort((a, b) => (a.name === b.name ? order(a.id, b.id) : order(a.name, b.name)));
    return [this.#selfView(), ...nodes];
  }

  /** How many nodes there are in each state, this minder included. */
  counts(): Record<NodeState, number> {
    const counts = { joining: 0, healthy: 0, draining: 0, unreachable: 0, revoked: 0 };
    for (const { state } of this.nodes()) counts[state]++;
    return counts;
  }

  links(): LinkView[] {
    const links: LinkView[] = [];
    for (const [to, live] of this.#live) {
      if (this.#isSilent(live)) continue;
      for (const [from, , lagMs] of live.heartbeat.links) {
        const sender = this.#live.get(from);
        if (sender === undefined || this.#isSilent(sender)) continue;
        links.push({ from, to, recordsPerSecond: sender.rate, lagMs });
      }
    }
    return links;
  }

  view(busConnected: boolean, counters: Readonly<Record<string, number>>): ClusterView {
    const { minderId: self } = this.#state;
    return { self, busConnected, nodes: this.nodes(), links: this.links(), counters };
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
      version: record.software,
      ...this.#condition(id, live),
      addresses: beat?.addresses ?? [],
      lagMs: lags.get(id) ?? null,
      recordsIn: beat?.counters.recordsIn ?? 0,
      recordsOut: beat?.counters.recordsOut ?? 0,
      gaps: beat?.counters.gaps ?? 0,
      clockOffsetMs: live === undefined ? null : median(live.offsetsMs),
      lastHeartbeatMs: live === undefined ? null : 1000 * (seconds - live.heardSeconds),
      digest: beat?.root ?? null,
      peers: beat?.peers ?? 0,
      swarms: beat?.swarms ?? 0,
    };
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
    if (this.#isSilent(live)) return { state: 'unreachable', reason: 'silent' };
    if (Math.abs(median(live.offsetsMs)) > this.#clockOffsetMaxMs) {
      return { state: 'unreachable', reason: 'clock' };
    }
    const { state, reason } = live.heartbeat;
    // Nobody revokes itself.
    if (state === 'revoked') return { state: 'joining', reason: null };
    return { state, reason: reason === '' ? null : reason };
  }

  #selfView(): NodeView {
    const { name, software, addresses } = this.#self;
    return {
      id: this.#state.minderId,
      name,
      role: 'minder',
      version: software,
      state: 'healthy',
      reason: null,
      addresses,
      lagMs: null,
      recordsIn: 0,
      recordsOut: 0,
      gaps: 0,
      clockOffsetMs: 0,
      lastHeartbeatMs: 0,
      digest: null,
      peers: 0,
      swarms: 0,
    };
  }

  /** The longest that any node waited for the last batch of each. */
  #lags(): Map<string, number> {
    const worst = new Map<string, number>();
    for (const live of this.#live.values()) {
      if (this.#isSilent(live)) continue;
      for (const [from, , lagMs] of live.heartbeat.links) {
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

  #isSilent({ heardSeconds }: Live): boolean {
    return this.#clock.monotonicSeconds() - heardSeconds > this.#silentSeconds;
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
