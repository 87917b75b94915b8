/**
 * The catalogue of refusals of the admin listener. A client gets a problem (RFC 9457) with these words:
 *
 * ```
 * content-type: application/problem+json
 * {"type":"urn:trackerbt:problem:CODE","title":"...","status":404,"detail":"...","code":"CODE"}
 * ```
 *
 * `title` is that of the catalogue. `detail` is the same unless there is more to say of this request.
 * `docs/errors.md` lists the same set, and a test compares the two.
 */
import { reasonOf } from '../lib/reason.js';

export const ADMIN_ERRORS = {
  bad_request: { status: 400, message: 'the request is malformed' },
  info_hash_invalid: { status: 400, message: 'info_hash must be 40 hexadecimal digits' },
  action_invalid: { status: 400, message: 'this cannot be done as it was asked for' },
  unauthorized: { status: 401, message: 'this needs the admin token: Authorization: Bearer TOKEN' },
  cross_site: { status: 403, message: 'requests from other sites are refused' },
  not_found: { status: 404, message: 'there is nothing here; / lists what there is' },
  swarm_not_found: { status: 404, message: 'no swarm with this info hash is known here' },
  subject_not_found: { status: 404, message: 'there is no such node, token or entry' },
  method_not_allowed: { status: 405, message: 'this path does not take this method' },
  request_timeout: { status: 408, message: 'the request took too long to arrive' },
  node_ambiguous: { status: 409, message: 'several nodes have this name; name one by its id' },
  body_too_large: { status: 413, message: 'the body is too large' },
  media_type_unsupported: { status: 415, message: 'the body must be application/json' },
  host_not_allowed: { status: 421, message: 'this Host is not served here' },
  too_many_requests: { status: 429, message: 'too many requests from this address' },
  too_many_tokens: { status: 429, message: 'too many wrong tokens from this address' },
  header_too_large: { status: 431, message: 'the header is too large' },
  internal: { status: 500, message: 'internal error; the log says more' },
  action_failed: { status: 503, message: 'the minder could not do this' },
  live_full: { status: 503, message: 'as many as may be are listening already' },
  not_ready: { status: 503, message: 'this node has not started yet' },
  closing: { status: 503, message: 'this node is stopping' },
} as const;

export type AdminErrorCode = keyof typeof ADMIN_ERRORS;

/** A refusal on its way to the client. `detail` is for operators, and says nothing of the inside. */
export class AdminError extends Error {
  override name = 'AdminError';
  readonly statusCode: number;
  constructor(
    readonly code: AdminErrorCode,
    readonly detail?: string,
  ) {
    super(detail ?? ADMIN_ERRORS[code].message);
    this.statusCode = ADMIN_ERRORS[code].status;
  }
}

export const PROBLEM_TYPE = 'application/problem+json';
const DETAIL_LENGTH_MAX = 1_000;

/** The body of a refusal. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: AdminErrorCode;
}

export function problemOf(code: AdminErrorCode, detail?: string): Problem {
  const { status, message } = ADMIN_ERRORS[code];
  const type = `urn:trackerbt:problem:${code}`;
  const said = (detail ?? message).slice(0, DETAIL_LENGTH_MAX);
  return { type, title: message, status, detail: said, code };
}

/** The refusal that fits a status the HTTP library has chosen. */
export function codeOfStatus(status: number): AdminErrorCode {
  switch (status) {
    case 404:
      return 'not_found';
    case 405:
      return 'method_not_allowed';
    case 408:
      return 'request_timeout';
    case 413:
      return 'body_too_large';
    case 415:
      return 'media_type_unsupported';
    case 429:
      return 'too_many_requests';
    case 431:
      return 'header_too_large';
    case 503:
      return 'closing';
    default:
      return status >= 400 && status < 500 ? 'bad_request' : 'internal';
  }
}

export const ADMIN_LISTEN_ERROR_CODES = [
  'admin_address_in_use',
  'admin_address_denied',
  'admin_address_unavailable',
] as const;
export type AdminListenErrorCode = (typeof ADMIN_LISTEN_ERROR_CODES)[number];

/** The admin listener cannot be bound. `message` is for the operator. */
export class AdminListenError extends Error {
  override name = 'AdminListenError';
  constructor(
    readonly code: AdminListenErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Explains a failed bind; whatever is unknown counts as unavailable. */
export function listenError(error: unknown, address: string): AdminListenError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new AdminListenError(
      'admin_address_in_use',
      `the admin address ${address} is in use by another process: stop it, or choose another ` +
        'with --admin ADDR:PORT, or --admin off',
    );
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new AdminListenError(
      'admin_address_denied',
      `this user may not listen on the admin address ${address}: choose a port above 1023`,
    );
  }
  const reason = reasonOf(error);
  return new AdminListenError(
    'admin_address_unavailable',
    `cannot listen on the admin address ${address}: ${reason}; choose an address of this machine`,
  );
}
