/** Ages of peers, from the low 16 bits of the monotonic second in which they were last heard of. */

/** How far the second of another thread may be ahead: a save or a tick keeps its own from its start. */
const SEEN_AHEAD_SECONDS = 3_600;

/**
 * The longest that any peer may live. An age past 61,935 s cannot be told from a second that is ahead
 * of ours; what is left up to there is for a pass of expiry that comes late.
 */
export const PEER_LIFE_SECONDS_MAX = 60_000;

/** Age of a peer last heard at `seen`, of which the low 16 bits count; 0 when that is ahead of us. */
export function ageSeconds(seconds: number, seen: number): number {
  const age = (seconds - seen) & 0xffff;
  return age > 0xffff - SEEN_AHEAD_SECONDS ? 0 : age;
}
