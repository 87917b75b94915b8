/**
 * Keeps a node a member: renews its certificate at two thirds of its life, without a restart, and
 * saves what the minder says. While no minder answers it goes on trying until the certificate ends,
 * and after that too, with little hope.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import type { LogSink } from '../lib/log-sink.js';
import { reasonOf } from '../lib/reason.js';
import { type ClusterSettings, isNewer } from '../protocol/cluster/control.js';
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
import { MinderDirectory } from './minder-directory.js';
import { parseMinderUrl } from './minder-request.js';

export interface JoinOptions extends Omit<EnrolOptions, 'url' | 'token'> {
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
  const request = { ...options, url, token: await token(), busKey: options.busKey ?? makeBusKey() };
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
  /** URL of a minder that the configuration names: asked as well, after all others. */
  readonly joinUrl?: string;
}

export interface IdentityKeeperDependencies {
  readonly clock: Clock;
  readonly log: LogSink;
  /** Other certificates and bus credentials, and maybe addresses of the bus. */
  readonly onRenewed: (identity: Identity) => void;
  /** The bus servers are others than before; certificates and credentials are not. */
  readonly onServers: (identity: Identity) => void;
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
  readonly #joinUrl: string;
  readonly #directory = new MinderDirectory();
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
    this.#joinUrl = options.joinUrl ?? '';
    this.#dependencies = dependencies;
  }

  get identity(): Identity {
    return this.#identity;
  }

  start(): void {
    this.#plan();
    // The operator names a minder that we have not heard of: perhaps the others are gone for good.
    if (!isKnownMinder(this.#identity, this.#joinUrl)) void this.renewNow();
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
   * Keeps what a minder says for the next start: keys and addresses. Older news is dropped. Returns
   * true when the keys are new. Other addresses of the bus are told.
   */
  noteSettings(settings: ClusterSettings): boolean {
    const old = this.#identity;
    const hasVersions = settings.keyRingVersion !== undefined;
    if (!hasVersions && settings.revision <= old.revision) return false;
    const { directory = [], minders, bus } = old;
    const known = { minders, bus: bus.urls, directory };
    const found = this.#directory.take(known, settings, performance.now());
    const next: Identity = {
      ...old,
      revision: Math.max(old.revision, settings.revision),
      minders: [...found.minders],
      bus: { ...bus, urls: [...found.bus] },
      directory: [...found.directory],
      ...this.#newerRing(settings),
    };
    // Most messages are about other nodes, or repeat, and are not worth a write.
    const isSame = isDeepStrictEqual({ ...next, revision: 0 }, { ...old, directory, revision: 0 });
    if (isSame) this.#identity = next;
    else this.#keep(next);
    if (!isDeepStrictEqual(next.bus.urls, bus.urls)) this.#dependencies.onServers(next);
    return !isDeepStrictEqual(next.keyRing, old.keyRing);
  }

  /** The keys of a message when they are newer than ours. */
  #newerRing({
    keyRing,
    keyRingVersion,
  }: ClusterSettings): Pick<Identity, 'keyRing' | 'keyRingVersion'> | undefined {
    const known = this.#identity.keyRingVersion;
    if (keyRingVersion === undefined) return { keyRing, keyRingVersion: undefined };
    const wallMs = this.#dependencies.clock.wallMs();
    const isNews = known === undefined || isNewer(keyRingVersion, known, wallMs);
    return isNews ? { keyRing, keyRingVersion } : undefined;
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
        { identity: this.#identity, node: this.#node, joinUrl: this.#joinUrl, ...timeout },
        { clock },
      );
      // Settings may have come meanwhile that are newer than the reply.
      const { revision, keyRing, keyRingVersion, directory } = this.#identity;
      const isNews =
        keyRingVersion === undefined
          ? renewed.revision >= revision
          : renewed.keyRing.generation > keyRing.generation;
      const fresh: Identity = {
        ...renewed,
        ...(isNews ? {} : { keyRing, keyRingVersion }),
        revision: Math.max(revision, renewed.revision),
        directory,
      };
      this.#failures = 0;
      this.counters.renewed++;
      this.#keep(fresh);
      this.#dependencies.onRenewed(fresh);
      const expires = new Date(fresh.expiresWallMs).toISOString();
      log.log('info', 'certificate renewed', { expires });
      this.#plan();
    } catch (error) {
      this.counters.failed++;
      const reason = reasonOf(error);
      if (isFinal(error) && error instanceof EnrolmentError && error.refusal !== undefined) {
        log.log('error', 'the certificate is not renewed: this node is out of the cluster', {
          reason,
        });
        onRefused?.(error.refusal);
        return;
      }
      const { expiresWallMs } = this.#identity;
      const leftSeconds = Math.round((expiresWallMs - clock.wallMs()) / 1000);
      const attempts = this.#failures + 1;
      // The first, second, fourth ...: minders may be away for long.
      if ((attempts & (attempts - 1)) === 0) {
        const what = 'cannot renew the certificate yet: trying again';
        log.log('warn', what, { reason, leftSeconds, attempts });
      }
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
      const reason = reasonOf(error);
      this.#dependencies.log.log('error', 'the identity is not saved', { reason });
    }
  }
}

function isKnownMinder({ minders }: Identity, joinUrl: string): boolean {
  if (joinUrl === '') return true;
  try {
    return minders.includes(parseMinderUrl(joinUrl).href);
  } catch {
    // The configuration has checked it; what is no URL names nobody.
    return true;
  }
}
