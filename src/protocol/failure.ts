/**
 * The catalogue of refusals: what a tracker tells a client that it cannot serve. Decoders and the
 * tracker return the number; encoders send the text. `docs/errors.md` lists the same set, and a test
 * compares the two.
 */
export const Failure = {
  none: 0,
  infoHashMissing: 1,
  infoHashInvalid: 2,
  infoHashRepeated: 3,
  peerIdInvalid: 4,
  portInvalid: 5,
  queryMalformed: 6,
  fullScrapeOff: 7,
  unknownAction: 8,
  notAllowed: 9,
  overloaded: 10,
  internal: 11,
  messageMalformed: 12,
  swarmsTooMany: 13,
} as const;
export type Failure = (typeof Failure)[keyof typeof Failure];

export interface FailureText {
  /** `failure reason` on HTTP, the message of an error packet on UDP. ASCII, at most 60 bytes. */
  readonly reason: string;
  /** BEP 31: minutes until trying again makes sense, or 'never' while the request stays as it is. */
  readonly retryIn: number | 'never';
}

/** Texts by number. Internal state never appears in them. */
export const FAILURES: Readonly<Record<Failure, FailureText>> = {
  [Failure.none]: { reason: '', retryIn: 0 },
  [Failure.infoHashMissing]: { reason: 'info_hash is missing', retryIn: 'never' },
  [Failure.infoHashInvalid]: { reason: 'info_hash must be 20 bytes', retryIn: 'never' },
  [Failure.infoHashRepeated]: { reason: 'one info_hash an announce', retryIn: 'never' },
  [Failure.peerIdInvalid]: { reason: 'peer_id must be 20 bytes', retryIn: 'never' },
  [Failure.portInvalid]: { reason: 'port must be 1 to 65535', retryIn: 'never' },
  [Failure.queryMalformed]: { reason: 'malformed query', retryIn: 'never' },
  [Failure.fullScrapeOff]: { reason: 'full scrape is off, name the info_hash', retryIn: 'never' },
  [Failure.unknownAction]: { reason: 'unknown action', retryIn: 'never' },
  [Failure.notAllowed]: { reason: 'this info_hash is not served here', retryIn: 'never' },
  [Failure.overloaded]: { reason: 'tracker is overloaded, try again later', retryIn: 10 },
  [Failure.internal]: { reason: 'internal error, try again later', retryIn: 10 },
  [Failure.messageMalformed]: { reason: 'malformed message', retryIn: 'never' },
  [Failure.swarmsTooMany]: { reason: 'too many swarms on one connection', retryIn: 'never' },
};
