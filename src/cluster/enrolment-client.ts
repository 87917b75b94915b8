/**
 * A node's side of enrolment: with a token it becomes a member, with its certificate it stays one.
 *
 * The token goes to nobody who cannot show the CA that it names: a first connection only looks at
 * the certificates, the second trusts that CA alone.
 */
import type { Clock } from '../lib/clock.js';
import type { ClusterKeyRing } from '../protocol/cluster/control.js';
import {
  ADVERTISE_MAX,
  ENROL_PATH,
  ENROLMENT_VERSION,
  type EnrolmentRefusal,
  type EnrolmentReply,
  type EnrolmentRequest,
  enrolmentReplySchema,
  hostSchema,
  NAME_LENGTH_MAX,
  type NodeRole,
  RENEW_PATH,
  type RenewalRequest,
  SOFTWARE_LENGTH_MAX,
} from '../protocol/cluster/enrolment.js';
import { parseJoinToken } from '../protocol/cluster/token.js';
import { EnrolmentError } from './enrolment-error.js';
import type { BusKey } from './enrolment-keys.js';
import type { Identity } from './identity.js';
import {
  askMinder,
  fetchAuthority,
  invalidAnswer,
  type MinderUrl,
  parseMinderUrl,
} from './minder-request.js';

/** What a node says of itself. */
export interface NodeDescription {
  /** For people. */
  readonly name: string;
  /** Version of the software. */
  readonly software: string;
  /** Hosts by which others should reach it; empty: the address that the minder sees. */
  readonly advertise: readonly string[];
}

export interface EnrolOptions {
  readonly role: NodeRole;
  /** As given with `--join`. */
  readonly url: string;
  readonly token: string;
  readonly node: NodeDescription;
  /** For each connection. Default 10 s. */
  readonly timeoutMs?: number;
  /** The same keys when asking again, so that the minder knows the node and spends no second use. */
  readonly busKey?: BusKey;
}

const TIMEOUT_MS = 10_000;

/** Joins a cluster. The identity is not saved yet. Throws `EnrolmentError`. */
export async function enrol(
  { role, url, token, node, timeoutMs = TIMEOUT_MS, busKey }: EnrolOptions,
  { clock }: { clock: Clock },
): Promise<Identity> {
  const minder = parseMinderUrl(url);
  const { caFingerprint } = parseJoinToken(token) ?? malformed();
  const ca = await fetchAuthority(minder, caFingerprint, timeoutMs);
  const { makeBusKey, makeKeyRequest } = await import('./enrolment-keys.js');
  const bus = busKey ?? makeBusKey();
  const { key, csr } = await makeKeyRequest();
  const body: EnrolmentRequest = {
    ...describe(node),
    token,
    role,
    csr,
    busPublicKey: bus.publicKey,
  };
  const answer = await askMinder(minder, { path: ENROL_PATH, body, ca, timeoutMs });
  return identityOf(minder, answer, { role, key, ca, seed: bus.seed, clock });
}

export interface RenewOptions {
  readonly identity: Identity;
  readonly node: NodeDescription;
  readonly timeoutMs?: number;
  /** Another minder to ask, after those that the identity names; '' for none. */
  readonly joinUrl?: string;
}

/**
 * Gets a new certificate, for a new key, and new bus credentials for the old bus key. Asks the
 * minders in turn. Returns the new identity, not yet saved. Throws an `EnrolmentError`: the refusal of
 * a minder if there was one.
 *
 * A minder that was away when we joined does not know us yet, and another may: that is a refusal for
 * good only when every minder has answered so.
 */
export async function renew(
  { identity, node, timeoutMs = TIMEOUT_MS, joinUrl = '' }: RenewOptions,
  { clock }: { clock: Clock },
): Promise<Identity> {
  const { busPublicKey, makeKeyRequest } = await import('./enrolment-keys.js');
  const { role, ca, certificate } = identity;
  const { seed } = identity.bus;
  const { key, csr } = await makeKeyRequest();
  const body: RenewalRequest = { ...describe(node), csr, busPublicKey: busPublicKey(seed) };
  const credentials = { certificate, key: identity.key };
  let failure: unknown;
  let isAway = false;
  for (const url of urlsToAsk(identity.minders, joinUrl)) {
    try {
      const minder = parseMinderUrl(url);
      const request = { path: RENEW_PATH, body, ca, credentials, timeoutMs };
      const renewed = identityOf(minder, await askMinder(minder, request), {
        role,
        key,
        ca,
        seed,
        clock,
      });
      if (renewed.nodeId !== identity.nodeId) throw invalidAnswer(minder);
      // Minders that this one does not know of may still live.
      const minders = [...new Set([url, ...renewed.minders, ...identity.minders])].slice(0, 32);
      return { ...renewed, minders };
    } catch (error) {
      // What a minder says tells more than that another is away.
      const isWord = error instanceof EnrolmentError && error.refusal !== undefined;
      if (!isWord) isAway = true;
      if (isWord || failure === undefined) failure = error;
      if (isFinal(error) && !isUnknown(error)) throw error;
    }
  }
  if (isUnknown(failure) && isAway) throw passing(failure);
  throw failure;
}

/** One that the configuration names may be the only one left, with an address that nobody told us. */
function urlsToAsk(minders: readonly string[], joinUrl: string): readonly string[] {
  if (joinUrl === '') return minders;
  try {
    const { href } = parseMinderUrl(joinUrl);
    return minders.includes(href) ? minders : [...minders, href];
  } catch {
    return minders;
  }
}

function isUnknown(error: unknown): error is EnrolmentError {
  return error instanceof EnrolmentError && error.refusal === 'node_unknown';
}

/** As long as another minder may know better. */
function passing({ message }: EnrolmentError): EnrolmentError {
  return new EnrolmentError('minder_unreachable', `${message}; other minders do not answer`);
}

/**
 * What may be different later, or at another minder: a clock that was wrong is set right again, and a
 * minder of another version, which does not understand us, is upgraded. None says that we are out.
 */
const PASSING: readonly (EnrolmentRefusal | undefined)[] = [
  'unavailable',
  'too_many_requests',
  'certificate_invalid',
  'request_invalid',
  undefined,
];

/** A refusal that asking again, here or elsewhere, does not change. */
export function isFinal(error: unknown): boolean {
  return error instanceof EnrolmentError && !PASSING.includes(error.refusal);
}

/** What a node says of itself, within the bounds of a request: no minder should have to refuse it. */
function describe({ name, software, advertise }: NodeDescription): {
  version: typeof ENROLMENT_VERSION;
  name: string;
  software: string;
  advertise: string[];
} {
  return {
    version: ENROLMENT_VERSION,
    // Cut first: a cut may leave half a character.
    name: name.slice(0, NAME_LENGTH_MAX).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ''),
    software: software.slice(0, SOFTWARE_LENGTH_MAX),
    // An address with a zone means something on this machine alone.
    advertise: advertise
      .filter((host) => hostSchema.safeParse(host).success)
      .slice(0, ADVERTISE_MAX),
  };
}

interface OwnPart {
  readonly role: NodeRole;
  readonly key: string;
  readonly ca: string;
  readonly seed: string;
  readonly clock: Clock;
}

function identityOf(minder: MinderUrl, answer: unknown, own: OwnPart): Identity {
  const parsed = enrolmentReplySchema.safeParse(answer);
  if (!parsed.success || parsed.data.role !== own.role) throw invalidAnswer(minder);
  const reply: EnrolmentReply = parsed.data;
  const keyRing: ClusterKeyRing = reply.keyRing;
  const nowMs = own.clock.wallMs();
  return {
    version: 1,
    nodeId: reply.nodeId,
    role: own.role,
    certificate: reply.certificate,
    key: own.key,
    // The one that was checked, whatever the reply says.
    ca: own.ca,
    issuedWallMs: nowMs,
    expiresWallMs: nowMs + 1000 * reply.validSeconds,
    bus: { ...reply.bus, seed: own.seed },
    minders: [...new Set([minder.href, ...reply.minders])].slice(0, 32),
    digestKey: reply.digestKey,
    keyRing,
    revision: reply.revision,
    sourceAddress: reply.sourceAddress,
  };
}

function malformed(): never {
  throw new EnrolmentError(
    'join_token_malformed',
    'what --token gives is no join token: it is the line that trackerbt token create prints, ' +
      'which starts with tbt1.',
  );
}
