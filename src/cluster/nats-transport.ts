/**
 * The bus of a real cluster: a NATS server, or several of which any will do.
 *
 * ```
 *           dial            SUBs confirmed           lost, or refused
 *   server -------> link ------------------> active ------------------> the next server, at once;
 *                     ^                        |                        after a round of all of them
 *                     |   new certificates     v                        with a growing pause
 *                     +------------------- two links: the new one takes over once it hears
 *                                          everything; then the old one says its last and goes
 * ```
 *
 * New certificates do not interrupt anything: until the new link hears everything, the old one
 * serves, and what both hear is delivered once (`OverlapFilter`).
 *
 * Which server is next is drawn by lot, so that nodes spread over all of them, also those whose server
 * has died. Several addresses may lead to one server (`groups`): one of another is tried first.
 *
 * Bounds: what is published while nothing is connected, beyond `unconfirmedBytesMax`, or too large for the
 * server, is dropped and counted. Incoming messages are not queued at all: handlers run as bytes are
 * read, and a reader that is too slow is cut off by the server and told by a gap.
 */
import { assert } from '../lib/assert.js';
import type { LogSink } from '../lib/log-sink.js';
import { reasonOf } from '../lib/reason.js';
import type { BusCredentials, BusTls, LinkOptions, Loss } from './nats-link.js';
import { LOSSES, NatsLink } from './nats-link.js';
import { OverlapFilter, type Side } from './overlap-filter.js';
import { ServerRota } from './server-rota.js';
import type { MessageHandler, ReplicationTransport } from './transport.js';

/** What may change while the transport lives. Plain data. */
export interface BusAccess {
  /** `tls://host:port`, at least one. */
  readonly servers: readonly string[];
  /** Addresses that lead to the same server, as far as that is known. */
  readonly groups?: readonly (readonly string[])[] | undefined;
  readonly tls?: BusTls | undefined;
  readonly credentials?: BusCredentials | undefined;
}

export interface NatsTransportOptions extends BusAccess {
  /** What the server's own logs call us. */
  readonly name: string;
  /** What subjects for answers begin with: `_INBOX.<id>` for nodes of a cluster. */
  readonly inboxPrefix?: string | undefined;
  /** Publishing beyond this many bytes that the bus has not confirmed drops. Default 64 MiB. */
  readonly unconfirmedBytesMax?: number | undefined;
  /** Default 1,000: a silent server is left after three of them. */
  readonly pingIntervalMs?: number | undefined;
  /** The first round's time to connect; it doubles with each round of all servers. Default 1,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** The longest pause between two rounds. Default 2,000. */
  readonly pauseMsMax?: number | undefined;
}

/** Since the transport was made. */
export interface NatsTransportCounters {
  publishedMessages: number;
  publishedBytes: number;
  receivedMessages: number;
  receivedBytes: number;
  /** Published while nothing was connected. */
  droppedUnconnected: number;
  /** Published above `unconfirmedBytesMax`. */
  droppedUnconfirmed: number;
  /** Larger than the server takes. */
  droppedTooLarge: number;
  connects: number;
  connectFailures: number;
  /** Of those, how often a server did not take our credentials. */
  turnedAway: number;
  /** Subjects that the server did not let us publish to, or hear. */
  refusedSubjects: number;
  /** Came on both of two links, delivered once. */
  repeatsSwallowed: number;
  /** Times a new link took over from a living one. */
  handOvers: number;
  lost: Record<Loss, number>;
}

const UNCONFIRMED_BYTES_MAX = 64 * 1024 * 1024;
const FLUSH_BYTES = 256 * 1024;
/** What minders say to each other comes up to this. */
const PAYLOAD_BYTES_WANTED = 256 * 1024;
const TICK_MS = 50;
/** 5 s: pings find a silent server sooner, this finds one that answers pings and nothing else. */
const FLUSH_TICKS_MAX = 100;
const PING_INTERVAL_MS = 1000;
const CONNECT_TIMEOUT_MS = 1000;
const CONNECT_TIMEOUT_MS_MAX = 8000;
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 2000;
/** A server that turns us away is not asked more often than this. */
const UNAUTHORIZED_PAUSE_MS = 2000;
/** How long the old link may take to say its last, in ticks. */
const FAREWELL_TICKS_MAX = 40;
const OVERLAP_KEYS_MAX = 65_536;

/** Two links while one takes over from the other. */
interface HandOver {
  readonly old: NatsLink;
  readonly filter: OverlapFilter;
  ticksLeft: number;
}

export class NatsTransport implements ReplicationTransport {
  readonly counters: NatsTransportCounters = {
    publishedMessages: 0,
    publishedBytes: 0,
    receivedMessages: 0,
    receivedBytes: 0,
    droppedUnconnected: 0,
    droppedUnconfirmed: 0,
    droppedTooLarge: 0,
    connects: 0,
    connectFailures: 0,
    turnedAway: 0,
    refusedSubjects: 0,
    repeatsSwallowed: 0,
    handOvers: 0,
    lost: Object.fromEntries(LOSSES.map((loss) => [loss, 0])) as Record<Loss, number>,
  };
  readonly #options: NatsTransportOptions;
  readonly #log: LogSink;
  readonly #random: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #subscriptions: { readonly subject: string; readonly handler: MessageHandler }[] = [];
  readonly #listeners: ((connected: boolean) => void)[] = [];
  #access: BusAccess;
  /** Grows with each `update`; a link belongs to the access it was dialled with. */
  #revision = 0;
  #active: NatsLink | undefined;
  #activeRevision = -1;
  #dialling: NatsLink | undefined;
  #handOver: HandOver | undefined;
  #pause: NodeJS.Timeout | undefined;
  /** Which server is next. */
  readonly #rota: ServerRota;
  /** Failures in a row. */
  #failures = 0;
  #closed = false;

  /** Connects in the background; `onConnection` tells. `random` gives 0 <= x < 1. */
  constructor(
    options: NatsTransportOptions,
    { log, random = Math.random }: { log: LogSink; random?: () => number },
  ) {
    assert(options.servers.length > 0, 'there is a server to connect to');
    this.#options = options;
    this.#access = options;
    this.#log = log;
    this.#random = random;
    this.#rota = new ServerRota(options, { random });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#dial();
  }

  get connected(): boolean {
    return this.#active !== undefined;
  }

  get unconfirmedBytes(): number {
    return (this.#active?.unconfirmedBytes ?? 0) + (this.#handOver?.old.unconfirmedBytes ?? 0);
  }

  /** The server that we are connected to. */
  get server(): string | undefined {
    return this.#active?.server;
  }

  publish(subject: string, payload: Uint8Array): void {
    const { counters } = this;
    const bytesMax = this.#options.unconfirmedBytesMax ?? UNCONFIRMED_BYTES_MAX;
    if (this.#active === undefined) {
      counters.droppedUnconnected++;
    } else if (this.unconfirmedBytes + payload.length > bytesMax) {
      counters.droppedUnconfirmed++;
    } else if (!this.#active.publish(subject, payload)) {
      counters.droppedTooLarge++;
    } else {
      counters.publishedMessages++;
      counters.publishedBytes += payload.length;
    }
  }

  subscribe(subject: string, handler: MessageHandler): void {
    this.#subscriptions.push({ subject, handler });
    for (const link of [this.#handOver?.old, this.#active, this.#dialling]) {
      if (link?.isOpen === true) this.#hear(link, subject, handler);
    }
  }

  onConnection(listener: (connected: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Takes new servers, certificates or credentials. A living connection goes on until one with the
   * new ones has taken over; where there is none, the new ones are tried at once.
   */
  update(access: Partial<BusAccess>): void {
    if (this.#closed) return;
    const servers = access.servers ?? [];
    // A list of none, wherever it comes from, is no list.
    const known = servers.length > 0 ? servers : this.#access.servers;
    this.#access = { ...this.#access, ...access, servers: known };
    this.#rota.set(known, this.#access.groups);
    this.#redial();
  }

  /**
   * Takes other servers. A connection to one of them stays as it is; one to a server that is named no
   * more goes on until another has taken over.
   */
  setServers(servers: readonly string[], groups?: readonly (readonly string[])[]): void {
    if (this.#closed || servers.length === 0) return;
    this.#access = { ...this.#access, servers, groups };
    this.#rota.set(servers, groups);
    const links = [this.#active, this.#dialling].filter((link) => link !== undefined);
    const isNamed = links.every(({ server }) => servers.includes(server));
    if (links.length === 0 || !isNamed) this.#redial();
  }

  #redial(): void {
    this.#revision++;
    this.#failures = 0;
    this.#dialling?.discard();
    this.#dialling = undefined;
    if (this.#handOver?.old === this.#active) this.#endHandOver();
    clearTimeout(this.#pause);
    this.#dial();
  }

  /** Sends what it can within about two seconds, and ends. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pause);
    this.#dialling?.discard();
    const active = this.#active;
    if (active !== undefined) {
      let limit: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        limit = setTimeout(resolve, FAREWELL_TICKS_MAX * TICK_MS);
        active.confirm(resolve);
      });
      clearTimeout(limit);
    }
    clearInterval(this.#timer);
    this.#handOver?.old.discard();
    active?.discard();
    this.#handOver = undefined;
    this.#setActive(undefined);
  }

  /** Dials the next server, unless what there is will do. */
  #dial(): void {
    if (this.#closed || this.#dialling !== undefined) return;
    if (this.#active !== undefined && this.#activeRevision === this.#revision) return;
    const revision = this.#revision;
    const { servers, tls, credentials } = this.#access;
    const { name, inboxPrefix, pingIntervalMs, connectTimeoutMs } = this.#options;
    const round = Math.floor(this.#failures / servers.length);
    const firstMs = connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    const options: LinkOptions = {
      server: this.#rota.next(),
      name,
      tls,
      credentials,
      inboxPrefix,
      connectTimeoutMs: Math.max(firstMs, Math.min(firstMs * 2 ** round, CONNECT_TIMEOUT_MS_MAX)),
      pingIntervalMs: pingIntervalMs ?? PING_INTERVAL_MS,
      flushBytes: FLUSH_BYTES,
      flushTicksMax: FLUSH_TICKS_MAX,
    };
    const link: NatsLink = new NatsLink(options, {
      events: {
        down: (loss) => this.#lose(link, loss),
        refused: (operation, subject) => {
          const count = ++this.counters.refusedSubjects;
          if (!isPowerOfTwo(count)) return;
          this.#log.log('error', 'the bus refused a subject', { operation, subject, count });
        },
      },
    });
    this.#dialling = link;
    link.open().then(
      () => this.#listen(link, revision),
      (error: unknown) => this.#fail(link, error),
    );
  }

  /** The link is up: it takes over as soon as the server has confirmed that it hears everything. */
  #listen(link: NatsLink, revision: number): void {
    if (this.#dialling !== link) {
      link.discard();
      return;
    }
    const old = this.#active;
    if (old !== undefined) {
      this.#endHandOver();
      const filter = new OverlapFilter({ keysMax: OVERLAP_KEYS_MAX });
      this.#handOver = { old, filter, ticksLeft: Number.POSITIVE_INFINITY };
    }
    for (const { subject, handler } of this.#subscriptions) this.#hear(link, subject, handler);
    link.confirm(() => {
      if (this.#dialling !== link || !link.isOpen) return;
      this.#dialling = undefined;
      this.#activeRevision = revision;
      this.#failures = 0;
      this.#rota.settle();
      this.counters.connects++;
      this.#log.log('info', 'connected to the bus', { server: link.server });
      const { payloadBytesMax } = link;
      if (payloadBytesMax < PAYLOAD_BYTES_WANTED) {
        const wanted = { payloadBytesMax, wanted: PAYLOAD_BYTES_WANTED };
        this.#log.log('warn', 'the bus takes only short messages: some will be lost', wanted);
      }
      this.#setActive(link);
      this.#dismiss(link);
      this.#dial();
    });
  }

  /** Lets the old link say its last, and what is on its way arrive on both. */
  #dismiss(successor: NatsLink): void {
    const handOver = this.#handOver;
    if (handOver === undefined) return;
    this.counters.handOvers++;
    handOver.ticksLeft = FAREWELL_TICKS_MAX;
    handOver.old.hearNoMore();
    handOver.old.confirm(() => {
      successor.confirm(() => {
        if (this.#handOver === handOver) this.#endHandOver();
      });
    });
  }

  #endHandOver(): void {
    const handOver = this.#handOver;
    if (handOver === undefined) return;
    this.#handOver = undefined;
    this.counters.repeatsSwallowed += handOver.filter.swallowed;
    // The new link never took over: the old one stays.
    if (handOver.old !== this.#active) handOver.old.discard();
  }

  #hear(link: NatsLink, subject: string, handler: MessageHandler): void {
    const { counters } = this;
    link.subscribe(subject, (heard, payload) => {
      const handOver = this.#handOver;
      if (handOver !== undefined) {
        const side: Side = link === handOver.old ? 'old' : 'new';
        if (handOver.filter.isRepeat(side, `${subject} ${heard}`, payload)) return;
      }
      counters.receivedMessages++;
      counters.receivedBytes += payload.length;
      handler(heard, payload);
    });
  }

  #fail(link: NatsLink, error: unknown): void {
    if (this.#dialling !== link) return;
    this.#dialling = undefined;
    this.#rota.blame(link.server);
    this.counters.connectFailures++;
    if (link.loss === 'unauthorized') this.counters.turnedAway++;
    this.#failures++;
    // The first, second, fourth, eighth ...: an outage of a day is not a line every two seconds.
    if (isPowerOfTwo(this.#failures)) {
      const reason = reasonOf(error);
      const { server } = link;
      const attempts = this.#failures;
      this.#log.log('warn', 'cannot reach the bus', { server, reason, attempts });
    }
    this.#retry(link.loss);
  }

  #lose(link: NatsLink, loss: Loss): void {
    this.counters.lost[loss]++;
    this.#rota.blame(link.server);
    if (link === this.#dialling) {
      this.#dialling = undefined;
      this.#endHandOver();
      this.#failures++;
    } else if (link === this.#active) {
      this.#log.log('warn', 'lost the bus', { server: link.server, reason: loss });
      // A newcomer on its way finds nobody left to take over from.
      this.#endHandOver();
      this.#setActive(undefined);
      // A server that has just failed is the last one to ask, one that turned us away not at once.
      if (loss === 'unauthorized') this.#failures++;
    } else {
      this.#endHandOver();
      return;
    }
    this.#retry(loss);
  }

  #retry(loss: Loss): void {
    if (this.#closed || this.#dialling !== undefined) return;
    clearTimeout(this.#pause);
    const round = Math.floor(this.#failures / this.#access.servers.length);
    const maxMs = this.#options.pauseMsMax ?? PAUSE_MS_MAX;
    let pauseMs = round === 0 ? PAUSE_MS_MIN : Math.min(PAUSE_MS_MIN * 2 ** round, maxMs);
    if (loss === 'unauthorized') pauseMs = Math.max(pauseMs, UNAUTHORIZED_PAUSE_MS);
    // Between half and all of it, so that a cluster does not come back as one.
    this.#pause = setTimeout(() => this.#dial(), pauseMs * (0.5 + this.#random() / 2));
  }

  #tick(): void {
    this.#dialling?.tick();
    this.#active?.tick();
    const handOver = this.#handOver;
    if (handOver !== undefined && --handOver.ticksLeft < 0) this.#endHandOver();
  }

  #setActive(link: NatsLink | undefined): void {
    const before = this.connected;
    this.#active = link;
    if (before === this.connected) return;
    for (const listener of this.#listeners) listener(this.connected);
  }
}

function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0;
}
