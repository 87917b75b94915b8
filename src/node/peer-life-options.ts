/** How long peers live by configuration, for the thread that keeps it. */
import type { Config } from '../config/index.js';
import type { StoreMemory } from '../swarm/layout.js';
import type { PeerLifeOptions } from '../tracker/peer-life.js';

export function peerLifeOptions(
  { announce }: Pick<Config, 'announce'>,
  { replication }: StoreMemory,
): PeerLifeOptions {
  const { intervalSeconds, peerTtlSeconds, intervalJitter } = announce;
  return {
    intervalSeconds,
    peerTtlSeconds,
    intervalJitter,
    ...(replication === undefined ? {} : { remoteTtlSeconds: replication.remoteTtlSeconds }),
  };
}
