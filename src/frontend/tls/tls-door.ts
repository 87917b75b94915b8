/**
 * The TLS of a frontend: which protocols and ciphers, under which certificate, with which ticket
 * keys; and the handshakes under way. A new certificate is for new handshakes: connections that
 * live keep what they have.
 *
 * ```
 * place 0    for everybody who asks for no name, or for one that no certificate has
 *       1..  for whoever asks for a name that is in it (SNI); of several, the first
 * ```
 */
import type { Socket } from 'node:net';
import {
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type TlsOptions,
} from 'node:tls';
import { FrontendCounter, type FrontendCounters } from '../counters.js';
import { type HandshakeLimits, Handshakes } from './handshakes.js';
import { TicketKeys } from './ticket-keys.js';
import type { TlsIdentity } from './tls-identity.js';

/** Forward secrecy and authenticated encryption, nothing else; TLS 1.3 has no other. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** OpenSSL's SSL_OP_NO_RENEGOTIATION, which node does not list: a cheap way to have us work. */
const NO_RENEGOTIATION = 0x4000_0000;
/** How long a ticket is good: clients come back each interval. */
const SESSION_SECONDS = 2 * 3_600;
const SWEEP_MS_MAX = 1_000;
const SWEEP_MS_MIN = 10;

export interface TlsDoorOptions extends HandshakeLimits {
  /** `TICKET_SECRET_BYTES` random bytes, shared by the workers of an address, and when they were made. */
  readonly ticketSecret: Uint8Array;
  readonly ticketStartMs: number;
  /** Certificates of other names will come: only then names are looked at. */
  readonly isForMore?: boolean;
}

/** The same for all certificates: a session is of this server, whichever it began with. */
const SESSION_ID_CONTEXT = 'trackerbt';

/** What a TLS server of node is asked for. */
interface ContextTaker {
  setSecureContext(options: SecureContextOptions): void;
}

export class TlsDoor<T> {
  readonly handshakes: Handshakes<T>;
  readonly #counters: FrontendCounters;
  readonly #tickets: TicketKeys;
  readonly #servers = new Set<ContextTaker>();
  readonly #timer: NodeJS.Timeout;
  readonly #isForMore: boolean;
  /** By place; a hole where none has come yet. */
  readonly #identities: (TlsIdentity | undefined)[] = [];
  /** What was made of those from 1 on. */
  readonly #contexts: (SecureContext | undefined)[] = [];

  /** Without an identity, every handshake fails until `use` brings one. */
  constructor(options: TlsDoorOptions, counters: FrontendCounters) {
    this.#counters = counters;
    this.handshakes = new Handshakes(options, counters);
    this.#tickets = new TicketKeys(options.ticketSecret, options.ticketStartMs);
    this.#isForMore = options.isForMore ?? false;
    const sweepMs = Math.max(SWEEP_MS_MIN, Math.min(SWEEP_MS_MAX, options.handshakeTimeoutMs / 4));
    this.#timer = setInterval(() => this.#tick(), sweepMs).unref();
  }

  /** Serves new handshakes with this certificate, in the place of the one that was there. */
  use(identity: TlsIdentity, place = 0): void {
    this.#identities[place] = identity;
    if (place === 0) {
      this.#counters.cells[FrontendCounter.httpsCertificateEndMs] = identity.notAfterMs;
    }
    this.#update(this.#tickets.at(Date.now()).keys);
  }

  /** For the server that is then passed to `add`. */
  serverOptions(): TlsOptions {
    const byName: Pick<TlsOptions, 'SNICallback'> = {
      SNICallback: (name, done) => done(null, this.#contextFor(name)),
    };
    return {
      ...this.#context(this.#tickets.at(Date.now()).keys, 0),
      ALPNProtocols: ['http/1.1'],
      ...(this.#isForMore ? byName : {}),
    };
  }

  add(server: ContextTaker): void {
    this.#servers.add(server);
  }

  /** True when a handshake may begin on this connection. */
  admit(owner: T, raw: Socket): boolean {
    return this.handshakes.begin(owner, raw, performance.now());
  }

  stop(): void {
    clearInterval(this.#timer);
    this.handshakes.stop();
    this.#servers.clear();
  }

  #tick(): void {
    this.handshakes.sweep(performance.now());
    const { keys, changed } = this.#tickets.at(Date.now());
    if (changed) this.#update(keys);
  }

  #update(ticketKeys: Buffer): void {
    for (const server of this.#servers) server.setSecureContext(this.#context(ticketKeys, 0));
    for (let place = 1; place < this.#identities.length; place++) {
      if (this.#identities[place] === undefined) continue;
      this.#contexts[place] = createSecureContext(this.#context(ticketKeys, place));
    }
  }

  /** For a client that asks for that name; undefined for what everybody gets. */
  #contextFor(name: string): SecureContext | undefined {
    const place = this.#identities.findIndex((identity) => identity?.isFor(name));
    return place > 0 ? this.#contexts[place] : undefined;
  }

  #context(ticketKeys: Buffer, place: number): SecureContextOptions {
    const { cert, key } = this.#identities[place] ?? {};
    return {
      ...(cert === undefined ? {} : { cert, key }),
      minVersion: 'TLSv1.2',
      ciphers: CIPHERS,
      honorCipherOrder: true,
      secureOptions: NO_RENEGOTIATION,
      sessionTimeout: SESSION_SECONDS,
      sessionIdContext: SESSION_ID_CONTEXT,
      ticketKeys,
    };
  }
}
