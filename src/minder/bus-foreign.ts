/**
 * A bus that somebody else runs: `--nats URL --nats-creds FILE --nats-account-key FILE`. The account
 * is theirs, and we hold a key that signs its users; the credentials tell which account it is. With
 * that key every node still gets its own permissions.
 *
 * Revocations are written into an account by its operator, who is not us. So users are signed for an
 * hour: a revoked node gets no next one, and until its hour is over the other nodes, which the
 * minder has told, do not listen to it.
 */
import { readFileSync } from 'node:fs';
import { encodeUser, parseCreds } from '@nats-io/jwt';
import { createUser, fromSeed, type KeyPair } from '@nats-io/nkeys';
import { type BusCredentials, type BusTls, NatsLink } from '../cluster/nats-link.js';
import type { Clock } from '../lib/clock.js';
import { reasonOf } from '../lib/reason.js';
import {
  BusAccountsError,
  type BusGrant,
  type BusSigner,
  checkUserKey,
  type Revocation,
  type Upheld,
  userClaims,
} from './bus-signer.js';

const LIFETIME_MS_MAX = 3_600_000;
const FILE_CHARACTERS_MAX = 64 * 1024;
const PROBE_LIMIT_MS = 10_000;
/** A node that never is: what it says is heard by nobody. */
const PROBE_ID = `n${'f'.repeat(16)}`;

export interface ForeignBusOptions {
  /** A user of the account, as `nsc generate creds` writes it. */
  readonly credsFile: string;
  /** Seed (`SA...`) of the account or of one of its signing keys. */
  readonly accountKeyFile: string;
}

export class ForeignBus implements BusSigner {
  readonly lifetimeMsMax = LIFETIME_MS_MAX;
  /** Public key of the account. */
  readonly account: string;
  readonly #key: KeyPair;
  readonly #clock: Clock;

  private constructor(account: string, key: KeyPair, clock: Clock) {
    this.account = account;
    this.#key = key;
    this.#clock = clock;
  }

  /** Reads both files. Throws `BusAccountsError`; no message holds what is in them. */
  static async open(
    { credsFile, accountKeyFile }: ForeignBusOptions,
    { clock }: { clock: Clock },
  ): Promise<ForeignBus> {
    const creds = readText(credsFile, '--nats-creds');
    const seed = readText(accountKeyFile, '--nats-account-key').trim();
    let account: string;
    try {
      account = (await parseCreds(new TextEncoder().encode(creds))).aid;
    } catch {
      throw new BusAccountsError(
        'bus_key_invalid',
        `${credsFile} holds no credentials of a NATS user (nsc generate creds writes them)`,
      );
    }
    try {
      if (!seed.startsWith('SA')) throw new Error('not an account');
      return new ForeignBus(account, fromSeed(new TextEncoder().encode(seed)), clock);
    } catch {
      throw new BusAccountsError(
        'bus_key_invalid',
        `${accountKeyFile} holds no seed of an account or of its signing key (it begins with SA)`,
      );
    }
  }

  async userJwt(publicKey: string, grant: BusGrant): Promise<string> {
    checkUserKey(publicKey);
    return this.#sign(publicKey, grant);
  }

  async revoke(publicKey: string): Promise<Revocation> {
    checkUserKey(publicKey);
    return { live: false, effectiveWallMs: this.#clock.wallMs() + this.lifetimeMsMax };
  }

  /** Nothing to tell: who is revoked is signed no more, by any minder that has heard. */
  async uphold(): Promise<Upheld> {
    return { fresh: [], live: true, canCut: false };
  }

  /**
   * Finds out whether the bus takes our users and keeps them to their permissions. Throws
   * `BusAccountsError` when it does not, and when no server can be reached.
   */
  async verify({ servers, tls }: { servers: readonly string[]; tls?: BusTls }): Promise<void> {
    const credentials = await this.#probeUser();
    let reason = 'no server is named';
    for (const server of servers) {
      try {
        const scoped = await probe({ server, tls, credentials });
        if (scoped) return;
        reason = `${server} lets users publish what their permissions do not allow`;
      } catch (error) {
        reason = `${server}: ${reasonOf(error)}`;
      }
    }
    throw new BusAccountsError(
      'bus_key_invalid',
      `the NATS server does not work with users signed by --nats-account-key (${reason}): it must ` +
        'be a signing key of the account that --nats-creds belongs to, without a role of its own',
    );
  }

  async #probeUser(): Promise<BusCredentials> {
    const user = createUser();
    const expiresWallMs = this.#clock.wallMs() + 60_000;
    const grant = { nodeId: PROBE_ID, role: 'minder', expiresWallMs } as const;
    const jwt = await this.#sign(user.getPublicKey(), grant);
    return { jwt, seed: new TextDecoder().decode(user.getSeed()) };
  }

  async #sign(publicKey: string, grant: BusGrant): Promise<string> {
    const latestMs = this.#clock.wallMs() + this.lifetimeMsMax;
    const exp = Math.ceil(Math.min(grant.expiresWallMs, latestMs) / 1000);
    const isAccount = this.#key.getPublicKey() === this.account;
    const signer = isAccount ? {} : { signer: this.#key };
    const issuer = isAccount ? this.#key : this.account;
    const claims = userClaims(grant);
    return encodeUser(grant.nodeId, publicKey, issuer, claims, { exp, ...signer });
  }
}

/** True when the server refuses what a minder may not say. */
async function probe(options: {
  server: string;
  tls: BusTls | undefined;
  credentials: BusCredentials;
}): Promise<boolean> {
  let refused = false;
  const link = new NatsLink(
    {
      ...options,
      name: 'probe',
      connectTimeoutMs: PROBE_LIMIT_MS,
      pingIntervalMs: PROBE_LIMIT_MS,
      flushBytes: Number.POSITIVE_INFINITY,
      flushTicksMax: Number.POSITIVE_INFINITY,
    },
    {
      events: {
        down: () => {},
        refused: () => {
          refused = true;
        },
      },
    },
  );
  let limit: NodeJS.Timeout | undefined;
  try {
    await link.open();
    link.publish(`peers.${PROBE_ID}`, new Uint8Array());
    await new Promise<void>((resolve, reject) => {
      limit = setTimeout(() => reject(new Error('no answer')), PROBE_LIMIT_MS);
      link.confirm(resolve);
    });
    return refused;
  } finally {
    clearTimeout(limit);
    link.discard();
  }
}

function readText(path: string, flag: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > FILE_CHARACTERS_MAX) throw new Error('it is too long');
    return text;
  } catch (error) {
    const reason = reasonOf(error);
    throw new BusAccountsError('bus_key_missing', `${flag}: cannot read ${path}: ${reason}`);
  }
}
