/** The UDP frontend on `node:dgram`: works on every system that node runs on. */
import { networkInterfaces } from 'node:os';
import { FrontendCounter, FrontendCounters } from '../counters.js';
import type { BoundAddress, FatalCallback, Frontend } from '../frontend.js';
import type { DatagramHandler } from '../handler.js';
import { type BindAddress, bindReserved, type ListenAddress } from '../listen-address.js';
import { assertPortFree } from '../port-probe.js';
import { Turn } from '../turn.js';
import { localAddresses } from './local-addresses.js';
import { PacketSocket, type PacketSocketDependencies } from './packet-socket.js';
import { ReplyRing } from './reply-ring.js';
import { SourceCache } from './source-cache.js';
import { type WildcardDependencies, WildcardSockets } from './wildcard-sockets.js';

export interface PortableUdpOptions {
  readonly listen: readonly ListenAddress[];
  /**
   * True when several workers bind the same addresses (see `reusePortSupported`): they must come from
   * `reserveAddresses`, which has checked that no other process holds them.
   */
  readonly shared?: boolean;
  /** False for all but one of those workers. See `WildcardSockets`. */
  readonly catchAll?: boolean;
  /** Wanted size of the system's receive buffer; 0 leaves the system's default. */
  readonly receiveBufferBytes?: number;
  /** How often local addresses are looked for again. */
  readonly rescanMs?: number;
}

export interface PortableUdpDependencies {
  readonly handler: DatagramHandler;
  readonly onFatal: FatalCallback;
  readonly counters?: FrontendCounters;
  /** The machine's addresses of a family, as text with zone; tests give their own. */
  readonly localAddresses?: (family: 4 | 6) => string[];
}

const RESCAN_MS = 10_000;
/** The longest that `stop` waits for replies that the system has not taken yet. */
const DRAIN_MS_MAX = 1_000;

type Listener = PacketSocket | WildcardSockets;

export class PortableUdp implements Frontend {
  readonly counters: FrontendCounters;
  readonly #options: PortableUdpOptions;
  readonly #sockets: PacketSocketDependencies;
  readonly #wildcard: WildcardDependencies;
  readonly #ring: ReplyRing;
  readonly #onFatal: FatalCallback;
  #listeners: Listener[] = [];
  #rescanTimer: NodeJS.Timeout | undefined;

  constructor(options: PortableUdpOptions, deps: PortableUdpDependencies) {
    this.#options = options;
    this.#onFatal = deps.onFatal;
    const counters = deps.counters ?? new FrontendCounters();
    this.counters = counters;
    this.#ring = new ReplyRing(() => counters.count(FrontendCounter.udpSendErrors));
    this.#sockets = {
      handler: deps.handler,
      turn: new Turn(deps.handler),
      ring: this.#ring,
      sources: new SourceCache(),
      counters,
    };
    this.#wildcard = {
      ...this.#sockets,
      localAddresses:
        deps.localAddresses ?? ((family) => localAddresses(networkInterfaces(), family)),
      onLocalError: () => counters.count(FrontendCounter.udpLocalAddressErrors),
      onFatal: (error) => this.#onFatal(error),
    };
  }

  async start(): Promise<BoundAddress[]> {
    const { listen, shared = false, rescanMs = RESCAN_MS } = this.#options;
    const probe = shared ? async (_: string, bind: BindAddress) => bind.port : assertPortFree;
    const bound: BoundAddress[] = [];
    try {
      for (const address of listen) {
        bound.push(
          ...(await bindReserved('udp', address, probe, (binds) => this.#bindAll(binds, shared))),
        );
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#rescanTimer = setInterval(() => void this.rescan(), rescanMs).unref();
    return bound;
  }

  /** Looks for new and vanished local addresses now. Runs by itself every `rescanMs`. */
  async rescan(): Promise<void> {
    for (const listener of this.#listeners) {
      if (listener instanceof WildcardSockets) await listener.rescan();
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#rescanTimer);
    const listeners = this.#listeners;
    this.#listeners = [];
    if (listeners.length === 0) return;
    for (const listener of listeners) listener.pause();
    await this.#ring.idle(DRAIN_MS_MAX);
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  /** Binds all of one listen address, or leaves none of it bound. */
  async #bindAll(binds: readonly BindAddress[], shared: boolean): Promise<BoundAddress[]> {
    const opened: Listener[] = [];
    const bound: BoundAddress[] = [];
    try {
      for (const bind of binds) {
        const listener = this.#listenerFor(bind, shared);
        opened.push(listener);
        bound.push(await listener.bind());
      }
    } catch (error) {
      await Promise.all(opened.map((listener) => listener.close()));
      throw error;
    }
    this.#listeners.push(...opened);
    return bound;
  }

  #listenerFor(bind: BindAddress, shared: boolean): Listener {
    const { receiveBufferBytes = 0, catchAll = true } = this.#options;
    if (bind.wildcard) {
      const sharing = shared ? 'workers' : 'addresses';
      const options = { bind, sharing, receiveBufferBytes, catchAll } as const;
      return new WildcardSockets(options, this.#wildcard);
    }
    const sharing = shared ? 'workers' : 'exclusive';
    const options = { ...bind, sharing, receiveBufferBytes } as const;
    return new PacketSocket(options, this.#sockets, (error) => this.#onFatal(error));
  }
}
