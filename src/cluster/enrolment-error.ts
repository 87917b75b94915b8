/** What can go wrong on the way into a cluster; `docs/errors.md` lists the same codes. */
import type { EnrolmentRefusal } from '../protocol/cluster/enrolment.js';

export const ENROLMENT_ERROR_CODES = [
  /** `--join` is no URL of a minder. */
  'join_url_invalid',
  /** `--token` is no join token. */
  'join_token_malformed',
  /** No answer from any minder. */
  'minder_unreachable',
  /** What answers cannot show the certificate that the token, or the identity, names. */
  'minder_not_trusted',
  /** The minder said no; `refusal` says why. */
  'enrolment_refused',
  /** What answers is no minder, or one of another version. */
  'minder_answer_invalid',
  /** Neither an identity that is still good nor a token. */
  'identity_missing',
] as const;
export type EnrolmentErrorCode = (typeof ENROLMENT_ERROR_CODES)[number];

/** The node cannot join, or cannot renew. `message` is for the operator and holds no secret. */
export class EnrolmentError extends Error {
  override name = 'EnrolmentError';
  constructor(
    readonly code: EnrolmentErrorCode,
    message: string,
    /** With `enrolment_refused`. */
    readonly refusal?: EnrolmentRefusal,
  ) {
    super(message);
  }
}

const ADVICE: Readonly<Record<EnrolmentRefusal, string>> = {
  request_invalid: 'it does not understand this version: run the same version on both',
  token_invalid: 'it knows no such token: make one there with trackerbt token create',
  token_used: 'the token has been used: make another with trackerbt token create',
  token_expired: 'the token has expired: make another with trackerbt token create',
  token_revoked: 'the token was revoked: make another with trackerbt token create',
  token_role: 'the token is for another role: make one with trackerbt token create --role',
  token_address: 'the token may not be used from this address: make one for its network',
  certificate_invalid: 'it does not take our certificate: remove the identity and join again',
  node_unknown: 'it does not know this node: remove the identity and join again',
  node_revoked: 'this node was revoked: remove the identity and join again with a new token',
  cluster_full: 'the cluster has as many nodes as it may have: revoke those that are gone',
  bus_differs:
    "of the two minders one uses somebody else's bus: give both the same --nats URL or none",
  too_many_requests: 'too many requests from this address: try again in a minute',
  unavailable: 'it cannot answer at the moment: its log says why',
};

export function refusedError(host: string, refusal: EnrolmentRefusal): EnrolmentError {
  return new EnrolmentError(
    'enrolment_refused',
    `the minder at ${host} refused (${refusal}): ${ADVICE[refusal]}`,
    refusal,
  );
}
