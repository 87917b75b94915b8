import { NODE_NAME_LENGTH_MAX } from '../protocol/cluster/heartbeat.js';
import type { Role } from './role.js';
import type { Config } from './schema.js';

/** What the rules that stand behind '' and 0 need to know. */
export interface ResolveContext {
  /** The host's name, for a node that has none of its own. */
  readonly hostname: string;
  readonly role?: Role;
}

/** Where operators are listened to, when nothing is said. */
export const ADMIN_LISTEN: Readonly<Record<Role, string>> = {
  tracker: '127.0.0.1:6970',
  minder: '127.0.0.1:7470',
};

/**
 * Replaces the defaults that depend on something else (`name`, `admin.listen`, `announce.minIntervalSeconds`,
 * `announce.peerTtlSeconds`) by their values. What depends on the machine or on another module
 * (`workers`, `io`, `admin.tokenFile`, `udp.receiveBufferBytes`) is left to those who know it.
 */
export function resolve(config: Config, { hostname, role = 'tracker' }: ResolveContext): Config {
  const { admin, announce } = config;
  const { intervalSeconds } = announce;
  return Object.freeze({
    ...config,
    // A host's own name may be longer than what nodes tell each other.
    name: config.name === '' ? hostname.slice(0, NODE_NAME_LENGTH_MAX) : config.name,
    admin: Object.freeze({
      ...admin,
      listen: admin.listen === '' ? ADMIN_LISTEN[role] : admin.listen,
    }),
    announce: Object.freeze({
      ...announce,
      minIntervalSeconds:
        announce.minIntervalSeconds === 0
          ? Math.max(1, Math.floor(intervalSeconds / 2))
          : announce.minIntervalSeconds,
      peerTtlSeconds:
        announce.peerTtlSeconds === 0 ? Math.ceil(intervalSeconds * 1.5) : announce.peerTtlSeconds,
    }),
  });
}
