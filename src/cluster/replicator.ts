/**
 * Keeps this tracker's store the same as those of the others: tells what it hears from clients,
 * applies what the others tell, and mends what got lost between them.
 *
 * ```
 * change rings -> publisher -> bus -> batch receiver -> inbox -> word applier -> store
 *                                     gap repair, walks, comparison of digests -^
 * ```
 *
 * All of it is synchronous and runs when it is called: the bus calls with messages, and whoever owns
 * it calls `tick` every few milliseconds. It has no timer, reads no clock but the one it is given, and
 * so does in the simulation exactly what it does in a cluster. The work of one tick is bounded.
 */
import type { ClusterView } from '../admin/cluster-view.js';
import { STOPPED } from '../protocol/cluster/heartbeat.js';
import { isNodeId } from '../protocol/cluster/node-id.js';
import { DigestReader } from '../swarm/digest.js';
import { originRemoval, type PeerRemoval } from '../swarm/peer-removal.js';
import { AntiEntropy } from './anti-entropy.js';
import { BatchReceiver } from './batch-receiver.js';
import { BatchResender } from './batch-resender.js';
import { ClockCorrection } from './clock-correction.js';
import { viewCluster } from './cluster-view.js';
import { CountGossip } from './count-gossip.js';
import { Dialogues } from './dialogues.js';
import { DownloadLedger } from './download-ledger.js';
import { GapRepair } from './gap-repair.js';
import { Hearing } from './hearing.js';
import { Heartbeats, type OwnState } from './heartbeats.js';
import { Inbox } from './inbox.js';
import { NodeTable } from './node-table.js';
import { Publisher } from './publisher.js';
import { RepairPost } from './repair-post.js';
import { ReplicationContext } from './replication-context.js';
import type { ReplicationTally } from './replication-tally.js';
import type { ReplicatorDependencies, ReplicatorOptions } from './replicator-options.js';
import { StopsReply } from './stops-reply.js';
import { WalkDonor } from './walk-donor.js';
import { WalkRequester } from './walk-requester.js';
import { WebPresence } from './web-presence.js';
import { WebReturn } from './web-return.js';
import { WordApplier } from './word-applier.js';

/** Ids that the minder may revoke: beyond them the oldest is forgotten, whose certificate is over. */
const REVOKED_MAX = 4_096;
/** Peers of a revoked node: looked at under one lock, and how often in one tick. */
const REMOVAL_PEERS = 512;
const REMOVAL_SLICES = 8;
const HEARTBEATS = 'hb.*';

export class Replicator {
  readonly #context: ReplicationContext;
  readonly #hearing: Hearing;
  readonly #nodes: NodeTable;
  readonly #inbox: Inbox;
  readonly #digest: DigestReader;
  readonly #ledger: DownloadLedger;
  readonly #publisher: Publisher;
  readonly #resender: BatchResender;
  readonly #receiver: BatchReceiver;
  readonly #applier: WordApplier;
  readonly #donor: WalkDonor;
  readonly #requester: WalkRequester;
  readonly #gaps: GapRepair;
  readonly #antiEntropy: AntiEntropy;
  readonly #heartbeats: Heartbeats;
  readonly #clock: ClockCorrection;
  readonly #post: RepairPost;
  readonly #presence: WebPresence;
  readonly #webReturn: WebReturn;
  readonly #removals: PeerRemoval[] = [];
  #announced: OwnState | undefined;
  #roots = { root: '', webRoot: '' };
  #rootsMs = Number.NEGATIVE_INFINITY;
  /** Changes that were drained by the last two heartbeats. */
  #changes: readonly [number, number] = [-1, -2];
  /** This node is about to end; and the others have been told so. */
  #isLeaving = false;
  #hasLeft = false;
  #isStopped = false;

  constructor(options: ReplicatorOptions, means: ReplicatorDependencies) {
    const context = new ReplicationContext(options, means);
    this.#context = context;
    this.#setTime();
    const hearing = new Hearing(context);
    this.#hearing = hearing;
    const nodes = new NodeTable(context, { hearing });
    const inbox = new Inbox(context);
    const dialogues = new Dialogues();
    const digest = new DigestReader(means.store.replication!.memory);
    const requester = new WalkRequester(context, { inbox, dialogues });
    this.#nodes = nodes;
    this.#inbox = inbox;
    this.#digest = digest;
    this.#requester = requester;
    this.#ledger = new DownloadLedger(context, { gossip: new CountGossip(context, { nodes }) });
    const presence = new WebPresence(context, { nodes, hearing });
    this.#presence = presence;
    this.#publisher = new Publisher(context, { ledger: this.#ledger, presence });
    this.#resender = new BatchResender(context, this.#publisher);
    this.#applier = new WordApplier(context, { inbox, presence, stops: new StopsReply(context) });
    this.#donor = new WalkDonor(context, { dialogues });
    this.#gaps = new GapRepair(context, { nodes, requester });
    this.#antiEntropy = new AntiEntropy(context, { nodes, requester, digest });
    const isJoined = () => this.#antiEntropy.isJoined;
    this.#webReturn = new WebReturn(context, { nodes, presence, requester, isJoined });
    this.#receiver = new BatchReceiver(context, { nodes, inbox, isJoined });
    this.#heartbeats = new Heartbeats(context, { nodes, digest });
    this.#clock = new ClockCorrection(context, { nodes });
    this.#post = new RepairPost(context, {
      nodes,
      inbox,
      dialogues,
      digest,
      receiver: this.#receiver,
      resender: this.#resender,
      gaps: this.#gaps,
      donor: this.#donor,
      requester,
      antiEntropy: this.#antiEntropy,
    });
  }

  /** Everything counted so far: what was done, and what was dropped or refused, by its reason. */
  get counters(): Readonly<ReplicationTally> {
    return this.#context.tally;
  }

  /** True once this node has taken what another tracker held, or has found itself to be the first. */
  get caughtUp(): boolean {
    return this.#antiEntropy.isJoined;
  }

  /** How far the cluster's clock is ahead of this machine's, ms. */
  get clockOffsetMs(): number {
    return this.#clock.offsetMs;
  }

  /** Bytes received and not yet applied. */
  get inboxBytes(): number {
    return this.#inbox.bytes;
  }

  /** Begins to listen. Before clients are served, so that downloads are entered once. */
  start(): void {
    const { means, options } = this.#context;
    this.#ledger.open();
    const hear = (subject: string, take: (from: string, payload: Uint8Array) => void) => {
      means.transport.subscribe(subject, (actual, payload) => {
        const from = actual.slice(actual.lastIndexOf('.') + 1);
        if (this.#isStopped || !isNodeId(from)) return;
        if (from === options.id) {
          if (subject === HEARTBEATS) this.#hearing.echoed();
          return;
        }
        this.#setTime();
        take(from, payload);
      });
    };
    hear('peers.*', (from, payload) => this.#receiver.take(from, payload, false));
    hear(HEARTBEATS, (from, payload) => this.#takeHeartbeat(from, payload));
    hear(`rep.${options.id}.*`, (from, payload) => this.#post.take(from, payload));
  }

  /**
   * Does what is due, within the bounds of one tick. Returns true when more could be done at once:
   * the next call may come as soon as messages have been let in.
   */
  tick(): boolean {
    if (this.#isStopped) return false;
    const { options } = this.#context;
    this.#setTime();
    this.#hearing.update();
    if (this.#presence.update()) this.#webReturn.sweep();
    let hasMore = this.#publisher.step();
    hasMore = this.#applier.step(options.wordsPerTick) || hasMore;
    if (this.#heartbeats.isDue()) this.#beat();
    hasMore = this.#resender.step() || hasMore;
    this.#gaps.step();
    this.#requester.step();
    hasMore = this.#donor.step(options.walkPeersPerTick) || hasMore;
    const isQuiet = this.#changes[0] === this.#changes[1];
    hasMore = this.#antiEntropy.step(options.walkPeersPerTick, isQuiet) || hasMore;
    if (this.caughtUp) this.#ledger.step(this.#publisher.tellCount);
    hasMore = this.#stepRemovals() || hasMore;
    hasMore = this.#webReturn.step() || hasMore;
    return hasMore;
  }

  /** Tells the others a state instead of `healthy`, `draining` for one; undefined takes it back. */
  announceState(state: OwnState | undefined): void {
    this.#announced = state;
  }

  /** The node is not one of us any more: its words do not count, and what it alone said is dropped. */
  revoke(id: string): void {
    const { revoked, means } = this.#context;
    if (revoked.has(id) || id === this.#context.options.id) return;
    for (const oldest of revoked) {
      if (revoked.size < REVOKED_MAX) break;
      revoked.delete(oldest);
    }
    revoked.add(id);
    this.#requester.abandon(id);
    this.#antiEntropy.abandon(id);
    this.#nodes.forget(id);
    const slot = means.origins.find(id);
    if (slot > 0) this.#removals.push(originRemoval(means.store, slot));
  }

  /** What `/api/v1/cluster` shows. `version` is that of this node's software. */
  view(version: string): ClusterView {
    const digest = this.#digest.root();
    const own = { ...this.#state(), version, digest, clockOffsetMs: this.clockOffsetMs };
    return viewCluster(this.#context, { nodes: this.#nodes, own });
  }

  /**
   * Has the others told that this node is about to end, so that they send nobody here. Returns in how
   * many ms they are, if they can be.
   */
  leave(): number {
    this.#isLeaving = true;
    return this.#hasLeft ? 0 : this.#heartbeats.hasten();
  }

  /** Tells what is left to tell, and falls silent. */
  stop(): void {
    if (this.#isStopped) return;
    this.#setTime();
    this.#publisher.flush();
    if (this.#isLeaving && !this.#hasLeft) this.#beat();
    this.#isStopped = true;
  }

  #setTime(): void {
    const { clock, store } = this.#context.means;
    store.setTime(clock.monotonicSeconds(), clock.wallMs());
  }

  #beat(): void {
    this.#nodes.expire();
    this.#clock.update();
    const { sequence } = this.#publisher;
    this.#changes = [this.#context.tally.changes, this.#changes[0]];
    this.#heartbeats.send(this.#state(), sequence);
    this.#hasLeft = this.#isLeaving;
  }

  #state(): OwnState {
    if (this.#isLeaving) return STOPPED;
    if (!this.caughtUp) return { state: 'joining', reason: 'takes what the others hold' };
    return this.#announced ?? { state: 'healthy', reason: '' };
  }

  #takeHeartbeat(from: string, payload: Uint8Array): void {
    const node = this.#heartbeats.take(from, payload);
    const heartbeat = node?.heartbeat;
    if (node === undefined || heartbeat === undefined || !node.isTracker) return;
    const isCovered = this.#receiver.covers(node, heartbeat.epoch);
    node.stream.heartbeat(heartbeat.epoch, heartbeat.sequence, heartbeat.stamp | 0, isCovered);
    const { root, webRoot } = this.#currentRoots();
    const isWebEqual = heartbeat.webRoot === undefined || heartbeat.webRoot === webRoot;
    this.#antiEntropy.heard(node, heartbeat.root === root && isWebEqual);
  }

  /** Not more than a few times a second, however many nodes there are. */
  #currentRoots(): { readonly root: string; readonly webRoot: string } {
    const { nowMs, options } = this.#context;
    if (nowMs - this.#rootsMs < options.heartbeatMs / 4) return this.#roots;
    this.#rootsMs = nowMs;
    this.#roots = { root: this.#digest.root('addresses'), webRoot: this.#digest.root('web') };
    return this.#roots;
  }

  #stepRemovals(): boolean {
    const removal = this.#removals[0];
    if (removal === undefined) return false;
    const before = removal.removed;
    let hasMore = true;
    for (let i = 0; i < REMOVAL_SLICES && hasMore; i++) hasMore = removal.step(REMOVAL_PEERS);
    this.#context.tally.revokedPeersRemoved += removal.removed - before;
    if (hasMore) return true;
    this.#removals.shift();
    // What others know of those peers they heard elsewhere.
    for (const node of this.#nodes.values()) node.isCompareDue = true;
    return this.#removals.length > 0;
  }
}
