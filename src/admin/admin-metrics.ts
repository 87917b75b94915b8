/** The metrics of the admin listener itself, which every node has. */
import type { AdminCounters } from './admin-counters.js';
import type { MetricGroup } from './metric.js';

export const ADMIN_METRICS: MetricGroup<AdminCounters> = {
  gauges: [
    {
      name: 'admin_live_listeners',
      help: 'Who listens to live numbers now.',
      read: ({ liveListeners }) => liveListeners,
    },
  ],
  counters: [
    {
      name: 'admin_connections_refused_total',
      help: 'Connections to this interface that were closed because there were too many.',
      read: ({ connectionsRefused }) => connectionsRefused,
    },
    {
      name: 'admin_live_drops_total',
      help: 'Listeners turned away for want of room, cut because they did not read, and ticks that were skipped for slow ones.',
      labels: ['reason'],
      read: ({ liveRefused, liveCut, liveSkipped }) => [
        [{ reason: 'refused' }, liveRefused],
        [{ reason: 'cut' }, liveCut],
        [{ reason: 'skipped' }, liveSkipped],
      ],
    },
    {
      name: 'admin_limited_total',
      help: 'Requests refused because their address had asked too often.',
      labels: ['kind'],
      read: ({ limitedReads, limitedChanges, limitedTokens }) => [
        [{ kind: 'read' }, limitedReads],
        [{ kind: 'change' }, limitedChanges],
        [{ kind: 'token' }, limitedTokens],
      ],
    },
    {
      name: 'admin_tokens_wrong_total',
      help: 'Requests with a token that is not the right one.',
      read: ({ tokensWrong }) => tokensWrong,
    },
    {
      name: 'admin_changes_total',
      help: 'Changes that were asked for over this interface: made, and refused.',
      labels: ['result'],
      read: ({ actions, actionsRefused }) => [
        [{ result: 'made' }, actions],
        [{ result: 'refused' }, actionsRefused],
      ],
    },
  ],
};
