/**
 * A bus within one process: the twin of NATS for tests and for the simulation. Time is what its owner
 * says it is; between two words of its owner nothing moves. Without faults every message arrives, in
 * order, at the next `advance`.
 *
 * Faults are decided by whoever made the bus, message by message and receiver by receiver: how long
 * each copy takes and how many copies arrive. As with NATS, a message to a node that is not connected
 * is lost, and so is one that is under way when its receiver loses its connection.
 */
import { crc32 } from 'node:zlib';
import { assert } from '../lib/assert.js';
import type { MessageHandler, ReplicationTransport } from './transport.js';

/** What happens to a message on its way: the delay of each copy that arrives, in ms. None: lost. */
export type Delivery = (from: string, to: string, subject: string) => readonly number[];

export interface MemoryBusOptions {
  /** Faultless when absent. */
  readonly delivery?: Delivery;
  /** What arrives of a copy instead: damaged bytes, or the payload itself. Nothing is damaged when absent. */
  readonly damage?: (subject: string, payload: Uint8Array) => Uint8Array;
  /** How long the bus takes to confirm what it was given; 0 by default. */
  readonly confirmMs?: number;
  readonly nowMs?: number;
}

/** What became of the messages, one for each receiver. */
export interface MemoryBusCounts {
  published: number;
  delivered: number;
  lost: number;
  bytes: number;
}

interface Flight {
  readonly dueMs: number;
  /** Breaks ties: what was sent first arrives first. */
  readonly order: number;
  /** Undefined for a confirmation. */
  readonly subject: string | undefined;
  readonly payload: Uint8Array;
  readonly sum: number;
  readonly to: MemoryTransport;
  /** The connection that it was sent to. */
  readonly connection: number;
}

const AT_ONCE: readonly number[] = [0];

export class MemoryBus {
  readonly counts: MemoryBusCounts = { published: 0, delivered: 0, lost: 0, bytes: 0 };
  readonly #delivery: Delivery;
  readonly #damage: (subject: string, payload: Uint8Array) => Uint8Array;
  readonly #confirmMs: number;
  readonly #nodes = new Map<string, MemoryTransport>();
  readonly #groups = new Map<string, number>();
  readonly #mute = new Set<string>();
  readonly #flights = new FlightQueue();
  #nowMs: number;
  #order = 0;

  constructor({ delivery, damage, confirmMs = 0, nowMs = 0 }: MemoryBusOptions = {}) {
    this.#delivery = delivery ?? (() => AT_ONCE);
    this.#damage = damage ?? ((_subject, payload) => payload);
    this.#confirmMs = confirmMs;
    this.#nowMs = nowMs;
  }

  /** Messages under way. */
  get inFlight(): number {
    return this.#flights.size;
  }

  /** Makes a node's end of the bus, connected. One of the same name from before hears no more. */
  join(node: string): MemoryTransport {
    this.#nodes.get(node)?.close();
    const transport = new MemoryTransport(node, this);
    this.#nodes.set(node, transport);
    return transport;
  }

  /** Cuts a node off, or connects it again. */
  setConnected(node: string, connected: boolean): void {
    this.#nodes.get(node)?.setConnected(connected);
  }

  /** Leaves a node connected, but carries nothing from it or to it, its own words among them. */
  setMute(node: string, mute: boolean): void {
    if (mute) this.#mute.add(node);
    else this.#mute.delete(node);
  }

  /** From now on messages pass within a group only. A node in none hears all of its kind. */
  partition(groups: readonly (readonly string[])[]): void {
    this.#groups.clear();
    groups.forEach((nodes, group) => {
      for (const node of nodes) this.#groups.set(node, group + 1);
    });
  }

  heal(): void {
    this.#groups.clear();
  }

  /** Moves time on, and delivers what is due by then, also what that brings about at once. */
  advance(nowMs: number): void {
    assert(nowMs >= this.#nowMs, 'time does not go back');
    for (let next = this.#flights.first; next !== undefined; next = this.#flights.first) {
      if (next.dueMs > nowMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#flights.removeFirst();
      this.#arrive(next);
    }
    this.#nowMs = nowMs;
  }

  /** Delivers what is due now: for tests in which time does not matter. */
  settle(): void {
    this.advance(this.#nowMs);
  }

  /** Takes a message from a connected node: MemoryTransport calls it. */
  send(from: MemoryTransport, subject: string, payload: Uint8Array): void {
    this.counts.published++;
    this.counts.bytes += payload.length;
    const sum = crc32(payload);
    for (const to of this.#nodes.values()) {
      if (!to.hears(subject)) continue;
      const isApart = this.#groups.get(from.node) !== this.#groups.get(to.node);
      const isMute = this.#mute.has(from.node) || this.#mute.has(to.node);
      if (isApart || isMute || !to.connected) {
        this.counts.lost++;
        continue;
      }
      // A node hears its own messages as NATS sends them back: without faults.
      const delays = to === from ? AT_ONCE : this.#delivery(from.node, to.node, subject);
      if (delays.length === 0) this.counts.lost++;
      for (const delay of delays) this.#take(delay, subject, payload, sum, to);
    }
    this.#take(this.#confirmMs, undefined, payload, sum, from);
  }

  #take(
    delayMs: number,
    subject: string | undefined,
    payload: Uint8Array,
    sum: number,
    to: MemoryTransport,
  ): void {
    const { connection } = to;
    const dueMs = this.#nowMs + delayMs;
    this.#flights.add({ dueMs, order: this.#order++, subject, payload, sum, to, connection });
  }

  #arrive({ subject, payload, sum, to, connection }: Flight): void {
    // It may leave late; who changes it before has a bug that only a real bus would show, rarely.
    assert(crc32(payload) === sum, `a message was changed after it was published: ${subject}`);
    if (to.connection !== connection) {
      if (subject !== undefined) this.counts.lost++;
      return;
    }
    if (subject === undefined) {
      to.confirm(payload.length);
      return;
    }
    this.counts.delivered++;
    to.deliver(subject, this.#damage(subject, payload));
  }
}

/** One node's end of the bus. */
export class MemoryTransport implements ReplicationTransport {
  connected = true;
  unconfirmedBytes = 0;
  /** Counts connections, so that what was under way in an earlier one is lost. */
  connection = 0;
  readonly #bus: MemoryBus;
  readonly #subscriptions: { readonly tokens: readonly string[]; handler: MessageHandler }[] = [];
  readonly #listeners: ((connected: boolean) => void)[] = [];

  constructor(
    readonly node: string,
    bus: MemoryBus,
  ) {
    this.#bus = bus;
  }

  publish(subject: string, payload: Uint8Array): void {
    if (!this.connected) return;
    this.unconfirmedBytes += payload.length;
    this.#bus.send(this, subject, payload);
  }

  subscribe(subject: string, handler: MessageHandler): void {
    this.#subscriptions.push({ tokens: subject.split('.'), handler });
  }

  onConnection(listener: (connected: boolean) => void): void {
    this.#listeners.push(listener);
  }

  setConnected(connected: boolean): void {
    if (connected === this.connected) return;
    this.connected = connected;
    this.connection++;
    // What the old connection did not confirm never will be.
    this.unconfirmedBytes = 0;
    for (const listener of this.#listeners) listener(connected);
  }

  /** Hears and says nothing from now on: its node died. */
  close(): void {
    this.connected = false;
    this.connection++;
    this.#subscriptions.length = 0;
    this.#listeners.length = 0;
  }

  /** True when some subscription matches. */
  hears(subject: string): boolean {
    const tokens = subject.split('.');
    return this.#subscriptions.some((subscription) => matches(subscription.tokens, tokens));
  }

  /** Hands a message to whoever subscribed: MemoryBus calls it. */
  deliver(subject: string, payload: Uint8Array): void {
    const tokens = subject.split('.');
    for (const { tokens: pattern, handler } of [...this.#subscriptions]) {
      if (matches(pattern, tokens)) handler(subject, payload);
    }
  }

  /** The bus has so many bytes for certain: MemoryBus calls it. */
  confirm(bytes: number): void {
    this.unconfirmedBytes -= bytes;
  }
}

function matches(pattern: readonly string[], tokens: readonly string[]): boolean {
  return (
    pattern.length === tokens.length &&
    pattern.every((token, i) => token === '*' || token === tokens[i])
  );
}

/** Messages by the time at which they are due: a binary heap. */
class FlightQueue {
  readonly #heap: Flight[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): Flight | undefined {
    return this.#heap[0];
  }

  add(flight: Flight): void {
    const heap = this.#heap;
    let at = heap.push(flight) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent], flight)) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = flight;
  }

  removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (isBefore(last, heap[child])) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Flight, b: Flight): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
