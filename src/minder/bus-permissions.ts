/**
 * Who may say and hear what on the bus. Subjects end in the one who speaks, so that the server
 * itself keeps everybody from speaking as another:
 *
 * ```
 * peers.<origin>        batches of changes                 hb.<id>            heartbeats
 * rep.<to>.<from>       repair and snapshots               sig.<to>.<from>    WebRTC signalling
 * ctl.all, ctl.<id>     the minder's word                  ctl.minder.<from>  words to the minder
 * _INBOX.<id>.>         answers to requests of one's own
 * ```
 *
 * What is not allowed here is refused by the server, which logs it (`NatsServer` counts).
 */
import { assert } from '../lib/assert.js';
import type { NodeRole } from '../protocol/cluster/enrolment.js';
import { isNodeId } from '../protocol/cluster/node-id.js';

export interface BusPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** Throws for what is no node id: a dot or a wildcard in it would open other nodes' subjects. */
export function busPermissions(role: NodeRole, nodeId: string): BusPermissions {
  assert(isNodeId(nodeId), 'permissions are for node ids');
  const inbox = `${inboxPrefix(nodeId)}.>`;
  if (role === 'tracker') {
    return {
      publish: [
        `peers.${nodeId}`,
        `hb.${nodeId}`,
        `rep.*.${nodeId}`,
        `ctl.minder.${nodeId}`,
        `sig.*.${nodeId}`,
      ],
      subscribe: [
        'peers.*',
        'hb.*',
        `rep.${nodeId}.*`,
        'ctl.all',
        `ctl.${nodeId}`,
        `sig.${nodeId}.*`,
        inbox,
      ],
    };
  }
  return {
    // A minder has no peers of its own, so it may not speak of any.
    publish: [`hb.${nodeId}`, 'ctl.>'],
    subscribe: ['peers.*', 'hb.*', 'ctl.>', inbox],
  };
}

/** What the subjects for answers to a node begin with. */
export function inboxPrefix(nodeId: string): string {
  return `_INBOX.${nodeId}`;
}
