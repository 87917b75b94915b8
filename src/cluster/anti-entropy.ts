/**
 * Decides when this node compares what it holds with whom, and first of all from whom it learns when
 * it joins. One conversation at a time.
 *
 * A comparison is due when roots differ while nobody publishes; when a gap could not be mended
 * exactly; and every minute or so in any case, since under load roots differ all the time. A node
 * with which nothing could be mended is left alone for longer and longer: replicas forget a peer that
 * went silent at different times, and that is no reason to talk.
 */
import type { DigestReader } from '../swarm/digest.js';
import type { NodeTable } from './node-table.js';
import type { RemoteNode } from './remote-node.js';
import { RepairSession, SessionEnd } from './repair-session.js';
import type { ReplicationContext } from './replication-context.js';
import type { WalkRequester } from './walk-requester.js';

export interface AntiEntropyDependencies {
  readonly nodes: NodeTable;
  readonly requester: WalkRequester;
  readonly digest: DigestReader;
}

export class AntiEntropy {
  /** This node has taken what another one held, or is the first. */
  isJoined = false;
  readonly #context: ReplicationContext;
  readonly #nodes: NodeTable;
  readonly #dependencies: AntiEntropyDependencies;
  #session: RepairSession | undefined;
  /** Since when the bus is there, and a tracker on it; undefined while not. */
  #connectedMs: number | undefined;
  #companyMs: number | undefined;

  constructor(context: ReplicationContext, dependencies: AntiEntropyDependencies) {
    this.#context = context;
    this.#nodes = dependencies.nodes;
    this.#dependencies = dependencies;
  }

  /** A heartbeat came: `isEqual` when its root is ours. */
  heard(node: RemoteNode, isEqual: boolean): void {
    if (isEqual) {
      node.differsSinceMs = undefined;
      node.backoffMs = 0;
    } else node.differsSinceMs ??= this.#context.nowMs;
  }

  /** The conversation with a node, if there is one. */
  sessionWith(id: string): RepairSession | undefined {
    return this.#session?.donor === id ? this.#session : undefined;
  }

  /** The node is gone: whatever was going on with it has failed. */
  abandon(id: string): void {
    this.sessionWith(id)?.abandon();
  }

  /** Goes on; `isQuiet` when this node publishes nothing. Returns whether it could at once. */
  step(peers: number, isQuiet: boolean): boolean {
    const { means, nowMs } = this.#context;
    if (!means.transport.connected) {
      this.#connectedMs = undefined;
      this.#companyMs = undefined;
    } else this.#connectedMs ??= nowMs;
    if (this.#session !== undefined) return this.#session.step(peers);
    if (this.#connectedMs === undefined) return false;
    if (!this.isJoined) this.#join();
    else this.#compare(isQuiet);
    return this.#session !== undefined;
  }

  #join(): void {
    const { options, nowMs } = this.#context;
    let donor: RemoteNode | undefined;
    let hasCompany = false;
    for (const node of this.#nodes.trackers()) {
      hasCompany = true;
      if (nowMs < node.busyUntilMs) continue;
      if (donor === undefined || rankOf(node) > rankOf(donor)) donor = node;
    }
    if (!hasCompany) {
      if (nowMs - this.#connectedMs! >= options.aloneMs) this.isJoined = true;
      return;
    }
    this.#companyMs ??= nowMs;
    if (donor === undefined) return;
    const isPatient = nowMs - this.#companyMs < options.donorPatienceMs;
    // A tracker that joins itself may have little to tell.
    if (donor.heartbeat?.state === 'joining' && isPatient) return;
    this.#begin(donor, 'join');
  }

  #compare(isQuiet: boolean): void {
    const { nowMs } = this.#context;
    let next: RemoteNode | undefined;
    for (const node of this.#nodes.trackers()) {
      if (nowMs < node.compareAfterMs || !this.#isDue(node, isQuiet)) continue;
      if (next === undefined || node.comparedMs < next.comparedMs) next = node;
    }
    if (next !== undefined) this.#begin(next, 'mend');
  }

  #isDue(node: RemoteNode, isQuiet: boolean): boolean {
    const { options, nowMs } = this.#context;
    const { heartbeat, differsSinceMs } = node;
    // It will ask us, or somebody, for everything.
    if (heartbeat === undefined || heartbeat.state === 'joining') return false;
    if (node.isCompareDue) return true;
    if (differsSinceMs === undefined) return false;
    if (nowMs - node.comparedMs >= options.compareMs) return true;
    if (!isQuiet || !node.isQuiet || !node.stream.isComplete) return false;
    // One of the two is enough, and the other begins when that one does not.
    const turns = options.id < node.id ? 1 : 2;
    return nowMs - differsSinceMs >= turns * options.settleMs;
  }

  #begin(node: RemoteNode, goal: 'join' | 'mend'): void {
    node.comparedMs = this.#context.nowMs;
    node.isCompareDue = false;
    this.#session = new RepairSession(this.#context, this.#dependencies, {
      donor: node.id,
      goal,
      families: node.families,
      walked: () => {
        if (goal === 'join') this.isJoined = true;
      },
      ended: (end, changed, retryMs) => this.#ended(node, end, changed, retryMs),
    });
  }

  #ended(node: RemoteNode, end: SessionEnd, changed: boolean, retryMs: number): void {
    const { options, means, nowMs } = this.#context;
    this.#session = undefined;
    // So that two who began at once do not again.
    const jitter = means.random.below(options.settleMs);
    let pause = options.settleMs;
    if (end === SessionEnd.busy || end === SessionEnd.failed) {
      pause = Math.max(retryMs, options.resendTimeoutMs);
      node.busyUntilMs = nowMs + pause + jitter;
    } else if (end === SessionEnd.mended && !changed) {
      node.backoffMs = Math.min(
        options.backoffMsMax,
        Math.max(options.settleMs, 2 * node.backoffMs),
      );
      pause = node.backoffMs;
    }
    node.compareAfterMs = nowMs + pause + jitter;
    if (node.differsSinceMs !== undefined) node.differsSinceMs = nowMs;
  }
}

/** Whom to learn from: rather a healthy tracker than one that joins, rather one that holds more. */
function rankOf({ heartbeat }: RemoteNode): number {
  if (heartbeat === undefined) return -1;
  const isWhole = heartbeat.state === 'healthy' || heartbeat.state === 'draining';
  return (isWhole ? 2 ** 50 : 0) + heartbeat.peers;
}
