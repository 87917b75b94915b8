/**
 * What a worker counts about its work, in cells of shared memory that only it writes and the main
 * thread reads. A cell is a float: whole numbers up to 2^53, read and written in one piece.
 */
export const TrackerCounter = {
  udpConnects: 0,
  udpAnnounces: 1,
  udpScrapes: 2,
  udpErrors: 3,
  /** Too short, wrong magic: nothing that a client of this protocol sends. */
  udpJunk: 4,
  /** Connection ids that were made up, came from elsewhere, or were too old. */
  udpBadConnectionIds: 5,
  httpAnnounces: 6,
  httpScrapes: 7,
  httpFailures: 8,
  httpNotFound: 9,
  /** Of the announces, those of clients that leave. */
  udpStops: 10,
  httpStops: 11,
  /** Of the announces, those that the lists of info hashes forbid; they count as failures as well. */
  udpDenied: 12,
  httpDenied: 13,
  webAnnounces: 14,
  /** Of the announces, those of peers that leave. */
  webStops: 15,
  webScrapes: 16,
  webAnswers: 17,
  webFailures: 18,
  webDenied: 19,
  /** Offers that web peers made to others, as many as others were found. */
  webOffersMade: 20,
  /** Offers and answers of others that were passed on to web peers here. */
  webOffersDelivered: 21,
  webAnswersDelivered: 22,
  /** Offers and answers not passed on: the sender was over its budget, or the tables were full. */
  webSignalsOverBudget: 23,
  /** Offers for a peer that is not here any more, or not in that swarm. */
  webOffersLost: 24,
  /** Answers to offers that were never made, were too old, or were answered already. */
  webAnswersRefused: 25,
  /** Offers that nobody answered in time. */
  webOffersExpired: 26,
  /** Swarms that were left because a connection ended. */
  webDepartures: 27,
  /** Offers that could not be answered any more since newer ones needed their room. */
  webOffersEvicted: 28,
  /** Offers not delivered: the client for which they are is far behind with reading. */
  webOffersUnread: 29,
  /** Of the connects, announces and scrapes, those that came over IPv6. */
  udpConnects6: 30,
  udpAnnounces6: 31,
  udpScrapes6: 32,
  httpAnnounces6: 33,
  httpScrapes6: 34,
} as const;
export type TrackerCounterName = keyof typeof TrackerCounter;

/** 1 for an IPv6 address, 0 for any other: added to a counter, where a branch would cost more. */
export function oneIfSix(family: number): number {
  // 4 is 100, 6 is 110 in bits.
  return (family >>> 1) & 1;
}

export const TRACKER_COUNTER_COUNT = Object.keys(TrackerCounter).length;
export const TRACKER_COUNTER_BYTES = TRACKER_COUNTER_COUNT * Float64Array.BYTES_PER_ELEMENT;

/** Sums the cells of several workers, by name. */
export function sumTrackerCounters(
  workers: readonly Float64Array[],
): Record<TrackerCounterName, number> {
  const entries = Object.entries(TrackerCounter).map(([name, index]) => [
    name,
    workers.reduce((sum, cells) => sum + cells[index], 0),
  ]);
  return Object.fromEntries(entries) as Record<TrackerCounterName, number>;
}
