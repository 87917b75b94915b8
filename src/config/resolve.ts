import type { Config } from './schema.js';

/** What the rules that stand behind '' and 0 need to know. */
export interface ResolveContext {
  /** The host's name, for a node that has none of its own. */
  readonly hostname: string;
}

/**
 * Replaces the defaults that depend on something else (`name`, `announce.minIntervalSeconds`,
 * `announce.peerTtlSeconds`) by their values. What depends on the machine or on another module
 * (`workers`, `io`, `admin.tokenFile`, `udp.receiveBufferBytes`) is left to those who know it.
 */
export function resolve(config: Config, { hostname }: ResolveContext): Config {
  const { announce } = config;
  const { intervalSeconds } = announce;
  return Object.freeze({
    ...config,
    name: config.name === '' ? hostname : config.name,
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
