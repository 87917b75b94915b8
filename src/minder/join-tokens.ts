/**
 * Join tokens: made by an operator, spent by nodes that enrol. The minder keeps the hash of the
 * secret, which has 192 random bits: nothing slower than SHA-256 is needed against guessing.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { CidrSet } from '../lib/cidr-set.js';
import type { Clock } from '../lib/clock.js';
import { Endpoint } from '../lib/endpoint.js';
import type { Logger } from '../lib/log.js';
import type { EnrolmentRefusal, NodeRole } from '../protocol/cluster/enrolment.js';
import {
  formatJoinToken,
  type JoinToken,
  parseJoinToken,
  TOKEN_ID_BYTES,
  TOKEN_SECRET_BYTES,
} from '../protocol/cluster/token.js';
import { type ControlRecord, SPENT_BY_MAX, USES_BY_MAX } from './control-record.js';
import { type ControlChange, type ControlState, newNodeId } from './control-state.js';

type TokenRecord = ControlRecord<'token'>;

export interface TokenGrant {
  readonly role: NodeRole;
  readonly ttlSeconds: number;
  /** How many nodes may join with it. */
  readonly uses: number;
  /** `ADDRESS/BITS`; '' for anywhere. Throws `CidrError` when it is no network. */
  readonly cidr?: string;
}

/** A token as lists show it. */
export interface TokenView extends Omit<TokenRecord, 'hash' | 'spentBy' | 'usesBy' | 'revoked'> {
  readonly id: string;
  readonly state: 'valid' | 'used' | 'expired' | 'revoked';
}

/** Why a token was not taken, for the log: finer than what the node is told. */
export const TOKEN_REFUSALS = [
  'malformed',
  'unknown',
  'wrong_secret',
  'used',
  'expired',
  'revoked',
  'role',
  'address',
] as const;
export type TokenRefusal = (typeof TOKEN_REFUSALS)[number];

/** What the node is told. Whether an id exists is nobody's business who lacks the secret. */
const TOLD: Readonly<Record<TokenRefusal, EnrolmentRefusal>> = {
  malformed: 'token_invalid',
  unknown: 'token_invalid',
  wrong_secret: 'token_invalid',
  used: 'token_used',
  expired: 'token_expired',
  revoked: 'token_revoked',
  role: 'token_role',
  address: 'token_address',
};

export interface TokenBearer {
  readonly role: NodeRole;
  /** IP address as text. */
  readonly address: string;
  /** Public nkey of the bus user: by it a node is known that asks again. */
  readonly busPublicKey: string;
}

export type TokenCheck =
  | {
      readonly ok: true;
      readonly tokenId: string;
      /** The id that the node gets; a new one with each check of a node that was not here before. */
      readonly nodeId: string;
      /** False for a node that asks again because it never heard the answer. */
      readonly isNew: boolean;
      /** What spends the token for a node, to be committed together with the node's record. */
      readonly spend: (nodeId: string) => ControlChange[];
    }
  | {
      readonly ok: false;
      readonly reason: TokenRefusal;
      readonly told: EnrolmentRefusal;
      readonly tokenId?: string;
    };

/** Tokens past their end stay in lists for a day. */
const KEEP_MS = 86_400_000;
/** Tokens kept at a time, dead ones included. */
const TOKENS_MAX = 10_000;

/** There are as many tokens as may be. */
export class TokensFullError extends Error {
  override name = 'TokensFullError';
  readonly code = 'tokens_full';
}

export class JoinTokens {
  readonly #state: ControlState;
  readonly #caFingerprint: Uint8Array;
  readonly #clock: Clock;

  constructor(
    { caFingerprint }: { caFingerprint: Uint8Array },
    { state, clock, logger }: { state: ControlState; clock: Clock; logger?: Logger | undefined },
  ) {
    this.#caFingerprint = caFingerprint;
    this.#state = state;
    this.#clock = clock;
    if (logger !== undefined) this.#watch(logger);
  }

  /** Makes a token and returns its text, which nobody can be told again. */
  create({ role, ttlSeconds, uses, cidr = '' }: TokenGrant): { id: string; token: string } {
    if (cidr !== '') new CidrSet([cidr]);
    const nowMs = this.#clock.wallMs();
    const changes = this.#forgotten(nowMs);
    if (this.#state.list('token').length - changes.length >= TOKENS_MAX) {
      throw new TokensFullError(`there are ${TOKENS_MAX} tokens: wait for some to expire`);
    }
    const id = randomBytes(TOKEN_ID_BYTES).toString('hex');
    const secret = randomBytes(TOKEN_SECRET_BYTES);
    const record: TokenRecord = {
      role,
      hash: hashOf(secret).toString('hex'),
      createdMs: nowMs,
      expiresMs: nowMs + 1000 * ttlSeconds,
      usesMax: uses,
      uses: 0,
      cidr,
      revoked: false,
      spentBy: [],
    };
    this.#state.commit([...changes, { kind: 'token', id, value: record }]);
    return { id, token: formatJoinToken({ caFingerprint: this.#caFingerprint, id, secret }) };
  }

  /** The newest first. */
  list(): TokenView[] {
    return this.#state
      .list('token')
      .map(([id, record]) => this.#view(id, record))
      .sort((a, b) => b.createdMs - a.createdMs);
  }

  /** False when there is no such token. */
  revoke(id: string): boolean {
    const record = this.#state.get('token', id);
    if (record === undefined) return false;
    if (!record.revoked) {
      this.#state.commit([{ kind: 'token', id, value: { ...record, revoked: true } }]);
    }
    return true;
  }

  /** Whether a node may join. Nothing is spent until the change is committed. */
  check(text: string, bearer: TokenBearer): TokenCheck {
    const token = parseJoinToken(text);
    if (token === undefined) return refused('malformed');
    const record = this.#state.get('token', token.id);
    const isRight = this.#isRight(token, record);
    if (record === undefined) return refused('unknown', token.id);
    if (!isRight) return refused('wrong_secret', token.id);
    if (record.revoked) return refused('revoked', token.id);
    if (record.role !== bearer.role) return refused('role', token.id);
    if (!isWithin(record.cidr, bearer.address)) return refused('address', token.id);
    if (this.#clock.wallMs() >= record.expiresMs) return refused('expired', token.id);
    const again = record.spentBy.find(({ busPublicKey }) => busPublicKey === bearer.busPublicKey);
    if (again !== undefined) {
      const { nodeId } = again;
      return { ok: true, tokenId: token.id, nodeId, isNew: false, spend: () => [] };
    }
    if (record.uses >= record.usesMax) return refused('used', token.id);
    const spend = (nodeId: string): ControlChange[] => {
      const atMs = Math.max(0, Math.floor(this.#clock.wallMs()));
      const spentBy = [...record.spentBy, { busPublicKey: bearer.busPublicKey, nodeId, atMs }];
      const value = {
        ...record,
        uses: record.uses + 1,
        spentBy: spentBy.slice(-SPENT_BY_MAX),
        usesBy: this.#counted(record),
      };
      return [{ kind: 'token', id: token.id, value }];
    };
    return { ok: true, tokenId: token.id, nodeId: newNodeId(), isNew: true, spend };
  }

  /** The uses by minder, with one more of ours. */
  #counted({ usesBy = [] }: TokenRecord): [minder: string, uses: number][] {
    const { minderId } = this.#state;
    const own = usesBy.find(([minder]) => minder === minderId)?.[1] ?? 0;
    const others = usesBy.filter(([minder]) => minder !== minderId);
    // Beyond the bound, uses are only in the sum: two minders that are apart may then count one less.
    if (own === 0 && others.length >= USES_BY_MAX) return others;
    return [...others, [minderId, own + 1]];
  }

  /**
   * Says when minders that could not hear each other have let in more nodes than a token allows: it
   * cannot be helped then, but the operator may want to look at them.
   */
  #watch(logger: Logger): void {
    const said = new Set<string>();
    this.#state.onChange((entries, source) => {
      if (source === 'own') return;
      for (const { kind, id } of entries) {
        const record = kind === 'token' ? this.#state.get('token', id) : undefined;
        if (record === undefined || record.uses <= record.usesMax || said.has(id)) continue;
        if (said.size >= TOKENS_MAX) said.clear();
        said.add(id);
        const { uses, usesMax, spentBy } = record;
        const nodes = spentBy.map(({ nodeId }) => nodeId).join(' ');
        logger.warn(
          { tokenId: id, uses, usesMax, nodes },
          'a token was spent more often than it may be',
        );
      }
    });
  }

  /** In the same time whether or not there is such a token. */
  #isRight({ caFingerprint, secret }: JoinToken, record: TokenRecord | undefined): boolean {
    const expected = Buffer.from(record?.hash ?? '0'.repeat(64), 'hex');
    const isSecret = timingSafeEqual(hashOf(secret), expected);
    // A token of another cluster never gets here from a node that checks it.
    return timingSafeEqual(caFingerprint, this.#caFingerprint) && isSecret;
  }

  #view(id: string, record: TokenRecord): TokenView {
    const { hash: _hash, spentBy: _spentBy, usesBy: _usesBy, revoked, ...shown } = record;
    let state: TokenView['state'] = 'valid';
    if (record.uses >= record.usesMax) state = 'used';
    if (this.#clock.wallMs() >= record.expiresMs) state = 'expired';
    if (revoked) state = 'revoked';
    return { id, ...shown, state };
  }

  #forgotten(nowMs: number): ControlChange[] {
    return this.#state
      .list('token')
      .filter(([, { expiresMs }]) => expiresMs + KEEP_MS < nowMs)
      .map(([id]) => ({ kind: 'token', id, value: null }));
  }
}

function refused(reason: TokenRefusal, tokenId?: string): TokenCheck {
  const told = TOLD[reason];
  return { ok: false, reason, told, ...(tokenId === undefined ? {} : { tokenId }) };
}

function hashOf(secret: Uint8Array): Buffer {
  return createHash('sha256').update(secret).digest();
}

function isWithin(cidr: string, address: string): boolean {
  if (cidr === '') return true;
  const endpoint = new Endpoint();
  return endpoint.setAddressText(address) && new CidrSet([cidr]).has(endpoint);
}
