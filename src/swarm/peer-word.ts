/**
 * A word about a peer of a swarm: that it is there and in which role, or that it left. What trackers
 * tell each other. Of two words the one with the later stamp counts; of two with the same stamp, that
 * of the greater origin. One instance is filled again and again.
 */
export class PeerWord {
  /** The peer as it travels: address and port in network order, 6 or 18 bytes by its kind. */
  readonly wireBytes = new Uint8Array(18);
  /** The same bytes as the store keeps them. */
  readonly wire = new Uint16Array(this.wireBytes.buffer);
  /** Family and role (PeerKind). Of a peer that left, only the family means something. */
  kind = 0;
  /** The peer left. */
  stopped = false;
  /** It is incomplete and wants nothing more (BEP 21). */
  partialSeed = false;
  /** Its download was counted, by whichever node. */
  completed = false;
  /** When that was said: units of 1/64 s of wall time, modulo 2^32, as a signed integer. */
  stamp = 0;
  /** Slot of the node that heard the peer; 0 is this one. */
  origin = 0;
  /** Seconds since the peer was heard of. */
  ageSeconds = 0;
}
