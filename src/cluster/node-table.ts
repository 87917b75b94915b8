/** The other nodes of the cluster, at most so many. */
import type { Hearing } from './hearing.js';
import { RemoteNode } from './remote-node.js';
import type { ReplicationContext } from './replication-context.js';

export class NodeTable {
  readonly #context: ReplicationContext;
  readonly #hearing: Hearing;
  readonly #nodes = new Map<string, RemoteNode>();

  constructor(context: ReplicationContext, { hearing }: { readonly hearing: Hearing }) {
    this.#context = context;
    this.#hearing = hearing;
  }

  get(id: string): RemoteNode | undefined {
    return this.#nodes.get(id);
  }

  values(): IterableIterator<RemoteNode> {
    return this.#nodes.values();
  }

  /** The node, new when it was not known; undefined for a revoked one and when there is no room. */
  hear(id: string): RemoteNode | undefined {
    const { options, tally, revoked, nowMs } = this.#context;
    if (revoked.has(id)) {
      tally.refusedRevoked++;
      return undefined;
    }
    let node = this.#nodes.get(id);
    if (node === undefined) {
      if (this.#nodes.size >= options.nodesMax && !this.#makeRoom()) {
        tally.nodesRefused++;
        return undefined;
      }
      node = new RemoteNode(id, { nowMs });
      this.#nodes.set(id, node);
    }
    node.heardMs = nowMs;
    return node;
  }

  forget(id: string): void {
    this.#nodes.delete(id);
  }

  /** Forgets nodes that have been silent for long, while they could have been heard. */
  expire(): void {
    const { forgetMs } = this.#context.options;
    for (const node of this.#nodes.values()) {
      if (this.#hearing.silenceMs(node.heardMs) > forgetMs) this.#nodes.delete(node.id);
    }
  }

  /** Trackers that were heard of lately: whom one can ask. */
  *trackers(): IterableIterator<RemoteNode> {
    const { options, nowMs } = this.#context;
    for (const node of this.#nodes.values()) {
      if (node.heartbeat === undefined || !node.isTracker) continue;
      if (!node.isSilent(nowMs, options.silentMs)) yield node;
    }
  }

  #makeRoom(): boolean {
    const { options, nowMs } = this.#context;
    let longest: RemoteNode | undefined;
    for (const node of this.#nodes.values()) {
      if (nowMs - node.heardMs <= options.silentMs) continue;
      if (longest === undefined || node.heardMs < longest.heardMs) longest = node;
    }
    return longest !== undefined && this.#nodes.delete(longest.id);
  }
}
