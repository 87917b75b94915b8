/**
 * What a minder does for trackers and clients, beside keeping its cluster together: it watches how
 * trackers are, answers for their name, and keeps the lists that all of them follow.
 */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { ClusterLists } from '../cluster/cluster-lists.js';
import type { ReplicationClock } from '../cluster/replicator-options.js';
import type { ReplicationTransport } from '../cluster/transport.js';
import type { Config } from '../config/index.js';
import { assert } from '../lib/assert.js';
import type { Logger } from '../lib/log.js';
import { LoggerSink } from '../lib/log-sink.js';
import { Prng } from '../lib/prng.js';
import { snakeCase } from '../lib/snake-case.js';
import type { Foundation } from '../minder/foundation.js';
import { HealthDesk } from '../minder/health-desk.js';
import { ListDesk } from '../minder/list-desk.js';
import type { NodeRegistry } from '../minder/node-registry.js';
import { HashList, reserveHashList } from '../swarm/hash-list.js';
import { MinderName } from './minder-name.js';
import { randomSeed } from './random-seed.js';

export interface MinderServiceDependencies {
  readonly foundation: Foundation;
  readonly registry: NodeRegistry;
  readonly clock: ReplicationClock;
  readonly logger: Logger;
  /** The name can be answered for no longer. */
  readonly onFatal: (error: Error) => void;
}

export class MinderService {
  readonly health: HealthDesk;
  readonly #config: Config;
  readonly #dependencies: MinderServiceDependencies;
  #name: MinderName | undefined;
  #lists: ClusterLists | undefined;
  #listDesk: ListDesk | undefined;
  #nameServers: ReadonlyMap<string, readonly string[]> = new Map();

  /** Knows the last set of trackers from here on. */
  constructor(config: Config, dependencies: MinderServiceDependencies) {
    this.#config = config;
    this.#dependencies = dependencies;
    const { foundation, registry, clock, logger } = dependencies;
    const { directory, state } = foundation;
    this.health = new HealthDesk(
      { ...config.health, zone: config.dns.zone, setPath: join(directory, 'tracker-set.json') },
      { state, registry, clock, log: new LoggerSink(logger) },
    );
  }

  /** Binds the name server: to be called while the process may still bind any port. */
  async openName(): Promise<void> {
    const { foundation, clock, logger, onFatal } = this.#dependencies;
    const { state } = foundation;
    this.#findNameServers();
    state.onChange(() => this.#findNameServers());
    this.#name = await MinderName.open(this.#config, {
      set: () => this.health.set(),
      nameServerAddresses: () => this.#nameServers,
      clock,
      logger,
      onFatal,
    });
  }

  /** Loads the lists, and begins everything. `onRoots`: the settings have changed. */
  start(transport: ReplicationTransport, onRoots: () => void): void {
    const { foundation, clock, logger } = this.#dependencies;
    const { state, directory } = foundation;
    const { lists } = this.#config;
    const id = state.minderId;
    this.#lists = new ClusterLists(
      { id, role: 'minder', path: join(directory, 'lists') },
      {
        lists: {
          deny: new HashList(reserveHashList(lists)),
          allow: new HashList(reserveHashList(lists)),
        },
        transport,
        clock,
        random: new Prng(randomSeed()),
        log: new LoggerSink(logger),
        onRoots,
      },
    );
    this.#listDesk = new ListDesk({ id }, { lists: this.#lists, clock });
    this.#lists.start();
    this.health.start(transport);
    this.#name?.start();
  }

  get listDesk(): ListDesk {
    assert(this.#listDesk !== undefined, 'the service has been started');
    return this.#listDesk;
  }

  /** What the lists are, for the settings. */
  listRoots(): { deny: string; allow: string } | undefined {
    return this.#lists?.exchange.roots();
  }

  /** Where the name is answered for, `ADDRESS:PORT`. */
  get nameAddresses(): string[] {
    return this.#name?.addresses ?? [];
  }

  /** Whether clients are sent to a tracker. */
  isNamed(nodeId: string): boolean {
    return this.health.dns().trackers.some(({ id }) => id === nodeId);
  }

  /** For the view of the cluster, by names in snake case. */
  counters(): Record<string, number> {
    const dns = this.#name?.counters;
    const updates = this.#name?.updates;
    const counters: Record<string, number> = {};
    for (const [name, count] of Object.entries(dns ?? {})) {
      if (typeof count === 'number') counters[`dns_${snakeCase(name)}`] = count;
    }
    for (const [type, count] of Object.entries(dns?.queriesByType ?? {})) {
      counters[`dns_queries_${type.toLowerCase()}`] = count;
    }
    for (const [rcode, count] of Object.entries(dns?.answersByRcode ?? {})) {
      counters[`dns_answers_${rcode.toLowerCase()}`] = count;
    }
    if (updates !== undefined) {
      counters.dns_updates_sent = updates.sent;
      counters.dns_updates_failed = updates.failed;
    }
    for (const [name, list] of Object.entries(this.#lists?.lists ?? {})) {
      counters[`list_${name}_entries`] = list.size;
    }
    return counters;
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.health.stop();
    await this.#name?.stop();
    await this.#lists?.close();
  }

  /** Name servers inside the zone have the addresses that minders with one advertise. */
  #findNameServers(): void {
    const { dns, advertise } = this.#config;
    const { state } = this.#dependencies.foundation;
    const others = state
      .list('node')
      .filter(
        ([id]) =>
          state.get('minder', id)?.dns === true && state.get('revocation', id) === undefined,
      )
      .flatMap(([, node]) => node.advertise);
    const addresses = [...new Set([...advertise, ...others])].filter((host) => isIP(host) !== 0);
    const zone = dns.zone.toLowerCase();
    const names = dns.nameServers.length > 0 ? dns.nameServers : [`ns.${zone}`];
    const inZone = names.map((name) => name.toLowerCase()).filter((n) => n.endsWith(`.${zone}`));
    const found = new Map(addresses.length === 0 ? [] : inZone.map((name) => [name, addresses]));
    // What is new to the name server is a new map.
    if (JSON.stringify([...found]) === JSON.stringify([...this.#nameServers])) return;
    this.#nameServers = found;
  }
}
