/** What a replicator counts. Everything that it drops or refuses is in here, by its reason. */
const TALLY_NAMES = [
  // Publishing.
  'changes',
  'changesLost',
  'replays',
  'batchesBuilt',
  'batchesPublished',
  'batchesUnpublished',
  'countsRepeated',
  'countReminders',
  'countGossip',
  // Receiving.
  'batchesReceived',
  'batchesRepeated',
  'batchesOfOldEpochs',
  'wordsNewer',
  'wordsSame',
  'wordsStale',
  'wordsBuried',
  'wordsFull',
  'wordsExpired',
  'wordsDenied',
  'wordsClamped',
  // Of web peers whose tracker is gone, or that its sender does not hold.
  'webWordsGone',
  'webWordsForged',
  // Kept back while a tracker does not know web peers.
  'webWordsUntold',
  // Of these stops that found no room to wait: others learn of them by comparing digests.
  'webStopsForgotten',
  'heartbeats',
  'heartbeatsRefused',
  'inboxDropped',
  'nodesRefused',
  'originsRefused',
  'refusedForeign',
  'refusedVersion',
  'refusedDamaged',
  'refusedBody',
  'refusedSender',
  'refusedRevoked',
  'refusedUnasked',
  // Repair.
  'gaps',
  'resendsAsked',
  'resendsServed',
  'goneSaid',
  'goneHeard',
  'walksAsked',
  'walksDone',
  'walksFailed',
  'walksServed',
  'walksRefused',
  'walksAbandoned',
  'comparisons',
  'comparisonsRefused',
  'repairs',
  'repairsFailed',
  'cellsRepaired',
  'wordsPushed',
  'stopsSent',
  'stopsReceived',
  'revokedPeersRemoved',
  'webPeersRemoved',
  'webWalks',
] as const;
export type TallyName = (typeof TALLY_NAMES)[number];

/** Each grows only. */
export type ReplicationTally = Record<TallyName, number>;

export function newTally(): ReplicationTally {
  return Object.fromEntries(TALLY_NAMES.map((name) => [name, 0])) as ReplicationTally;
}
