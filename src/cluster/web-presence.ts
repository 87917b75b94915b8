/**
 * Whose web peers count. A web peer is a connection, which is gone when the tracker that holds it is:
 * so words about it count only while that tracker is heard, and only of the run it is in now. Each
 * node judges by what it hears itself; those that hear the same agree.
 *
 * ```
 * heard lately, epoch of the wire   counts
 * silent for `silentMs`             dropped; asked for again when it is heard again
 * another epoch                     dropped: it restarted
 * the same epoch, another run       dropped once, all of it, and asked for again: epochs are seconds
 * ourselves                         what we hold, we know; what we do not, is gone
 * ```
 *
 * While this node hears nobody (hearing.ts) it takes nobody for gone, and nobody for back.
 */
import { writeNodeId } from '../protocol/cluster/node-id.js';
import { WEB_WIRE_BYTES, webEpoch, webEpochOf, webNode, writeWebWire } from '../swarm/web-wire.js';
import type { Hearing } from './hearing.js';
import type { NodeTable } from './node-table.js';
import type { RemoteNode } from './remote-node.js';
import type { ReplicationContext } from './replication-context.js';

/** The epoch of a node that has not said any. */
const NO_EPOCH = -1;

/** A node as far as its web peers are concerned. */
class Holder {
  epoch = NO_EPOCH;
  /** When the run began that it is in, ms since 1970; 0 while that is not known. */
  run = 0;
  /** An earlier run had the same epoch: nothing counts until a whole sweep has passed. */
  clearing: 'no' | 'due' | 'swept' = 'no';
  isPresent = false;
  /** Web peers of this run of it were dropped or refused here: it must tell them again. */
  isLost = false;
  /** Asking it makes no sense before; and while a question is open. */
  askAfterMs = 0;
  isAsked = false;
  /** A wire of it, for comparison. */
  readonly wire: Uint16Array;
  readonly #bytes = new Uint8Array(WEB_WIRE_BYTES);

  constructor(readonly id: string) {
    this.wire = new Uint16Array(this.#bytes.buffer);
    writeNodeId(this.#bytes, 0, id);
  }

  setEpoch(epoch: number): void {
    this.epoch = epoch;
    if (epoch >= 0) writeWebWire(this.#bytes, 0, { node: this.id, connection: 0, epoch });
  }

  isNodeOf(all: Uint16Array, at: number): boolean {
    const { wire } = this;
    // The end differs most: ids are random, but so is their end.
    return (
      all[at + 3] === wire[3] &&
      all[at + 2] === wire[2] &&
      all[at + 1] === wire[1] &&
      all[at] === wire[0]
    );
  }

  isEpochOf(all: Uint16Array, at: number): boolean {
    return all[at + 6] === this.wire[6] && all[at + 7] === this.wire[7];
  }
}

export type { Holder };

export class WebPresence {
  /** True when every tracker that is heard knows web peers: else words of them would spoil batches. */
  mayTell = false;
  readonly #context: ReplicationContext;
  readonly #nodes: NodeTable;
  readonly #hearing: Hearing;
  readonly #self: Holder;
  readonly #holders = new Map<string, Holder>();
  /** Nodes that words were refused of before anything was heard of them; bounded. */
  readonly #strangers = new Set<string>();
  readonly #wireBytes = new Uint8Array(WEB_WIRE_BYTES);
  readonly #wire = new Uint16Array(this.#wireBytes.buffer);
  #last: Holder;

  constructor(
    context: ReplicationContext,
    { nodes, hearing }: { readonly nodes: NodeTable; readonly hearing: Hearing },
  ) {
    this.#context = context;
    this.#nodes = nodes;
    this.#hearing = hearing;
    this.#self = new Holder(context.options.id);
    this.#self.setEpoch(webEpoch(context.options.epoch));
    this.#last = this.#self;
  }

  /** Looks who is there. Returns true when web peers that counted may not count any more. */
  update(): boolean {
    const { options, nowMs } = this.#context;
    let isSweepDue = false;
    for (const node of this.#nodes.values()) {
      if (this.#look(node)) isSweepDue = true;
    }
    for (const holder of this.#holders.values()) {
      if (this.#nodes.get(holder.id) !== undefined) continue;
      // Revoked, or forgotten after it was silent for long: if it is heard again, all is to be told.
      this.#holders.delete(holder.id);
      if (!this.#context.revoked.has(holder.id)) this.#noteStranger(holder.id);
      if (this.#last === holder) this.#last = this.#self;
      isSweepDue = true;
    }
    let may = true;
    for (const node of this.#nodes.trackers()) may &&= node.knowsWeb;
    // Whoever is not heard yet, or any more, may be one that does not.
    this.mayTell = may && (this.mayTell || nowMs - this.#hearing.deafMs > 2 * options.heartbeatMs);
    return isSweepDue;
  }

  /** Trackers that are there and whose web peers are missing here. */
  *lost(): IterableIterator<Holder> {
    for (const holder of this.#holders.values()) {
      if (holder.isLost && holder.isPresent && holder.clearing === 'no') yield holder;
    }
  }

  /** A sweep over all web peers begins: what does not count from now on, it removes. */
  sweepBegins(): void {
    for (const holder of this.#holders.values()) {
      if (holder.clearing === 'due') holder.clearing = 'swept';
    }
  }

  /** That sweep has ended. */
  sweepEnds(): void {
    for (const holder of this.#holders.values()) {
      if (holder.clearing === 'swept') holder.clearing = 'no';
    }
  }

  /** True when the web peer is on a connection of this node, of whatever run. */
  isOwn(all: Uint16Array, at: number): boolean {
    return this.#self.isNodeOf(all, at);
  }

  /** True when the node of that id holds the web peer's connection. */
  isOf(id: string, all: Uint16Array, at: number): boolean {
    return this.#holders.get(id)?.isNodeOf(all, at) ?? false;
  }

  /** True when the web peer's connection can be there still. */
  readonly counts = (all: Uint16Array, at: number): boolean => {
    const holder = this.#find(all, at);
    if (holder === undefined || holder.clearing !== 'no') return false;
    return (holder.isPresent || holder === this.#self) && holder.isEpochOf(all, at);
  };

  /** A word about a web peer does not count: unless it is out of date, it is to be told again later. */
  refused(all: Uint16Array, at: number): void {
    for (let i = 0; i < this.#wire.length; i++) this.#wire[i] = all[at + i];
    const holder = this.#find(all, at);
    if (holder !== undefined) {
      if (webEpochOf(this.#wireBytes, 0) >= holder.epoch) holder.isLost = true;
    } else this.#noteStranger(webNode(this.#wireBytes, 0));
  }

  /** Whoever was noted longest ago makes room: a donor could make ids up. */
  #noteStranger(id: string): void {
    const strangers = this.#strangers;
    strangers.delete(id);
    for (const oldest of strangers) {
      if (strangers.size < this.#context.options.nodesMax) break;
      strangers.delete(oldest);
    }
    strangers.add(id);
  }

  /** Notes what changed about a node; true when web peers of it do not count any more. */
  #look(node: RemoteNode): boolean {
    const { silentMs } = this.#context.options;
    let holder = this.#holders.get(node.id);
    if (holder === undefined) {
      holder = new Holder(node.id);
      holder.isLost = this.#strangers.delete(node.id);
      this.#holders.set(node.id, holder);
    }
    const { epoch: run } = node.stream;
    const epoch = run === 0 ? NO_EPOCH : webEpoch(run);
    // Our own deafness excuses who was there before it, and brings nobody back.
    const silenceMs = holder.isPresent
      ? this.#hearing.silenceMs(node.heardMs)
      : this.#context.nowMs - node.heardMs;
    const isPresent = epoch !== NO_EPOCH && silenceMs <= silentMs;
    let isSweepDue = false;
    if (holder.isPresent && !isPresent) {
      holder.isLost = true;
      isSweepDue = true;
    }
    if (holder.epoch !== epoch) {
      // Its clock went back: what it said since its start was taken for out of date.
      if (epoch < holder.epoch) holder.isLost = true;
      isSweepDue = true;
      holder.setEpoch(epoch);
    } else if (holder.run !== run && run !== 0) {
      // It restarted within a second: the wires of both runs look alike.
      holder.clearing = 'due';
      holder.isLost = true;
      isSweepDue = true;
    }
    holder.run = run;
    holder.isPresent = isPresent;
    return isSweepDue;
  }

  #find(all: Uint16Array, at: number): Holder | undefined {
    if (this.#last.isNodeOf(all, at)) return this.#last;
    if (this.#self.isNodeOf(all, at)) {
      this.#last = this.#self;
      return this.#self;
    }
    for (const holder of this.#holders.values()) {
      if (!holder.isNodeOf(all, at)) continue;
      this.#last = holder;
      return holder;
    }
    return undefined;
  }
}
