/**
 * The keys that the bus trusts, in one file: an operator, the account that NATS itself speaks in,
 * and the one that all nodes share. Users are signed by the account; the bus server knows only the
 * operator, and takes changes of an account while it runs.
 *
 * ```
 * operator --signs--> system account --signs--> a user of a minute, to tell the server of changes
 *          --signs--> account (with its revocations) --signs--> one user for each node
 * ```
 *
 * `DIR/accounts.json`, mode 0600: seeds of the three keys, the JWTs of operator and accounts, and the
 * revocations. A revocation is written before the server hears of it, so that a restart of either
 * keeps it.
 *
 * Where there are several minders, each signs the account with all revocations that it knows of, its
 * own and the others'. A revocation voids whatever is signed until it is forgotten, not until it was
 * made: so it means the same whoever signs it, and in whatever order servers hear of two accounts.
 */
import { join } from 'node:path';
import { decode, encodeAccount, encodeOperator, encodeUser } from '@nats-io/jwt';
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from '@nats-io/nkeys';
import { z } from 'zod';
import type { BusCredentials } from '../cluster/nats-link.js';
import type { Clock } from '../lib/clock.js';
import { readPrivateFile, writePrivateFile } from '../lib/private-file.js';
import {
  BusAccountsError,
  type BusGrant,
  type BusSigner,
  checkUserKey,
  type KnownRevocation,
  type Revocation,
  type Upheld,
  userClaims,
} from './bus-signer.js';

/** Revocations at one time: each is 80 bytes of an account's JWT, which is one message on the bus. */
const REVOCATIONS_MAX = 4096;
/**
 * A revocation outlives whatever it voids, also what was signed when lifetimes were set longer than
 * they are now.
 */
const REVOCATION_MS_MIN = 90 * 86_400_000;
const SYSTEM_USER_SECONDS = 60;
/** Until a server takes a change that it did not take. */
const RETRY_MS = 5_000;

const fileSchema = z.strictObject({
  version: z.literal(1),
  operatorSeed: z.string().startsWith('SO'),
  systemSeed: z.string().startsWith('SA'),
  accountSeed: z.string().startsWith('SA'),
  operatorJwt: z.string(),
  systemJwt: z.string(),
  accountJwt: z.string(),
  /** By the user's public key; milliseconds since 1970. After `until` nothing it voids is good. */
  revoked: z.record(z.string(), z.strictObject({ atWallMs: z.number(), untilWallMs: z.number() })),
});
type AccountsFile = z.output<typeof fileSchema>;

/** What a bus server is configured with. */
export interface BusTrust {
  readonly operatorJwt: string;
  readonly systemAccount: string;
  readonly systemJwt: string;
  readonly account: string;
  /** With its revocations: newer ones are pushed while the server runs. */
  readonly accountJwt: string;
}

/** The seeds of a bus, for another minder that is to run a server of the same bus. */
export interface BusSeeds {
  readonly operatorSeed: string;
  readonly systemSeed: string;
  readonly accountSeed: string;
}

export interface BusAccountsOptions {
  /** Where `accounts.json` lies, or is made. */
  readonly directory: string;
  /** See `BusSigner`. */
  readonly lifetimeMsMax: number;
  /** Keys of an existing bus, when there is no file yet. */
  readonly seeds?: BusSeeds;
  /** Revocations at one time. Default 4,096. */
  readonly revocationsMax?: number;
}

export class BusAccounts implements BusSigner {
  readonly lifetimeMsMax: number;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #account: KeyPair;
  readonly #revocationsMax: number;
  #file: AccountsFile;
  /** Tells the bus servers of a changed account; resolves to false when none could be told. */
  #push: (accountJwt: string) => Promise<boolean> = async () => false;
  /** Changes of the account come one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  /** The account as the servers have taken it. */
  #told: string | undefined;

  private constructor(
    path: string,
    file: AccountsFile,
    { lifetimeMsMax, revocationsMax = REVOCATIONS_MAX }: BusAccountsOptions,
    clock: Clock,
  ) {
    this.#path = path;
    this.#file = file;
    this.#clock = clock;
    this.#account = keyPair(file.accountSeed);
    this.lifetimeMsMax = lifetimeMsMax;
    this.#revocationsMax = revocationsMax;
  }

  /** Loads the keys, or makes them. Throws `BusAccountsError` or `PrivateFileError`. */
  static async open(
    options: BusAccountsOptions,
    { clock }: { clock: Clock },
  ): Promise<BusAccounts> {
    const { directory, seeds } = options;
    const path = join(directory, 'accounts.json');
    const text = readPrivateFile(path);
    let file: AccountsFile;
    if (text === undefined) {
      file = await makeFile(seeds ?? makeSeeds());
      writePrivateFile(path, JSON.stringify(file));
    } else {
      file = parse(text, path);
    }
    return new BusAccounts(path, file, options, clock);
  }

  get trust(): BusTrust {
    const { operatorJwt, systemJwt, accountJwt } = this.#file;
    const systemAccount = keyPair(this.#file.systemSeed).getPublicKey();
    const account = this.#account.getPublicKey();
    return { operatorJwt, systemAccount, systemJwt, account, accountJwt };
  }

  /** Secret: hands out the whole bus. */
  get seeds(): BusSeeds {
    const { operatorSeed, systemSeed, accountSeed } = this.#file;
    return { operatorSeed, systemSeed, accountSeed };
  }

  /** Says how running servers are told of changes (`pushAccount`). */
  onChange(push: (accountJwt: string) => Promise<boolean>): void {
    this.#push = push;
  }

  async userJwt(publicKey: string, grant: BusGrant): Promise<string> {
    checkUserKey(publicKey);
    const latestMs = this.#clock.wallMs() + this.lifetimeMsMax;
    const exp = Math.ceil(Math.min(grant.expiresWallMs, latestMs) / 1000);
    return encodeUser(grant.nodeId, publicKey, this.#account, userClaims(grant), { exp });
  }

  /**
   * Takes back every JWT of a public key, here and now: in the file first, then in the servers. When
   * no server answers, each takes it from the file at its start.
   */
  revoke(publicKey: string): Promise<Revocation> {
    const turn = this.#turn.then(() => this.#revoke(publicKey));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /**
   * Takes over revocations of other minders: in the file, then in the servers. What voids nothing any
   * more is left out, and the oldest of those that find no room. Does nothing when all of them are known and
   * the servers have heard.
   */
  uphold(revocations: readonly KnownRevocation[]): Promise<Upheld> {
    const turn = this.#turn.then(() => this.#uphold(revocations));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /**
   * Tells the running servers of the account as it is. What they do not take is offered again every
   * few seconds, besides that each server starts with it.
   */
  async pushAll(): Promise<boolean> {
    clearTimeout(this.#retry);
    const { accountJwt } = this.#file;
    const taken = await this.#push(accountJwt);
    if (taken) this.#told = accountJwt;
    if (!taken && accountJwt === this.#file.accountJwt) {
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => void this.pushAll(), RETRY_MS).unref();
    }
    return taken;
  }

  /** Ends the attempts to tell servers of changes. */
  close(): void {
    clearTimeout(this.#retry);
    this.#push = async () => true;
  }

  /** A user of the system account, good for a minute. */
  async systemCredentials(): Promise<BusCredentials> {
    const user = createUser();
    const exp = Math.ceil(this.#clock.wallMs() / 1000) + SYSTEM_USER_SECONDS;
    const system = keyPair(this.#file.systemSeed);
    const jwt = await encodeUser('system', user.getPublicKey(), system, {}, { exp });
    return { jwt, seed: new TextDecoder().decode(user.getSeed()) };
  }

  async #revoke(publicKey: string): Promise<Revocation> {
    checkUserKey(publicKey);
    const nowMs = this.#clock.wallMs();
    const revoked = { ...this.#inForce(), [publicKey]: this.#term(nowMs) };
    if (Object.keys(revoked).length > this.#revocationsMax) {
      throw new BusAccountsError(
        'bus_revocations_full',
        `${this.#revocationsMax} nodes were revoked lately: this one's bus access ends with its ` +
          'certificate; make a new cluster if that is too late',
      );
    }
    await this.#keep(revoked);
    const live = await this.pushAll();
    // A server that runs and was not told lets it go on until it is told or the JWT ends.
    const leftMs = live ? 0 : this.lifetimeMsMax;
    return { live, effectiveWallMs: this.#clock.wallMs() + leftMs };
  }

  async #uphold(revocations: readonly KnownRevocation[]): Promise<Upheld> {
    const nowMs = this.#clock.wallMs();
    const known = this.#inForce();
    const news = revocations
      .filter(({ publicKey, atWallMs }) => {
        const isOver = this.#term(atWallMs).untilWallMs <= nowMs;
        return !isOver && !Object.hasOwn(known, publicKey) && isUserKey(publicKey);
      })
      .sort((a, b) => b.atWallMs - a.atWallMs);
    const room = Math.max(0, this.#revocationsMax - Object.keys(known).length);
    const fresh = news.slice(0, room);
    if (fresh.length > 0) {
      // A clock that is ahead must not make it last longer than ours would.
      const term = (atWallMs: number) => this.#term(Math.min(atWallMs, nowMs));
      const terms = fresh.map(({ publicKey, atWallMs }) => [publicKey, term(atWallMs)] as const);
      await this.#keep({ ...known, ...Object.fromEntries(terms) });
    }
    const isTold = this.#told === this.#file.accountJwt;
    const live = isTold || (await this.pushAll());
    const leftOut = news.length - fresh.length;
    return {
      fresh: fresh.map(({ publicKey }) => publicKey),
      live,
      canCut: true,
      ...(leftOut === 0 ? {} : { leftOut }),
    };
  }

  #inForce(): AccountsFile['revoked'] {
    const nowMs = this.#clock.wallMs();
    return Object.fromEntries(
      Object.entries(this.#file.revoked).filter(([, { untilWallMs }]) => untilWallMs > nowMs),
    );
  }

  #term(atWallMs: number): { atWallMs: number; untilWallMs: number } {
    const keepMs = Math.max(this.lifetimeMsMax, REVOCATION_MS_MIN);
    return { atWallMs, untilWallMs: atWallMs + keepMs };
  }

  async #keep(revoked: AccountsFile['revoked']): Promise<void> {
    const accountJwt = await signAccount(this.#file, revoked);
    const file = { ...this.#file, accountJwt, revoked };
    writePrivateFile(this.#path, JSON.stringify(file));
    this.#file = file;
  }
}

function isUserKey(publicKey: string): boolean {
  try {
    checkUserKey(publicKey);
    return true;
  } catch {
    return false;
  }
}

function makeSeeds(): BusSeeds {
  const seed = (pair: KeyPair) => new TextDecoder().decode(pair.getSeed());
  return {
    operatorSeed: seed(createOperator()),
    systemSeed: seed(createAccount()),
    accountSeed: seed(createAccount()),
  };
}

async function makeFile(seeds: BusSeeds): Promise<AccountsFile> {
  const operator = keyPair(seeds.operatorSeed);
  const system = keyPair(seeds.systemSeed);
  const operatorJwt = await encodeOperator('trackerbt', operator, {
    system_account: system.getPublicKey(),
  });
  const systemJwt = await encodeAccount(
    'system',
    system,
    { limits: ACCOUNT_LIMITS },
    { signer: operator },
  );
  const accountJwt = await signAccount(seeds, {});
  return { version: 1, ...seeds, operatorJwt, systemJwt, accountJwt, revoked: {} };
}

/** No limits but: no leaf nodes, no wildcard exports, no streams. Connections are the server's. */
const ACCOUNT_LIMITS = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: 0,
  exports: 0,
  wildcards: true,
  conn: -1,
  leaf: 0,
};

async function signAccount(seeds: BusSeeds, revoked: AccountsFile['revoked']): Promise<string> {
  // A revocation names the second until which what was signed is void, that one included. A node has
  // one key for life, and what another minder signed for it meanwhile must not count either.
  const revocations = Object.fromEntries(
    Object.entries(revoked).map(([key, { untilWallMs }]) => [key, Math.ceil(untilWallMs / 1000)]),
  );
  return encodeAccount(
    'trackerbt',
    keyPair(seeds.accountSeed),
    { limits: ACCOUNT_LIMITS, revocations },
    { signer: keyPair(seeds.operatorSeed) },
  );
}

function keyPair(seed: string): KeyPair {
  return fromSeed(new TextEncoder().encode(seed));
}

function parse(text: string, path: string): AccountsFile {
  try {
    const file = fileSchema.parse(JSON.parse(text));
    const operator = keyPair(file.operatorSeed).getPublicKey();
    // Checks the signatures as well.
    for (const jwt of [file.operatorJwt, file.systemJwt, file.accountJwt]) {
      if (decode(jwt).iss !== operator) throw new Error('not signed by this operator');
    }
    return file;
  } catch {
    throw new BusAccountsError(
      'bus_accounts_damaged',
      `${path} is damaged: restore it from a backup; without it every node must join anew`,
    );
  }
}
