/**
 * Keeps a node a member: renews its certificate at two thirds of its life, without a restart, and
 * saves what the minder says. While no minder answers it goes on trying until the certificate ends,
 * and after that too, with little hope.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import type { LogSink } from '../lib/log-sink.js';
import type { ClusterSettings } from '../protocol/cluster/control.js';
import type { EnrolmentRefusal } from '../protocol/cluster/enrolment.js';
import {
  type EnrolOptions,
  enrol,
  isFinal,
  type NodeDescription,
  renew,
} from './enrolment-client.js';
import { EnrolmentError } from './enrolment-error.js';
import { type Identity, loadIdentity, saveIdentity } from './identity.js';

export interface JoinOptions extends Omit<EnrolOptions, 'url' | 'token' | 'busKey'> {
  /** File of the identity; see `identityPath`. */
  readonly path: string;
  /** Empty when the node counts on its identity. */
  readonly url: string;
  /** Reads the token. Not called when there is a good identity, so that none is spent for nothing. */
  readonly token?: (() => Promise<string>) | undefined;
  /** How long a minder that does not answer yet is waited for. Default 30 s. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 30_000;
const JOIN_RETRY_MS = 1_000;

/**
 * The identity of this node: the saved one while its certificate is good, otherwise a new one, saved
 * already. Throws `EnrolmentError`, `IdentityError` or `PrivateFileError`.
 */
export async function joinCluster(
  { path, url, token, patienceMs = PATIENCE_MS, ...options }: JoinOptions,
  { clock, logger }: { clock: Clock; logger: Logger },
): Promise<Identity> {
  const saved = loadIdentity(path);
  if (saved !== undefined && saved.expiresWallMs > clock.wallMs()) return saved;
  if (token === undefined || url === '') {
    const why =
      saved === undefined
        ? 'there is no identity yet'
        : 'the certificate of the identity has run out, as it does when a node is away for long';
    throw new EnrolmentError(
      'identity_missing',
      `cannot join a cluster: ${why}; give --join URL and --token TOKEN`,
    );
  }
  const { makeBusKey } = await import('./enrolment-keys.js');
  const request = { ...options, url, token: await token(), busKey: makeBusKey() };
  const endMs = performance.now() + patienceMs;
  for (;;) {
    try {
      const identity = await enrol(request, { clock });
      saveIdentity(path, identity);
      logger.info({ id: identity.nodeId, minder: identity.minders[0] }, 'joined the cluster');
      return identity;
    } catch (error) {
      if (
        !(error instanceof EnrolmentError) ||
        !mayPass(error) ||
        performance.now() + JOIN_RETRY_MS > endMs
      )
        throw error;
      logger.warn({ reason: error.message }, 'cannot join yet: trying again');
    }
    await new Promise((resolve) => setTimeout(resolve, JOIN_RETRY_MS));
  }
}

/** True while the minder may still be starting. */
function mayPass({ code, refusal }: EnrolmentError): boolean {
  return code === 'minder_unreachable' || refusal === 'unavailable';
}

export interface IdentityKeeperOptions {
  readonly path: string;
  readonly identity: Identity;
  readonly node: NodeDescription;
  readonly timeoutMs?: number;
}

export interface IdentityKeeperDependencies {
  readonly clock: Clock;
  readonly log: LogSink;
  /** Other certificates, bus credentials or addresses of the bus. */
  readonly onRenewed: (identity: Identity) => void;
  /** The minder will not renew, for good; the node is out. */
  readonly onRefused?: (refusal: EnrolmentRefusal) => void;
  /** From 0 to 1; `Math.random` unless a test gives another. */
  readonly random?: () => number;
}

/** Renewal is due at this share of a certificate's life, less up to a twentieth by chance. */
const RENEW_SHARE = 2 / 3;
const JITTER_SHARE = 1 / 20;
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** Timers of node end at 2^31 ms; longer waits are taken in pieces. */
const TIMER_MAX_MS = 3_600_000;

export class IdentityKeeper {
  readonly #path: string;
  readonly #node: NodeDescription;
  readonly #timeoutMs: number | undefined;
  readonly #dependencies: IdentityKeeperDependencies;
  #identity: Identity;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = 0;
  #failures = 0;
  #stopped = false;
  #renewing: Promise<void> | undefined;
  /** Renewals done and renewals that failed. */
  readonly counters = { renewed: 0, failed: 0 };

  constructor(options: IdentityKeeperOptions, dependencies: IdentityKeeperDependencies) {
    this.#path = options.path;
    this.#identity = options.identity;
    this.#node = options.node;
    this.#timeoutMs = options.timeoutMs;
    this.#dependencies = dependencies;
  }

  get identity(): Identity {
    return this.#identity;
  }

  start(): void {
    this.#plan();
  }

  /** Idempotent; waits for a renewal under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#renewing;
  }

  /** Renews now, and returns when that is done or has failed. */
  async renewNow(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    await this.#renewing;
  }

  /**
   * Keeps what the minder says for the next start: keys and addresses. Older news is dropped. Other
   * addresses of the bus are told as a renewal is.
   */
  noteSettings(settings: ClusterSettings): void {
    const old = this.#identity;
    if (settings.revision <= old.revision) return;
    const minders = joined(
      settings.minders.flatMap(({ urls }) => urls),
      old.minders,
    );
    const urls = joined(
      settings.minders.flatMap(({ bus }) => bus),
      old.bus.urls,
    );
    const { revision, keyRing } = settings;
    const next = { ...old, revision, keyRing, minders, bus: { ...old.bus, urls } };
    // Most revisions are about other nodes, and not worth a write.
    const isSame = isDeepStrictEqual({ ...next, revision: old.revision }, old);
    if (isSame) this.#identity = next;
    else this.#keep(next);
    if (!isDeepStrictEqual(urls, old.bus.urls)) this.#dependencies.onRenewed(next);
  }

  #plan(): void {
    const { issuedWallMs, expiresWallMs } = this.#identity;
    const lifetimeMs = expiresWallMs - issuedWallMs;
    const chance = (this.#dependencies.random ?? Math.random)();
    const share = RENEW_SHARE - JITTER_SHARE * chance;
    const ageMs = this.#dependencies.clock.wallMs() - issuedWallMs;
    // From here on the monotonic clock counts: the other one may be set meanwhile.
    this.#dueMs = performance.now() + Math.max(0, lifetimeMs * share - ageMs);
    this.#sleep();
  }

  #sleep(): void {
    if (this.#stopped) return;
    const waitMs = Math.max(0, this.#dueMs - performance.now());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        if (performance.now() < this.#dueMs) this.#sleep();
        else void this.renewNow();
      },
      Math.min(waitMs, TIMER_MAX_MS),
    ).unref();
  }

  async #renew(): Promise<void> {
    const { clock, log, onRefused } = this.#dependencies;
    const timeout = this.#timeoutMs === undefined ? {} : { timeoutMs: this.#timeoutMs };
    try {
      const renewed = await renew(
        { identity: this.#identity, node: this.#node, ...timeout },
        { clock },
      );
      // Settings may have come meanwhile that are newer than the reply.
      const { revision, keyRing } = this.#identity;
      const fresh = renewed.revision >= revision ? renewed : { ...renewed, revision, keyRing };
      this.#failures = 0;
      this.counters.renewed++;
      this.#keep(fresh);
      this.#dependencies.onRenewed(fresh);
      const expires = new Date(fresh.expiresWallMs).toISOString();
      log.log('info', 'certificate renewed', { expires });
      this.#plan();
    } catch (error) {
      this.counters.failed++;
      const reason = error instanceof Error ? error.message : String(error);
      if (isFinal(error) && error instanceof EnrolmentError && error.refusal !== undefined) {
        log.log('error', 'the certificate is not renewed: this node is out of the cluster', {
          reason,
        });
        onRefused?.(error.refusal);
        return;
      }
      const { expiresWallMs } = this.#identity;
      const leftSeconds = Math.round((expiresWallMs - clock.wallMs()) / 1000);
      log.log('warn', 'cannot renew the certificate yet: trying again', { reason, leftSeconds });
      this.#planRetry();
    }
  }

  #planRetry(): void {
    const { issuedWallMs, expiresWallMs } = this.#identity;
    const mostMs = Math.min(RETRY_MAX_MS, (expiresWallMs - issuedWallMs) / 20);
    const waitMs = Math.min(mostMs, RETRY_MIN_MS * 2 ** Math.min(this.#failures++, 10));
    const chance = (this.#dependencies.random ?? Math.random)();
    this.#dueMs = performance.now() + waitMs * (0.5 + chance / 2);
    this.#sleep();
  }

  #keep(identity: Identity): void {
    this.#identity = identity;
    try {
      saveIdentity(this.#path, identity);
    } catch (error) {
      // It is good in memory, and the next renewal tries again.
      const reason = error instanceof Error ? error.message : String(error);
      this.#dependencies.log.log('error', 'the identity is not saved', { reason });
    }
  }
}

const ADDRESSES_MAX = 32;

/** The new ones first; old ones are kept, since who is not named may still live. */
function joined(fresh: readonly string[], old: readonly string[]): string[] {
  return [...new Set([...fresh, ...old])].slice(0, ADDRESSES_MAX);
}
