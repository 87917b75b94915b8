/**
 * One connection to one NATS server, from its dial to its end. It never reconnects: whoever holds it
 * makes another. That keeps out what the client library would carry over from the last connection
 * (old credentials, a pool of servers, a second authorisation error that closes it for good), and
 * lets two connections live side by side while certificates change.
 *
 * The library is used below its `connect()`: there a connection can be given up at any point of its
 * life, which the API above does not offer. A server that falls silent is why: closing politely
 * waits for a write that never ends, so the socket is destroyed.
 */
import { createConnection, type Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from 'node:tls';
import {
  type Authenticator,
  AuthorizationError,
  type JwtAuth,
  jwtAuthenticator,
  PermissionViolationError,
  ProtocolHandler,
  type Publisher,
  parseOptions,
  type Status,
  SubscriptionImpl,
  setTransportFactory,
  UserAuthenticationExpiredError,
} from '@nats-io/transport-node';
// Not among the package's exports, and the only way to reach a socket that is still connecting.
import { NodeTransport, nodeResolveHost } from '@nats-io/transport-node/lib/node_transport.js';
import { checkServerRole } from './server-role.js';
import type { MessageHandler } from './transport.js';

/** How to speak TLS with the bus. Plain data, so that it can go to a worker. PEM everywhere. */
export interface BusTls {
  /** Whose certificates to believe; the system's authorities when absent. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** True: the server proves to be a minder of the cluster. Otherwise its host name must match. */
  readonly minder?: boolean;
}

/** Who we are on the bus: a user's JWT and the seed of the key that it names. */
export interface BusCredentials {
  readonly jwt: string;
  readonly seed: string;
}

export interface LinkOptions {
  /** `tls://host:port`; with `nats://host:port` and nothing in `tls` the server decides about TLS. */
  readonly server: string;
  readonly name: string;
  readonly tls?: BusTls | undefined;
  readonly credentials?: BusCredentials | undefined;
  readonly inboxPrefix?: string | undefined;
  /** A round of dial, TLS and authorisation, for each address that the host stands for. */
  readonly connectTimeoutMs: number;
  /** Two pings without an answer, and the third beat ends the connection. */
  readonly pingIntervalMs: number;
  /** Asks for a confirmation whenever that much was sent without one. */
  readonly flushBytes: number;
  /** Beats of `tick` that a confirmation may take. Beats, because a busy thread misses none. */
  readonly flushTicksMax: number;
}

/** Why a connection ended, or was not made. */
export const LOSSES = ['stale', 'closed', 'unauthorized', 'unconfirmed', 'protocol'] as const;
export type Loss = (typeof LOSSES)[number];

export interface LinkEvents {
  /** Once, when an open connection ends other than by `discard`. */
  down(loss: Loss): void;
  /** The server refused a subject. */
  refused(operation: 'publish' | 'subscription', subject: string): void;
}

/** What a message costs beside its payload and subject: `PUB`, the length, line ends. */
const FRAME_BYTES = 16;
const PINGS_OUT_MAX = 2;

/** The library's socket, but one that can be given up while it connects. */
class Wire extends NodeTransport {
  #connecting: Socket | undefined;

  override dial({ hostname, port }: { hostname: string; port: number }): Promise<Socket> {
    const socket = createConnection({ host: hostname, port, noDelay: true, keepAlive: true });
    this.#connecting = socket;
    return new Promise((resolve, reject) => {
      let failure: Error | undefined;
      socket.once('connect', () => {
        socket.removeAllListeners();
        resolve(socket);
      });
      socket.once('error', (error) => {
        failure = error;
      });
      socket.once('close', () => reject(failure ?? new Error('given up')));
    });
  }

  override discard(): void {
    super.discard();
    // Errors that come after this have nobody to tell, and must not end the process.
    this.#connecting?.on('error', () => {}).destroy();
  }
}

/** The library's protocol, telling at once what it would queue or print. */
class Protocol extends ProtocolHandler {
  onStatus: (status: Status) => void = () => {};
  onGarbage: () => void = () => {};

  override dispatchStatus(status: Status): void {
    this.onStatus(status);
  }

  override resetOutbound(): void {
    super.resetOutbound();
    const { parser } = this;
    const parse = parser.parse.bind(parser);
    parser.parse = (bytes) => {
      try {
        parse(bytes);
      } catch {
        this.onGarbage();
      }
    };
  }
}

const NO_PUBLISHER: Publisher = { publish: () => {} };

export class NatsLink {
  readonly server: string;
  readonly #client: Protocol;
  readonly #flushBytes: number;
  readonly #flushTicksMax: number;
  readonly #events: LinkEvents;
  #state: 'new' | 'open' | 'ended' = 'new';
  /** Why the dial failed, when the server said so. */
  #loss: Loss = 'closed';
  #sentBytes = 0;
  #confirmedBytes = 0;
  #flushing = false;
  #flushTicks = 0;

  constructor(options: LinkOptions, { events }: { events: LinkEvents }) {
    this.server = options.server;
    this.#events = events;
    this.#flushBytes = options.flushBytes;
    this.#flushTicksMax = options.flushTicksMax;
    setTransportFactory({ factory: () => new Wire(), dnsResolveFn: nodeResolveHost });
    const { credentials, inboxPrefix } = options;
    const tls = tlsOptions(options);
    const parsed = parseOptions({
      servers: [options.server],
      name: options.name,
      // Its type knows no function to check the server with; it hands on whatever is here.
      ...(tls === undefined ? {} : { tls: tls as object }),
      ...(credentials === undefined ? {} : { authenticator: jwtOf(credentials) }),
      ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
      timeout: options.connectTimeoutMs,
      pingInterval: options.pingIntervalMs,
      maxPingOut: PINGS_OUT_MAX,
      reconnect: false,
      ignoreClusterUpdates: true,
      noAsyncTraces: true,
    });
    this.#client = new Protocol(parsed, NO_PUBLISHER);
    this.#client.onStatus = (status) => this.#heed(status);
    this.#client.onGarbage = () => this.#end('protocol');
  }

  /** Connects and signs in. Rejects with an error that says why not; the link is of no use then. */
  async open(): Promise<void> {
    try {
      await this.#client.dialLoop();
    } catch (error) {
      if (isAuthError(error)) this.#loss = 'unauthorized';
      this.discard();
      throw error;
    }
    if (this.#state === 'ended') {
      // Given up while the host's name was looked up, when there was no socket yet.
      this.discard();
      throw new Error('given up');
    }
    this.#state = 'open';
  }

  /** Why `open` was refused. */
  get loss(): Loss {
    return this.#loss;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get unconfirmedBytes(): number {
    return this.#sentBytes - this.#confirmedBytes;
  }

  /** The largest payload that the server takes; 0 before it said so. */
  get payloadBytesMax(): number {
    return this.#client.info?.max_payload ?? 0;
  }

  /** The payload must not change afterwards. Returns false when it cannot be sent. */
  publish(subject: string, payload: Uint8Array, replyTo?: string): boolean {
    if (this.#state !== 'open' || payload.length > this.payloadBytesMax) return false;
    this.#client.publish(subject, payload, replyTo === undefined ? {} : { reply: replyTo });
    this.#sentBytes += payload.length + subject.length + FRAME_BYTES;
    if (!this.#flushing && this.unconfirmedBytes >= this.#flushBytes) this.#flush();
    return true;
  }

  /**
   * Hears a subject until the link ends or `hearNoMore`. Handlers run while the socket's bytes
   * are read, so nothing queues up here: a slow one slows the socket down.
   */
  subscribe(subject: string, handler: MessageHandler): void {
    const client = this.#client;
    const callback = (error: Error | null, message: { subject: string; data: Uint8Array }) => {
      if (error !== null || this.#state === 'ended') return;
      try {
        handler(message.subject, message.data);
      } catch (bug) {
        // The library would swallow it and stop reading.
        queueMicrotask(() => {
          throw bug;
        });
      }
    };
    client.subscribe(new SubscriptionImpl(client, subject, { callback }));
  }

  /** Tells the server to send nothing more. What it has sent already still reaches the handlers. */
  hearNoMore(): void {
    for (const subscription of this.#client.subscriptions.all()) this.#client.unsub(subscription);
  }

  /** Calls `done` when the server has dealt with everything sent so far; never if it is lost first. */
  confirm(done: () => void): void {
    void this.#client.flush().then(done, () => {});
  }

  /** The link's beat: asks for what is not confirmed, and ends a link whose server gives no answer. */
  tick(): void {
    if (this.#state !== 'open') return;
    if (this.#flushing) {
      if (++this.#flushTicks > this.#flushTicksMax) this.#end('unconfirmed');
    } else if (this.#sentBytes > this.#confirmedBytes) {
      this.#flush();
    }
  }

  /** Ends the link here and now, at any point of its life. Tells nobody. */
  discard(): void {
    this.#state = 'ended';
    // Undefined until the dial begins, whatever its type says.
    (this.#client.transport as Wire | undefined)?.discard();
    void this.#client.close().catch(() => {});
  }

  #flush(): void {
    const mark = this.#sentBytes;
    this.#flushing = true;
    this.#flushTicks = 0;
    this.confirm(() => {
      this.#flushing = false;
      this.#confirmedBytes = mark;
      if (this.#state === 'open' && this.unconfirmedBytes >= this.#flushBytes) this.#flush();
    });
  }

  #heed(status: Status): void {
    if (status.type === 'staleConnection') {
      // Also how the library leaves after an authorisation error.
      this.#end(this.#loss === 'unauthorized' ? 'unauthorized' : 'stale');
    } else if (status.type === 'disconnect') {
      this.#end(this.#loss);
    } else if (status.type === 'error') {
      const { error } = status;
      if (error instanceof PermissionViolationError) {
        this.#events.refused(error.operation, error.subject);
      } else if (isAuthError(error)) {
        this.#loss = 'unauthorized';
      }
    }
  }

  #end(loss: Loss): void {
    // While it is new, `open` tells.
    if (this.#state !== 'open') return;
    this.discard();
    this.#events.down(loss);
  }
}

/**
 * Signs in with the JWT alone. The library adds the public key by itself, and a server that finds
 * one looks for it in its configuration at every reload, to no avail, and ends the connection.
 */
function jwtOf({ jwt, seed }: BusCredentials): Authenticator {
  const authenticate = jwtAuthenticator(jwt, new TextEncoder().encode(seed));
  return (nonce) => {
    const { sig } = authenticate(nonce) as JwtAuth;
    return { jwt, ...(sig === undefined ? {} : { sig }) };
  };
}

function isAuthError(error: unknown): boolean {
  if (error instanceof AuthorizationError) return true;
  if (error instanceof UserAuthenticationExpiredError) return true;
  // What the library takes for any other word of the server.
  return error instanceof Error && /\bauthentication revoked\b/i.test(error.message);
}

function tlsOptions({ server, tls }: LinkOptions): ConnectionOptions | undefined {
  // Then the server decides, and node's own rules say whom to believe.
  const isOptional = !server.startsWith('tls://') && Object.keys(tls ?? {}).length === 0;
  if (isOptional) return undefined;
  const { minder = false, ...pem } = tls ?? {};
  const host = hostOf(server);
  const check = (_name: string, certificate: PeerCertificate) =>
    minder ? checkServerRole('minder', certificate) : checkServerIdentity(host, certificate);
  return { ...pem, minVersion: 'TLSv1.2', checkServerIdentity: check };
}

/** The host of `tls://host:port`, without the brackets of an IPv6 address. */
function hostOf(server: string): string {
  const match = /^(?:[a-z]+:\/\/)?(?:[^@/]*@)?(\[[^\]]*\]|[^:/]*)/i.exec(server);
  return (match?.[1] ?? '').replace(/^\[|\]$/g, '');
}
