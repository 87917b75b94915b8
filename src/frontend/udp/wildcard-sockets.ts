/**
 * Serves all addresses of one family on one port, each reply leaving from the address that was asked.
 *
 * `dgram` tells not which local address a packet came to. So each local address gets a socket of its
 * own, which the system prefers to the catch-all on the wildcard address. What still reaches the
 * catch-all came to an address that no interface names: 127.0.0.2 and its like, an anycast prefix
 * routed to this machine, an address younger than the last scan, or one beyond the bound. The
 * catch-all cannot know which, and its reply leaves from the address that the route back prefers.
 *
 * What was sent to a broadcast address or a group reaches every catch-all of a shared port. So one of
 * the workers alone has one: all together must not send more than was sent to them.
 */
import type { BoundAddress } from '../frontend.js';
import type { BindAddress } from '../listen-address.js';
import { PacketSocket, type PacketSocketDependencies, type PortSharing } from './packet-socket.js';

export interface WildcardOptions {
  readonly bind: BindAddress;
  readonly sharing: PortSharing;
  readonly receiveBufferBytes: number;
  /** False for all workers of a shared port but one; the port must be known then. */
  readonly catchAll: boolean;
}

export interface WildcardDependencies extends PacketSocketDependencies {
  /** The local addresses of a family at this moment. */
  readonly localAddresses: (family: 4 | 6) => string[];
  /** A local address could not be bound, or its socket was lost; the catch-all takes its packets. */
  readonly onLocalError: (error: Error) => void;
  /** The catch-all was lost. */
  readonly onFatal: (error: Error) => void;
}

export class WildcardSockets {
  readonly #options: WildcardOptions;
  readonly #deps: WildcardDependencies;
  readonly #catchAll: PacketSocket | undefined;
  readonly #specific = new Map<string, PacketSocket>();
  #scanning: Promise<void> | undefined;
  #stopped = false;

  constructor(options: WildcardOptions, deps: WildcardDependencies) {
    this.#options = options;
    this.#deps = deps;
    if (options.catchAll) this.#catchAll = this.#socketOn(options.bind.address, deps.onFatal);
  }

  /** Binds the catch-all, then what the first scan finds. */
  async bind(): Promise<BoundAddress> {
    const bound = await this.#catchAll?.bind();
    await this.rescan();
    return bound ?? this.#options.bind;
  }

  /** Opens sockets on new local addresses and drops those on addresses that went away. */
  rescan(): Promise<void> {
    this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = undefined;
    });
    return this.#scanning;
  }

  pause(): void {
    this.#catchAll?.pause();
    for (const socket of this.#specific.values()) socket.pause();
  }

  async close(): Promise<void> {
    this.#stopped = true;
    await this.#scanning;
    const sockets = [this.#catchAll, ...this.#specific.values()];
    this.#specific.clear();
    await Promise.all(sockets.map((socket) => socket?.close()));
  }

  /** Local addresses that have a socket of their own. */
  get addresses(): string[] {
    return [...this.#specific.keys()];
  }

  async #scan(): Promise<void> {
    const { family } = this.#options.bind;
    const wanted = new Set(this.#stopped ? [] : this.#deps.localAddresses(family));
    for (const [address, socket] of this.#specific) {
      if (wanted.has(address)) continue;
      this.#specific.delete(address);
      await socket.close();
    }
    for (const address of wanted) {
      if (this.#stopped || this.#specific.has(address)) continue;
      const socket = this.#socketOn(address, (error) => {
        if (this.#specific.get(address) === socket) this.#specific.delete(address);
        this.#deps.onLocalError(error);
      });
      // An address may vanish between scan and bind, or still be unproven (IPv6): the next scan
      // tries again.
      await socket.bind().then(
        () => this.#specific.set(address, socket),
        (error: Error) => this.#deps.onLocalError(error),
      );
    }
  }

  #socketOn(address: string, onLost: (error: Error) => void): PacketSocket {
    const { bind, sharing, receiveBufferBytes } = this.#options;
    const options = { address, family: bind.family, port: bind.port, sharing, receiveBufferBytes };
    return new PacketSocket(options, this.#deps, onLost);
  }
}
