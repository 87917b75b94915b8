/**
 * A tracker's place in a cluster, as its process begins: whether it has one, and what its cluster
 * worker needs. The identity of an earlier start is enough; a token only makes the first one.
 */
import { existsSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { dirname } from 'node:path';
import { type Identity, identityPath } from '../cluster/identity.js';
import { readToken } from '../cluster/token-source.js';
import { type Config, parseListen } from '../config/index.js';
import { formatAddress } from '../frontend/listen-address.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import type { ClusterKeyRing } from '../protocol/cluster/control.js';
import { scrapePathOf } from '../protocol/http/route.js';
import type { StoreMemory } from '../swarm/layout.js';
import { KeyRingWriter, type RingKeys } from '../tracker/key-ring.js';
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
  addresses({ http, https, udp }: BoundSockets): string[] {
    const path = announcePath(this.#config.http.announcePaths);
    const urls = (scheme: string, sockets: readonly string[], path: string) =>
      sockets.flatMap((socket) => {
        const bound = parseListen(socket);
        if (bound === undefined) return [];
        return this.#hosts(bound.host).map(
          (host) => `${scheme}://${formatAddress(host, bound.port)}${path}`,
        );
      });
    return [
      ...new Set([
        ...urls('http', http, path),
        ...urls('https', https, path),
        ...urls('udp', udp, ''),
      ]),
    ];
  }

  /** Under which hosts a socket is told to others that is bound to `address`. */
  #hosts(address: string): readonly string[] {
    const isFour = isIPv4(address);
    if (this.#config.advertise.length > 0) {
      // A name may stand for both families, an address for one.
      return this.#config.advertise.filter((host) => (isFour ? !isIPv6(host) : !isIPv4(host)));
    }
    if (address !== '0.0.0.0' && address !== '::') return [address];
    const { sourceAddress } = this.identity;
    return isIPv4(sourceAddress) === isFour ? [sourceAddress] : [];
  }
}

/** The path that others are told: one that can be probed, so one with a scrape path and no key. */
export function announcePath(paths: readonly string[]): string {
  const isPlain = (path: string) => !path.includes('{key}') && scrapePathOf(path) !== undefined;
  return paths.find(isPlain) ?? paths[0];
}

function describe({ name, advertise }: Config) {
  return { name, software: VERSION, advertise };
}

/** The ring as the minder sends it, in bytes. */
export function ringKeys({ generation, previous, current, next }: ClusterKeyRing): RingKeys {
  const bytes = (hex: string) => Buffer.from(hex, 'hex');
  return { generation, previous: bytes(previous), current: bytes(current), next: bytes(next) };
}
