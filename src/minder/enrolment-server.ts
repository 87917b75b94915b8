/**
 * The minder's door: HTTPS, to which strangers come with tokens and nodes with certificates.
 *
 * ```
 * POST /v1/enrol   token and certificate request      -> certificate, CA, bus credentials, keys
 * POST /v1/renew   the same without a token, by TLS client certificate
 * POST /v1/minder  a minder that joins, or asks whether it still is one, by TLS client certificate
 * ```
 *
 * Everything a stranger could use up is bounded: connections, also of one address, requests of one
 * address in time, bytes, and time for each step.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { isLoopbackAddress } from '../admin/access.js';
import { roleOf } from '../cluster/server-role.js';
import type { Clock } from '../lib/clock.js';
import { Endpoint, formatAddress } from '../lib/endpoint.js';
import type { Logger } from '../lib/log.js';
import { reasonOf } from '../lib/reason.js';
import { sourceNetwork } from '../lib/source-network.js';
import {
  ENROL_PATH,
  ENROLMENT_REQUEST_BYTES_MAX,
  type EnrolmentRefusal,
  hostSchema,
  RENEW_PATH,
} from '../protocol/cluster/enrolment.js';
import { MINDER_PATH } from '../protocol/cluster/minder-admission.js';
import { AddressGate } from './address-gate.js';
import type { KeyPairPem } from './certificate-authority.js';
import type { Enrolment, EnrolmentOutcome, RequestSource } from './enrolment.js';
import type { AdmissionOutcome, MinderAdmission } from './minder-admission.js';
import { minderListenError } from './minder-listen-error.js';

export interface EnrolmentServerLimits {
  readonly connectionsMax: number;
  readonly connectionsPerAddress: number;
  readonly requestBurst: number;
  readonly requestsPerSecond: number;
  /** For the TLS handshake, and again for the request. */
  readonly timeoutMs: number;
  readonly stopTimeoutMs: number;
}

const LIMITS: EnrolmentServerLimits = {
  connectionsMax: 256,
  connectionsPerAddress: 32,
  requestBurst: 30,
  requestsPerSecond: 1,
  timeoutMs: 10_000,
  stopTimeoutMs: 2_000,
};
const ADDRESSES_MAX = 8_192;
/** A request longer than this ends with its connection. */
const OVERLONG_BYTES_MAX = 16 * ENROLMENT_REQUEST_BYTES_MAX;

export interface EnrolmentServerOptions {
  /** An IP address; '' for all. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** The cluster CA's certificate, PEM. */
  readonly ca: string;
  /** What the server shows. */
  readonly credentials: KeyPairPem;
  readonly limits?: Partial<EnrolmentServerLimits>;
}

export interface EnrolmentServerDependencies {
  readonly enrolment: Enrolment;
  readonly admission: MinderAdmission;
  readonly clock: Clock;
  readonly logger: Logger;
}

const STATUS: Readonly<Partial<Record<EnrolmentRefusal, number>>> = {
  request_invalid: 400,
  certificate_invalid: 401,
  too_many_requests: 429,
  cluster_full: 503,
  unavailable: 503,
};

export class EnrolmentServer {
  /** Connections closed at once: too many of all, or of one address; failed handshakes. */
  readonly counters = { connectionsRefused: 0, handshakesFailed: 0 };
  readonly #options: EnrolmentServerOptions;
  readonly #limits: EnrolmentServerLimits;
  readonly #enrolment: Enrolment;
  readonly #admission: MinderAdmission;
  readonly #logger: Logger;
  readonly #gate: AddressGate;
  readonly #server: Server;
  /** Open connections, by network. */
  readonly #perSource = new Map<string, number>();
  #stopped: Promise<void> | undefined;

  constructor(
    options: EnrolmentServerOptions,
    { enrolment, admission, clock, logger }: EnrolmentServerDependencies,
  ) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#enrolment = enrolment;
    this.#admission = admission;
    this.#logger = logger;
    const { requestBurst: burst, requestsPerSecond: perSecond } = this.#limits;
    this.#gate = new AddressGate({ burst, perSecond, addressesMax: ADDRESSES_MAX }, { clock });
    this.#server = this.#createServer();
  }

  /**
   * Binds and returns where: `127.0.0.1:7443`. `preferredPort` is tried first where the choice is the
   * system's. Throws `MinderListenError`.
   */
  async start(preferredPort = 0): Promise<{ host: string; port: number }> {
    const { host, port } = this.#options;
    try {
      if (port === 0 && preferredPort !== 0) {
        // Somebody else may have it by now.
        await this.#bind(host, preferredPort).catch(() => this.#bind(host, 0));
      } else await this.#bind(host, port);
    } catch (error) {
      throw minderListenError(error, 'listen', host, port);
    }
    const bound = this.#server.address() as AddressInfo;
    return { host: bound.address, port: bound.port };
  }

  /** New connections see this certificate. */
  setCredentials({ certificate, key }: KeyPairPem): void {
    const { ca } = this.#options;
    this.#server.setSecureContext({ ...TLS, ca, cert: certificate + ca, key });
  }

  /** Finishes replies under way, within a bound. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      const timer = setTimeout(
        () => this.#server.closeAllConnections(),
        this.#limits.stopTimeoutMs,
      );
      this.#server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
    return this.#stopped;
  }

  async #bind(host: string, port: number): Promise<void> {
    await this.#listen(host === '' ? '::' : host, port).catch(async (error: unknown) => {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      // A machine without IPv6.
      if (host !== '' || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error;
      await this.#listen('0.0.0.0', port);
    });
  }

  async #listen(host: string, port: number): Promise<void> {
    this.#server.listen({ host, port });
    await once(this.#server, 'listening');
  }

  #createServer(): Server {
    const { connectionsMax, timeoutMs } = this.#limits;
    const { ca, credentials } = this.#options;
    const server = createServer({
      ...TLS,
      ca,
      // The CA too: by its fingerprint a node knows that it may send its token.
      cert: credentials.certificate + ca,
      key: credentials.key,
      requestCert: true,
      // Who enrols has no certificate yet; renewal looks at it.
      rejectUnauthorized: false,
      handshakeTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      connectionsCheckingInterval: Math.min(1_000, timeoutMs),
      maxHeaderSize: 4_096,
    });
    server.maxConnections = connectionsMax;
    // Nodes come once in days.
    server.maxRequestsPerSocket = 1;
    server.setTimeout(timeoutMs, (socket) => socket.destroy());
    server.on('connection', (socket: Socket) => this.#admit(socket));
    server.on('drop', () => {
      this.counters.connectionsRefused++;
    });
    server.on('tlsClientError', () => {
      this.counters.handshakesFailed++;
    });
    server.on('clientError', (_error, socket) => socket.destroy());
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch((error: unknown) => {
        const reason = reasonOf(error);
        this.#logger.error({ reason }, 'a node cannot be answered');
        const source = sourceOf(request);
        this.#send(response, this.#enrolment.refuse('unavailable', source));
      });
    });
    return server;
  }

  #admit(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress);
    const source = sourceNetwork(address);
    const open = (this.#perSource.get(source) ?? 0) + 1;
    if (open > this.#limits.connectionsPerAddress && !isLoopbackAddress(address)) {
      this.counters.connectionsRefused++;
      socket.destroy();
      return;
    }
    this.#perSource.set(source, open);
    socket.once('close', () => {
      const left = (this.#perSource.get(source) ?? 1) - 1;
      if (left === 0) this.#perSource.delete(source);
      else this.#perSource.set(source, left);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const source = sourceOf(request);
    const path = request.url;
    if (path !== ENROL_PATH && path !== RENEW_PATH && path !== MINDER_PATH) {
      sendJson(response, 404, { error: 'not_found' });
      return;
    }
    if (request.method !== 'POST') {
      response.setHeader('allow', 'POST');
      sendJson(response, 405, { error: 'method_not_allowed' });
      return;
    }
    if (!this.#gate.pass(source.address)) {
      this.#send(response, this.#enrolment.refuse('too_many_requests', source));
      return;
    }
    const socket = request.socket as TLSSocket;
    const node = socket.authorized ? roleOf(socket.getPeerCertificate()) : undefined;
    if (path !== ENROL_PATH && node === undefined) {
      const reason = `certificate_${codeOf(socket.authorizationError)}`;
      const outcome = this.#enrolment.refuse('certificate_invalid', source, {}, reason);
      this.#send(response, outcome);
      return;
    }
    const body = await readJson(request);
    if (path === ENROL_PATH) this.#send(response, await this.#enrolment.enrol(body, source));
    else if (path === RENEW_PATH) {
      this.#send(response, await this.#enrolment.renew(node!, body, source));
    } else this.#send(response, await this.#admission.answer(node!, body, source));
  }

  #send(response: ServerResponse, outcome: EnrolmentOutcome | AdmissionOutcome): void {
    if (response.headersSent || response.destroyed) return;
    if (outcome.ok) sendJson(response, 200, outcome.reply);
    else sendJson(response, STATUS[outcome.refusal] ?? 403, { error: outcome.refusal });
  }
}

const TLS = { minVersion: 'TLSv1.2' } as const;

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    connection: 'close',
  });
  response.end(body);
}

/**
 * The request's JSON; undefined when it is none, too long, or cut off. What is too long is still read, within
 * a bound, so that the node hears why it is refused.
 */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > OVERLONG_BYTES_MAX) return undefined;
      if (bytes <= ENROLMENT_REQUEST_BYTES_MAX) parts.push(part);
    }
    if (bytes > ENROLMENT_REQUEST_BYTES_MAX) return undefined;
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    return undefined;
  }
}

function sourceOf({ socket, headers }: IncomingMessage): RequestSource {
  const called = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(headers.host ?? '');
  const host = called?.[1] ?? called?.[2] ?? '';
  return {
    address: plainAddress(socket.remoteAddress),
    calledHost: hostSchema.safeParse(host).success ? host : '',
  };
}

/** An address as people write it: IPv4 also where it came in IPv6 clothes. */
function plainAddress(text: string | undefined): string {
  const endpoint = new Endpoint();
  if (text === undefined || !endpoint.setAddressText(text)) return '::';
  return formatAddress(endpoint.bytes, 0, endpoint.addressLength as 4 | 16);
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code).toLowerCase();
  return typeof error === 'string' ? error.toLowerCase() : 'missing';
}
