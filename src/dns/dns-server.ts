/**
 * The authoritative name server of one zone, over UDP and TCP on the same port.
 *
 * UDP goes through the portable frontend, which replies from the address that was asked, also where
 * the listen address is a wildcard. Nothing here looks anything up for anybody (no recursion), keeps
 * state for a query, or sends a client more than its own EDNS size, 1,220 bytes at most.
 */
import { randomInt } from 'node:crypto';
import type { FatalCallback } from '../frontend/frontend.js';
import type { DatagramBuffer, DatagramHandler } from '../frontend/handler.js';
import { expandListenAddress, type ListenAddress } from '../frontend/listen-address.js';
import { ListenError } from '../frontend/listen-error.js';
import { assertPortFree } from '../frontend/port-probe.js';
import { PortableUdp } from '../frontend/udp/portable-udp.js';
import { type Clock, SystemClock } from '../lib/clock.js';
import type { Endpoint } from '../lib/endpoint.js';
import type { Logger } from '../lib/log.js';
import { Prng } from '../lib/prng.js';
import { DnsCounters } from './dns-counters.js';
import { type DnsError, dnsListenError } from './dns-error.js';
import { DnsTcp } from './dns-tcp.js';
import { DnsResponder } from './responder.js';
import { ResponseRate } from './response-rate.js';
import type { TrackerSet } from './tracker-set.js';
import { type NameServerAddresses, Zone, type ZoneOptions } from './zone.js';

export interface DnsServerOptions extends ZoneOptions {
  /** Port 0: any port that is free for UDP and TCP on all addresses of the entry. */
  readonly listen: readonly ListenAddress[];
  /** Answers a second over UDP to one network; 0 sets no bound. */
  readonly ratePerSecond: number;
  /** Open connections over TCP; one address gets an eighth of them, 8 at least. */
  readonly connectionsMax: number;
  /** Idle time of a connection over TCP; 10 s unless given. */
  readonly idleMs?: number;
}

export interface DnsServerDependencies {
  /** The trackers to send clients to. Called for each batch of queries: it must cost nothing. */
  readonly set: () => TrackerSet;
  /** Addresses of name servers inside the zone; a new content is a new map. */
  readonly nameServerAddresses?: () => NameServerAddresses;
  readonly logger: Logger;
  /** Told when a socket that was bound can serve no longer. */
  readonly onFatal: FatalCallback;
  readonly clock?: Clock & { monotonicMs(): number };
}

/** An address that answers over both transports. */
export interface DnsAddress {
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
}

const IDLE_MS = 10_000;
const CONNECTIONS_PER_ADDRESS_MIN = 8;
const CONNECTIONS_SHARE = 8;
/** Attempts to find one port that is free for both transports. */
const PORT_ATTEMPTS_MAX = 16;
const REPLY_BYTES_MAX = 65_535;
const LENGTH_BYTES = 2;

export class DnsServer {
  readonly counters: DnsCounters;
  /** As bound, in the order of the options. */
  readonly addresses: DnsAddress[] = [];
  readonly #deps: DnsServerDependencies;
  readonly #zone: Zone;
  readonly #responder: DnsResponder;
  readonly #handler: DatagramHandler;
  readonly #tcp: DnsTcp;
  readonly #udp: PortableUdp[] = [];
  readonly #scratch = new Uint8Array(REPLY_BYTES_MAX);

  /** Binds everything. Rejects with a `DnsError`, and with nothing left bound. */
  static async start(options: DnsServerOptions, deps: DnsServerDependencies): Promise<DnsServer> {
    const server = new DnsServer(options, deps);
    try {
      for (const listen of options.listen) await server.#listen(listen);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  private constructor(options: DnsServerOptions, deps: DnsServerDependencies) {
    const clock = deps.clock ?? new SystemClock();
    this.#deps = deps;
    this.counters = new DnsCounters();
    this.#zone = new Zone(options, { ...deps, clock });
    // Which trackers a client is given is no secret: a fast source will do, seeded with chance.
    const prng = new Prng(randomInt(2 ** 32));
    const below = (bound: number) => prng.below(bound);
    this.#responder = new DnsResponder({ zone: this.#zone, counters: this.counters, below });
    const rate = new ResponseRate({ perSecond: options.ratePerSecond, key: randomInt(2 ** 32) });
    this.#handler = this.#datagramHandler(rate, clock);
    this.#tcp = new DnsTcp(
      {
        connectionsMax: options.connectionsMax,
        connectionsPerAddressMax: Math.max(
          CONNECTIONS_PER_ADDRESS_MIN,
          Math.floor(options.connectionsMax / CONNECTIONS_SHARE),
        ),
        idleMs: options.idleMs ?? IDLE_MS,
      },
      {
        answer: (input) => this.#answerTcp(input),
        counters: this.counters,
        onFatal: deps.onFatal,
        nowMs: () => clock.monotonicMs(),
      },
    );
    for (const name of this.#zone.lameNameServers) {
      deps.logger.warn(
        { nameServer: name },
        'no address is known of this name server of the zone: resolvers cannot find it; advertise an address of this minder',
      );
    }
  }

  get zone(): Zone {
    return this.#zone;
  }

  /** Closes all sockets. May be called twice. */
  async stop(): Promise<void> {
    await Promise.all([this.#tcp.stop(), ...this.#udp.splice(0).map((udp) => udp.stop())]);
  }

  /** Binds UDP, then TCP on the same port; with port 0 tries another when that is taken. */
  async #listen(listen: ListenAddress): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const failure = await this.#tryListen(listen);
      if (failure === undefined) return;
      const another = listen.port === 0 && failure.code === 'dns_address_in_use';
      if (!another || attempt >= PORT_ATTEMPTS_MAX) throw failure;
    }
  }

  async #tryListen(listen: ListenAddress): Promise<DnsError | undefined> {
    const { onFatal } = this.#deps;
    const udp = new PortableUdp({ listen: [listen] }, { handler: this.#handler, onFatal });
    let protocol: 'udp' | 'tcp' = 'udp';
    try {
      const bound = await udp.start();
      protocol = 'tcp';
      const binds = await expandListenAddress('udp', { ...listen, port: bound[0].port });
      for (const bind of binds) await assertPortFree('http', bind);
      await this.#tcp.listen(binds);
      this.#udp.push(udp);
      this.addresses.push(...bound);
      return undefined;
    } catch (error) {
      await udp.stop();
      if (error instanceof ListenError) return dnsListenError(error, protocol);
      throw error;
    }
  }

  #datagramHandler(rate: ResponseRate, clock: Clock): DatagramHandler {
    const counters = this.counters;
    const responder = this.#responder;
    let second = 0;
    return {
      beginBatch: () => {
        second = clock.monotonicSeconds();
        this.#zone.refresh();
      },
      handle: (input: Uint8Array, length: number, source: Endpoint, output: DatagramBuffer) => {
        counters.queriesUdp++;
        if (!responder.read(input, length)) return 0;
        const verdict = rate.verdict(source, second);
        if (verdict === 'drop') {
          counters.rateLimitedDropped++;
          return 0;
        }
        const isCut = verdict === 'cut';
        if (isCut) counters.rateLimitedTruncated++;
        const bytesMax = Math.min(responder.payloadBytes, output.bytes.length);
        return responder.write(input, output.bytes, bytesMax, isCut);
      },
    };
  }

  #answerTcp(input: Uint8Array): Uint8Array | undefined {
    this.#zone.refresh();
    if (!this.#responder.read(input, input.length)) return undefined;
    const length = this.#responder.write(input, this.#scratch, this.#scratch.length);
    const reply = Buffer.allocUnsafe(LENGTH_BYTES + length);
    reply.writeUInt16BE(length, 0);
    reply.set(this.#scratch.subarray(0, length), LENGTH_BYTES);
    return reply;
  }
}
