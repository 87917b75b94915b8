/** Who signs the users of the bus: our own operator and account, or somebody else's account key. */
import { fromPublic } from '@nats-io/nkeys';
import type { NodeRole } from '../protocol/cluster/enrolment.js';
import { busPermissions } from './bus-permissions.js';

/** What a user may do and for how long. */
export interface BusGrant {
  readonly nodeId: string;
  readonly role: NodeRole;
  /** Milliseconds since 1970. The bus ends the connection then. */
  readonly expiresWallMs: number;
}

export interface Revocation {
  /** True: the user is cut off, or will be as soon as the bus server is up. */
  readonly live: boolean;
  /** By when the user can do nothing any more. Milliseconds since 1970. */
  readonly effectiveWallMs: number;
}

/** A user whom some minder revoked. */
export interface KnownRevocation {
  /** `U...` */
  readonly publicKey: string;
  /** When that was, ms since 1970. */
  readonly atWallMs: number;
}

export interface Upheld {
  /** Public keys that were news to the bus. */
  readonly fresh: readonly string[];
  /** True when the bus server has taken all of them. */
  readonly live: boolean;
  /** False where users cannot be cut off, and are only signed no more. */
  readonly canCut: boolean;
  /** How many found no room: their access ends with what they were given. */
  readonly leftOut?: number;
}

export interface BusSigner {
  /** The longest that a user may be good for. Longer grants are cut to it. */
  readonly lifetimeMsMax: number;
  /** Signs a user for a public key (`U...`). Throws `BusAccountsError` when it is none. */
  userJwt(publicKey: string, grant: BusGrant): Promise<string>;
  /** Takes back every JWT of a public key that was signed until now. */
  revoke(publicKey: string): Promise<Revocation>;
  /** Takes over what other minders have revoked. To be told again until it is live. */
  uphold(revocations: readonly KnownRevocation[]): Promise<Upheld>;
}

export const BUS_ACCOUNTS_ERROR_CODES = [
  'bus_accounts_damaged',
  'bus_key_missing',
  'bus_key_invalid',
  'bus_user_invalid',
  'bus_revocations_full',
] as const;
export type BusAccountsErrorCode = (typeof BUS_ACCOUNTS_ERROR_CODES)[number];

/** Keys or accounts of the bus cannot be used. `message` is for the operator. */
export class BusAccountsError extends Error {
  override name = 'BusAccountsError';
  constructor(
    readonly code: BusAccountsErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Subscriptions of one user: a tracker has seven or so. */
const SUBSCRIPTIONS_MAX = 64;

/** The NATS part of a user's claims. */
export function userClaims(grant: BusGrant) {
  const { publish, subscribe } = busPermissions(grant.role, grant.nodeId);
  return {
    pub: { allow: [...publish] },
    sub: { allow: [...subscribe] },
    subs: SUBSCRIPTIONS_MAX,
    bearer_token: false,
    allowed_connection_types: ['STANDARD' as const],
    tags: [grant.role],
  };
}

/** Checks a public user key, which comes from a node that wants to join. */
export function checkUserKey(publicKey: string): void {
  try {
    if (!/^U[A-Z2-7]{55}$/.test(publicKey)) throw new Error('not of this form');
    fromPublic(publicKey).getPublicKey();
  } catch {
    throw new BusAccountsError('bus_user_invalid', 'this is no public key of a NATS user');
  }
}
