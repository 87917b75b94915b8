/**
 * A tracker's place in a cluster, as its process begins: whether it has one, and what its cluster
 * worker needs. The identity of an earlier start is enough; a token only makes the first one.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Identity, identityPath } from '../cluster/identity.js';
import { readToken } from '../cluster/token-source.js';
import type { Config } from '../config/index.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import type { ClusterKeyRing } from '../protocol/cluster/control.js';
import type { StoreMemory } from '../swarm/layout.js';
import { KeyRingWriter, type RingKeys } from '../tracker/key-ring.js';
import { announceUrls } from './announce-urls.js';
import type { BoundSockets } from './bound-sockets.js';
import { CLUSTER_THREAD } from './plan.js';
import type { ClusterTask } from './task.js';
import { VERSION } from './version.js';

export class Membership {
  readonly identity: Identity;
  readonly #config: Config;

  private constructor(config: Config, identity: Identity) {
    this.#config = config;
    this.identity = identity;
  }

  /**
   * The membership that the configuration or an earlier start gives; undefined for a tracker that
   * stands alone. Throws `EnrolmentError`, `IdentityError` or `PrivateFileError`.
   */
  static async find(
    config: Config,
    dependencies: { clock: Clock; logger: Logger },
  ): Promise<Membership | undefined> {
    const path = identityPath(config.data);
    const { join, token } = config.cluster;
    if (join === '' && !existsSync(path)) return undefined;
    const { joinCluster } = await import('../cluster/identity-keeper.js');
    const identity = await joinCluster(
      {
        path,
        role: 'tracker',
        url: join,
        node: describe(config),
        ...(token === '' ? {} : { token: () => readToken(token) }),
      },
      dependencies,
    );
    return new Membership(config, identity);
  }

  get digestKey(): Uint8Array {
    return Buffer.from(this.identity.digestKey, 'hex');
  }

  /** Makes the cluster's keys those of this tracker's connection ids. */
  installKeys(keyRing: SharedArrayBuffer): void {
    new KeyRingWriter(keyRing).install(ringKeys(this.identity.keyRing));
  }

  task(
    memory: StoreMemory,
    {
      keyRing,
      live,
      startedMs,
    }: { keyRing: SharedArrayBuffer; live: SharedArrayBuffer; startedMs: number },
  ): ClusterTask {
    const path = identityPath(this.#config.data);
    return {
      kind: 'cluster',
      name: 'cluster',
      thread: CLUSTER_THREAD,
      memory,
      logLevel: this.#config.log.level,
      identity: this.identity,
      identityPath: path,
      directory: dirname(path),
      node: describe(this.#config),
      keyRing,
      live,
      startedMs,
      signalBytesPerSecond: this.#config.websocket.nodeRelayBytesPerSecond,
      settings: this.#config.cluster,
      announce: this.#config.announce,
      listMode: this.#config.lists.mode,
      preload: this.#config.user !== '',
    };
  }

  /** URLs for clients: of each socket that was bound, under each host that is to be told. */
  addresses(bound: BoundSockets): string[] {
    const { sourceAddress } = this.identity;
    return announceUrls(bound, this.#config, [sourceAddress]);
  }
}

function describe({ name, advertise }: Config) {
  return { name, software: VERSION, advertise };
}

/** The ring as the minder sends it, in bytes. */
export function ringKeys({ generation, previous, current, next }: ClusterKeyRing): RingKeys {
  const bytes = (hex: string) => Buffer.from(hex, 'hex');
  return { generation, previous: bytes(previous), current: bytes(current), next: bytes(next) };
}
