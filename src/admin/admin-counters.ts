/** What the admin listener counts about itself: `admin` in `/stats.json` and in ticks. */
export interface AdminCounters {
  /** Closed, or closed for another, because as many were open as may be. */
  connectionsRefused: number;
  /** Who listens to ticks now. */
  liveListeners: number;
  /** Turned away because there were as many as may be. */
  liveRefused: number;
  /** Cut because they read nothing for too long. */
  liveCut: number;
  /** Ticks that a listener was not sent because it had not read the one before. */
  liveSkipped: number;
  /** Requests of an address that had asked too often, by what they were. */
  limitedReads: number;
  limitedChanges: number;
  /** Wrong tokens; and those of an address that had sent too many. */
  tokensWrong: number;
  limitedTokens: number;
  /** Changes that were made, and those that were refused for what they asked. */
  actions: number;
  actionsRefused: number;
}

export function noCounts(): AdminCounters {
  return {
    connectionsRefused: 0,
    liveListeners: 0,
    liveRefused: 0,
    liveCut: 0,
    liveSkipped: 0,
    limitedReads: 0,
    limitedChanges: 0,
    tokensWrong: 0,
    limitedTokens: 0,
    actions: 0,
    actionsRefused: 0,
  };
}
