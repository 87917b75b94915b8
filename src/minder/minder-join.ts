/**
 * How a process becomes one more minder of a cluster: it enrols at another minder as any node does,
 * with a token of role minder, and then fetches what makes a minder.
 *
 * ```
 * own-keys.json       1  keys of its own: asked again with them, the other knows it, and no second
 *                        use of the token is spent
 * identity.json       2  certificate and id; from here on the token is not needed
 * ca/*, bus/*         3  authorities and keys of the bus
 * state.json          4  the control state, under our own id; the last step, in one piece
 * ```
 *
 * Whatever interrupts this, the next start goes on: `state.json` is the sign that it is complete. It
 * never begins a cluster of its own once `identity.json` is there.
 */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isFinal, type NodeDescription } from '../cluster/enrolment-client.js';
import { EnrolmentError } from '../cluster/enrolment-error.js';
import type { Identity } from '../cluster/identity.js';
import { joinCluster } from '../cluster/identity-keeper.js';
import { askMinder, invalidAnswer, parseMinderUrl } from '../cluster/minder-request.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import {
  ADMISSION_REPLY_BYTES_MAX,
  ADMISSION_VERSION,
  type Admission,
  type AdmissionRequest,
  admissionSchema,
  MINDER_PATH,
} from '../protocol/cluster/minder-admission.js';
import { BusAccounts } from './bus-accounts.js';
import { CertificateAuthority } from './certificate-authority.js';
import { CLUSTER_SETTING } from './control-record.js';
import { ControlState } from './control-state.js';
import type { OwnKeys } from './own-keys.js';

export const MINDER_JOIN_ERROR_CODES = [
  /** One of the two minders uses somebody else's bus, the other runs its own. */
  'minder_bus_differs',
  /** What the other minder sent does not make a minder of the cluster that the token names. */
  'minder_state_invalid',
  /** This minder was revoked. */
  'minder_revoked',
] as const;
export type MinderJoinErrorCode = (typeof MINDER_JOIN_ERROR_CODES)[number];

/** This process cannot be a minder of that cluster. `message` is for the operator. */
export class MinderJoinError extends Error {
  override name = 'MinderJoinError';
  constructor(
    readonly code: MinderJoinErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** For MBs over a slow line. */
const STATE_TIMEOUT_MS = 60_000;

export interface MinderJoinOptions {
  /** `minder/` in the data directory. */
  readonly directory: string;
  /** As given with `--peer`; empty to go on with what an earlier start began. */
  readonly peer: string;
  /** Reads the token; not called when it is not needed. */
  readonly token?: (() => Promise<string>) | undefined;
  readonly node: NodeDescription;
  /** Whether this minder uses somebody else's bus. */
  readonly external: boolean;
  /** See `BusSigner`. */
  readonly lifetimeMsMax: number;
  /** How long a minder that does not answer yet is waited for; see `joinCluster`. */
  readonly patienceMs?: number;
}

export interface MinderJoinDependencies {
  readonly keys: OwnKeys;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Where a minder that joined keeps its identity. */
export function minderIdentityPath(directory: string): string {
  return join(directory, 'identity.json');
}

/**
 * Joins, or goes on joining, and leaves a directory from which a minder starts. Throws
 * `MinderJoinError`, `EnrolmentError`, `IdentityError`, `CertificateAuthorityError`,
 * `BusAccountsError`, `ControlStateError` or `PrivateFileError`.
 */
export async function joinMinders(
  options: MinderJoinOptions,
  { keys, clock, logger }: MinderJoinDependencies,
): Promise<void> {
  const { directory, peer, token, node, external, lifetimeMsMax, patienceMs } = options;
  const busKey = { publicKey: keys.busPublicKey, seed: keys.busSeed };
  const identity = await joinCluster(
    {
      path: minderIdentityPath(directory),
      role: 'minder',
      url: peer,
      node,
      busKey,
      ...(token === undefined ? {} : { token }),
      ...(patienceMs === undefined ? {} : { patienceMs }),
    },
    { clock, logger },
  ).catch((error: unknown) => {
    if (!(error instanceof EnrolmentError) || error.code !== 'identity_missing') throw error;
    throw new EnrolmentError(
      'identity_missing',
      'this minder has not joined yet, or its certificate ran out before it had: start it with ' +
        '--peer URL and --token TOKEN, a token of role minder',
    );
  });
  const admission = await fetchAdmission(identity, peer, {
    version: ADMISSION_VERSION,
    wants: 'all',
    routePin: keys.routePin,
    external,
  });
  const { authorities, bus, entries } = admission;
  if (authorities.cluster.certificate.trim() !== identity.ca.trim()) {
    throw invalid('its authority is not the one that the token names');
  }
  if ((bus === null) !== external) throw busDiffers(external);
  const ca = join(directory, 'ca');
  await CertificateAuthority.adopt({ directory: ca, name: 'cluster' }, authorities.cluster, {
    clock,
  });
  await CertificateAuthority.adopt({ directory: ca, name: 'route' }, authorities.route, { clock });
  if (bus !== null) {
    const own = join(directory, 'bus');
    const accounts = await BusAccounts.open(
      { directory: own, lifetimeMsMax, seeds: bus },
      { clock },
    );
    if (!isDeepStrictEqual(accounts.seeds, bus)) {
      throw invalid(`${own} holds the keys of another bus: give an empty directory with --data`);
    }
  }
  writeState(directory, identity.nodeId, entries, clock);
  logger.info({ id: identity.nodeId, entries: entries.length }, 'this is a minder of the cluster');
}

/** Asks the minders that are known in turn. */
async function fetchAdmission(
  identity: Identity,
  peer: string,
  body: AdmissionRequest,
): Promise<Admission> {
  const { ca, certificate, key } = identity;
  let failure: unknown;
  for (const url of new Set([...(peer === '' ? [] : [peer]), ...identity.minders])) {
    try {
      const minder = parseMinderUrl(url);
      const answer = await askMinder(minder, {
        path: MINDER_PATH,
        body,
        ca,
        credentials: { certificate, key },
        timeoutMs: STATE_TIMEOUT_MS,
        replyBytesMax: ADMISSION_REPLY_BYTES_MAX,
      });
      const parsed = admissionSchema.safeParse(answer);
      if (!parsed.success) throw invalidAnswer(minder);
      return parsed.data;
    } catch (error) {
      if (isRefusal(error, 'node_revoked')) throw revokedError();
      if (isRefusal(error, 'bus_differs')) throw busDiffers(body.external);
      const isWord = error instanceof EnrolmentError && error.refusal !== undefined;
      if (isWord || failure === undefined) failure = error;
      // One that has not heard of us yet is no word of the others.
      if (isFinal(error) && !isRefusal(error, 'node_unknown')) break;
    }
  }
  throw failure;
}

/** The state appears in one step, under the id that the cluster gave us. */
function writeState(
  directory: string,
  minderId: string,
  entries: Admission['entries'],
  clock: Clock,
): void {
  const path = join(directory, 'state.json');
  const pending = join(directory, 'state.json.joining');
  rmSync(pending, { force: true });
  const state = new ControlState({ path: pending, minderId }, { clock });
  // Each is checked there, and what a newer version wrote is for it to judge.
  state.merge(entries);
  // Without these keys a minder would make others, which nobody else has.
  if (state.get('setting', CLUSTER_SETTING) === undefined) {
    throw invalid("the keys of the cluster are missing (is this machine's clock right?)");
  }
  renameSync(pending, path);
}

export function revokedError(): MinderJoinError {
  return new MinderJoinError(
    'minder_revoked',
    'this minder was revoked: the others take nothing from it any more. Remove its data directory ' +
      'and join again with a new token, if it is to come back',
  );
}

export function isRefusal(error: unknown, refusal: EnrolmentError['refusal']): boolean {
  return error instanceof EnrolmentError && error.refusal === refusal;
}

function busDiffers(external: boolean): MinderJoinError {
  return new MinderJoinError(
    'minder_bus_differs',
    external
      ? 'the other minder runs a bus of its own: start this one without --nats'
      : "the other minder uses somebody else's bus: start this one with the same --nats URL, " +
          '--nats-creds FILE and --nats-account-key FILE',
  );
}

function invalid(reason: string): MinderJoinError {
  return new MinderJoinError(
    'minder_state_invalid',
    `what the other minder sent makes no minder: ${reason}`,
  );
}
