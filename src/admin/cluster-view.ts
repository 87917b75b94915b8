/** What `/api/v1/cluster` shows: the cluster as one node sees it. */

/**
 * `joining`: not yet caught up. `unreachable` comes with a reason: `stopped` (it said that it ends),
 * `silent`, `clock`; and where a minder looks, `probes` (none of its addresses answers) and `flapping`
 * (it came and went, and must stay).
 */
export type NodeState = 'joining' | 'healthy' | 'draining' | 'unreachable' | 'revoked';

/** What a minder's probes found at one address of a tracker. */
export interface ProbeView {
  /** URL with an IP address. */
  readonly address: string;
  /**
   * `unverified`: nobody has proven that it is the tracker's. `unknown`: nothing can be reached by its
   * protocol and family, so it says nothing.
   */
  readonly state: 'unverified' | 'well' | 'dead' | 'unknown';
  readonly rttMs: number | null;
  /** In a word. */
  readonly error: string | null;
}

export interface NodeView {
  readonly id: string;
  readonly name: string;
  readonly role: 'tracker' | 'minder';
  readonly version: string;
  readonly state: NodeState;
  /** Why it is in that state, in a word; null where there is nothing to say. */
  readonly reason: string | null;
  /** Where clients reach it, as URLs. */
  readonly addresses: readonly string[];
  /** Of a tracker, as a minder sees it. */
  readonly probes?: readonly ProbeView[];
  /** How old its changes are when they get here: half of them are younger; null when none came. */
  readonly lagMs: number | null;
  /** The same for 99 of 100. */
  readonly lagP99Ms?: number | null;
  /** Records heard from it and applied, and records that it says it sent. */
  readonly recordsIn: number;
  readonly recordsOut: number;
  /** Times that batches of it were missing. */
  readonly gaps: number;
  /** Its clock less ours; null while unknown. */
  readonly clockOffsetMs: number | null;
  /** Milliseconds since its last heartbeat; null when none came. */
  readonly lastHeartbeatMs: number | null;
  /** Its digest, 16 hexadecimal digits; null where it has none. */
  readonly digest: string | null;
  readonly peers: number;
  readonly swarms: number;
  /** Of a tracker, as minders see it: requests of its clients, and the interval that they are told. */
  readonly requestsPerSecond?: number | null;
  readonly intervalSeconds?: number | null;
}

/** A node of which nothing but its state is known. */
export const UNKNOWN_NODE = {
  role: 'tracker',
  version: '',
  reason: null,
  addresses: [],
  lagMs: null,
  recordsIn: 0,
  recordsOut: 0,
  gaps: 0,
  clockOffsetMs: null,
  lastHeartbeatMs: null,
  digest: null,
  peers: 0,
  swarms: 0,
} as const satisfies Omit<NodeView, 'id' | 'name' | 'state'>;

/** What flows from one node to another. */
export interface LinkView {
  readonly from: string;
  readonly to: string;
  readonly recordsPerSecond: number;
  readonly lagMs: number | null;
}

export interface ClusterView {
  /** This node's id; empty for a tracker that stands alone. */
  readonly self: string;
  /** Whether messages reach the bus; null for a tracker that stands alone. */
  readonly busConnected: boolean | null;
  /** This node first. */
  readonly nodes: readonly NodeView[];
  readonly links: readonly LinkView[];
  /** What replication or the minder refused, dropped and repaired, by name in snake case. */
  readonly counters: Readonly<Record<string, number>>;
}
