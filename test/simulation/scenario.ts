/**
 * What happens in one run of the simulation: all of it follows from the seed, so that a run can be had
 * again. Every scenario has a few kinds of trouble, and none has all of them at once: a cluster in
 * which everything fails all the time would only show that it fails.
 */

import type { ReplicatorLimits } from '../../src/cluster/replicator-options.js';
import { Prng } from '../../src/lib/prng.js';

export interface Scenario {
  readonly seed: number;
  readonly nodes: number;
  /** How long clients announce and things fail, ms of simulated time. */
  readonly troubleMs: number;
  /** Announces a second, at all nodes together. */
  readonly announcesPerSecond: number;
  readonly swarms: number;
  readonly peers: number;
  /** Share of announces that hit several nodes in the same instant. */
  readonly conflicts: number;
  readonly network: Network;
  /** Mean time between events of each kind, ms; 0: never. */
  readonly partitionMs: number;
  readonly disconnectMs: number;
  readonly crashMs: number;
  readonly clockJumpMs: number;
  /** When a node stands still for some seconds, as one that is stopped or swaps does. */
  readonly freezeMs: number;
  /** When the bus carries nothing to and from a node for some seconds, and looks connected. */
  readonly muteMs: number;
  /** When many clients announce at once. */
  readonly burstMs: number;
  /** How far apart the clocks of nodes may be, ms. */
  readonly skewMs: number;
  readonly ringRecords: number;
  readonly tombstonesMax: number;
  /** Seconds that peers live; those of other nodes an interval longer. */
  readonly peerTtlSeconds: number;
  readonly intervalSeconds: number;
  readonly limits: Partial<ReplicatorLimits> & Pick<ReplicatorLimits, 'silentMs'>;
  /** Where nodes crash, one is dead when the trouble ends, and stays so. */
  readonly dies: boolean;
}

/** What the bus does to messages while there is trouble. */
export interface Network {
  readonly delayMsMax: number;
  readonly drop: number;
  readonly duplicate: number;
  /** Share of binary messages in which a byte is wrong. */
  readonly damage: number;
}

/** Relative skew up to which no stamp is clamped (10 s), so that the newest word is known for certain. */
const SKEW_HARMLESS_MS = 4_000;

export function scenarioOf(seed: number): Scenario {
  const random = new Prng(seed);
  // The first numbers of neighbouring seeds are alike.
  for (let i = 0; i < 4; i++) random.next();
  const often = (share: number, value: number) => (random.chance(share) ? value : 0);
  const between = (low: number, high: number) => low + random.below(high - low + 1);
  const rough = random.chance(0.7);
  const expiring = random.chance(0.05);
  return {
    seed,
    nodes: between(3, 5),
    troubleMs: between(2_000, 8_000),
    announcesPerSecond: between(20, 150),
    swarms: between(1, 8),
    peers: between(2, 40),
    conflicts: often(0.5, 0.2),
    network: {
      delayMsMax: random.chance(0.5) ? between(1, 20) : between(20, 800),
      drop: rough ? random.below(30) / 100 : 0,
      duplicate: rough ? random.below(20) / 100 : 0,
      damage: often(0.2, 0.05),
    },
    partitionMs: often(0.4, between(500, 4_000)),
    disconnectMs: often(0.4, between(500, 4_000)),
    crashMs: often(0.35, between(1_000, 6_000)),
    clockJumpMs: often(0.15, between(500, 3_000)),
    freezeMs: often(0.15, between(1_000, 5_000)),
    burstMs: often(0.3, between(500, 3_000)),
    skewMs: skewOf(random),
    ringRecords: random.chance(0.2) ? 16 : 1_024,
    tombstonesMax: random.chance(0.1) ? 16 : 4_096,
    peerTtlSeconds: expiring ? 10 : 3_600,
    intervalSeconds: expiring ? 5 : 1_800,
    limits: {
      flushMs: between(0, 50),
      batchBytesMax: random.chance(0.3) ? 256 : 4_096,
      batchRingBytesMax: random.chance(0.4) ? between(500, 4_000) : 1 << 20,
      chunkBytesMax: random.chance(0.5) ? between(256, 1_024) : 16_384,
      walkCredits: between(1, 4),
      walksMax: between(1, 2),
      walkPeersPerTick: between(1, 200),
      wordsPerTick: between(8, 500),
      // Counts that were lost are told again this often; the default is for millions of swarms.
      countPassMs: 5_000,
      settleMs: between(500, 3_000),
      recheckMs: between(300, 2_000),
      compareMs: between(5_000, 60_000),
      // The default would wait for minutes where nothing is left that could be mended.
      backoffMsMax: 10_000,
      // Trouble is short: so must be the patience with trackers that fall silent in it.
      silentMs: random.chance(0.5) ? between(1_500, 3_000) : 5_000,
    },
    dies: random.chance(0.3),
    // Last, so that seeds still mean what they meant before it.
    muteMs: often(0.2, between(1_000, 5_000)),
  };
}

/** Mostly none or a harmless one; rarely minutes, which take minutes of simulated time to get over. */
function skewOf(random: Prng): number {
  const kind = random.below(100);
  if (kind < 3) return 300_000;
  if (kind < 10) return 30_000;
  return kind < 60 ? 1 + random.below(SKEW_HARMLESS_MS) : 0;
}

/** True when the newest word about each peer is known for certain: then counts must be exact. */
export function isKnowable({
  crashMs,
  skewMs,
  clockJumpMs,
  peerTtlSeconds,
  tombstonesMax,
}: Scenario) {
  return (
    crashMs === 0 &&
    clockJumpMs === 0 &&
    skewMs <= SKEW_HARMLESS_MS &&
    peerTtlSeconds > 1_000 &&
    tombstonesMax > 1_000
  );
}
