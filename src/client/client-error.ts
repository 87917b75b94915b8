/** Why asking a tracker failed, by code; the message is for the operator who asked. */
export type ClientErrorCode =
  /** The URL is none of http:, https: and udp:, or gives no way to scrape. */
  | 'urlInvalid'
  /** The host name has no address, or none of the family wanted. */
  | 'unresolved'
  /** Nothing listens there. */
  | 'refused'
  /** No way leads there. */
  | 'unreachable'
  /** No answer in time. */
  | 'timedOut'
  /** The connection ended before the answer did, or could not be secured. */
  | 'disconnected'
  /** The tracker answered, and said no. */
  | 'trackerFailure'
  /** The tracker answered with an HTTP status and nothing that a client could read. */
  | 'httpStatus'
  /** The tracker answered with something that is no answer. */
  | 'answerInvalid';

/** What a tracker said when it said no. */
export interface TrackerRefusal {
  readonly reason: string;
  /** BEP 31: minutes, or 'never'. */
  readonly retryIn?: number | 'never';
}

export class TrackerClientError extends Error {
  override name = 'TrackerClientError';
  constructor(
    readonly code: ClientErrorCode,
    message: string,
    /** With code 'trackerFailure'. */
    readonly refusal?: TrackerRefusal,
  ) {
    super(message);
  }
}

/** Codes of the system and of node's modules, in our words. */
const CODES: Readonly<Record<string, ClientErrorCode>> = {
  ENOTFOUND: 'unresolved',
  EAI_AGAIN: 'unresolved',
  EAI_FAIL: 'unresolved',
  EAI_NODATA: 'unresolved',
  ENODATA: 'unresolved',
  ECONNREFUSED: 'refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EACCES: 'unreachable',
  EPERM: 'unreachable',
  ETIMEDOUT: 'timedOut',
  ABORT_ERR: 'timedOut',
};

/** The client's error for whatever a socket or a look-up threw. */
export function clientErrorOf(error: unknown): TrackerClientError {
  if (error instanceof TrackerClientError) return error;
  if (!(error instanceof Error)) return new TrackerClientError('disconnected', String(error));
  const code = 'code' in error ? String(error.code) : '';
  const known = CODES[code] ?? (code.startsWith('HPE_') ? 'answerInvalid' : 'disconnected');
  return new TrackerClientError(known, error.message || code);
}
