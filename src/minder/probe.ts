/** One probe of one endpoint: what is asked, and what came of it. */
import type { TrackerClientError } from '../client/client-error.js';
import type { Challenge } from './challenges.js';
import type { ProbeEndpoint } from './probe-endpoint.js';

export interface ProbeRequest {
  readonly endpoint: ProbeEndpoint;
  readonly challenge: Challenge;
  /** For the whole of it. */
  readonly timeoutMs: number;
  /**
   * Nobody has proven yet that the endpoint is a tracker's: only what the proof needs is sent, nothing
   * twice, and nothing more until an answer came.
   */
  readonly isAttempt: boolean;
}

/** Why a probe failed, in a word. */
export type ProbeError =
  /** No answer in time. */
  | 'timeout'
  /** Nothing listens there. */
  | 'refused'
  /** No way leads there from this machine: says more about us. */
  | 'no_route'
  /** The connection ended before the answer did. */
  | 'closed'
  /** Something else than a tracker answers. */
  | 'wrong_answer'
  /** A tracker answers, but not the one that was told the challenge. */
  | 'not_proven';

export interface ProbeOutcome {
  /** Undefined: it answered, and proved to be the tracker that it should be. */
  readonly error: ProbeError | undefined;
  /** Time to the first answer; undefined when none came. */
  readonly rttMs: number | undefined;
}

/** What probes endpoints over one protocol. */
export interface Probing {
  /** Never rejects. */
  probe(request: ProbeRequest): Promise<ProbeOutcome>;
  close(): void;
}

/** Peer id of a minder that probes. */
export const PROBE_PEER_ID = Buffer.from('-tB0000-minder-probe');

/** A scrape's answer against the challenge. */
export function proofOf(
  entry: { seeders?: number; downloads?: number; leechers?: number } | undefined,
  { counts }: Challenge,
): ProbeError | undefined {
  const [complete, downloaded, incomplete] = counts;
  const isRight =
    entry?.seeders === complete && entry.downloads === downloaded && entry.leechers === incomplete;
  return isRight ? undefined : 'not_proven';
}

/** What a client's error says of the endpoint. */
export function probeErrorOf({ code }: TrackerClientError): ProbeError {
  if (code === 'timedOut') return 'timeout';
  if (code === 'refused') return 'refused';
  if (code === 'unreachable' || code === 'unresolved') return 'no_route';
  return code === 'disconnected' ? 'closed' : 'wrong_answer';
}
