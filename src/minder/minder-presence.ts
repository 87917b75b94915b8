/**
 * Where this minder stands among the others while it runs: what it tells them of itself, what it
 * tells nodes of all minders, and which routes its bus server has.
 *
 * ```
 * another minder calls by a new host --> own certificate for it --> own records --> the others' routes
 * records of others change           --> routes of our bus server
 * revoked (by records, or by word)   --> onRevoked, once
 * ```
 */
import { formatHostPort } from '../lib/host-port.js';
import type { Bus } from './bus.js';
import type { ClusterAddresses, RequestSource } from './enrolment.js';
import type { Foundation } from './foundation.js';
import { hostsFor, hostsForMinders, hostsOfRoutes, knownHosts } from './minder-addresses.js';
import type { MinderPlace } from './minder-roster.js';

/** What a reply of enrolment holds of each. */
const ADDRESSES_MAX = 32;

export interface MinderPresenceOptions {
  readonly advertise: readonly string[];
  /** Where nodes enrol. */
  readonly enrolment: { readonly host: string; readonly port: number };
  /** Address that the routes are bound to; '' for all. */
  readonly routesHost: string;
  /** Whether this minder answers for the cluster's name. */
  readonly dns?: boolean;
}

export interface MinderPresenceDependencies {
  readonly foundation: Foundation;
  readonly bus: Bus;
  /** New certificates for these hosts, and everything told to use them. */
  readonly reissue: () => Promise<void>;
  /** This minder is out: it must end. Called once. */
  readonly onRevoked: () => void;
}

export class MinderPresence {
  readonly #options: MinderPresenceOptions;
  readonly #dependencies: MinderPresenceDependencies;
  #expiresMs = 0;
  #isOut = false;

  constructor(options: MinderPresenceOptions, dependencies: MinderPresenceDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Hosts that the certificate of our routes must name. */
  get routeHosts(): readonly string[] {
    const { advertise, enrolment, routesHost } = this.#options;
    const { place, roster } = this.#dependencies.foundation;
    const bound = [enrolment.host, routesHost];
    return hostsOfRoutes({ advertise, bound }, [...place.calledHosts, roster.source]);
  }

  /** Enters the cluster, and follows it from here on. `expiresMs`: end of our certificate. */
  start(expiresMs: number): void {
    this.renewed(expiresMs);
    this.#dependencies.foundation.state.onChange(() => this.#follow());
    this.#follow();
  }

  /** Our certificate is good until then. */
  renewed(expiresMs: number): void {
    this.#expiresMs = expiresMs;
    this.#enter();
  }

  /** Another minder says that we are out. */
  expelled(): void {
    if (this.#isOut) return;
    this.#isOut = true;
    this.#dependencies.onRevoked();
  }

  /** An authenticated minder called us. */
  async called({ calledHost }: RequestSource): Promise<void> {
    const { foundation, reissue } = this.#dependencies;
    const isNamed = this.routeHosts.includes(calledHost);
    if (!foundation.place.noteCalled(calledHost)) return;
    // Nobody is told of a host before our certificate names it.
    if (!isNamed) await reissue();
    this.#enter();
  }

  /** Where a node that called us by a host finds us, and the others. Ours come first. */
  addressesFor(calledHost: string): ClusterAddresses {
    const { bus, foundation } = this.#dependencies;
    const hosts = hostsFor(this.#hostOptions, calledHost);
    const others = foundation.roster.others();
    const urls = [
      ...bus.urls(hosts),
      ...(bus.external ? [] : others.flatMap((other) => other.bus)),
    ];
    const minders = [...this.#urls(hosts), ...others.flatMap((other) => other.urls)];
    return {
      bus: { urls: firstOf(urls), external: bus.external },
      minders: firstOf(minders),
    };
  }

  /** What everybody may be told of this minder alone. */
  knownAddresses(): { urls: string[]; bus: string[] } {
    const hosts = knownHosts(this.#hostOptions);
    return { urls: this.#urls(hosts), bus: this.#dependencies.bus.urls(hosts) };
  }

  get #hostOptions() {
    const { advertise, enrolment } = this.#options;
    return { advertise, bound: enrolment.host };
  }

  #urls(hosts: readonly string[]): string[] {
    const { port } = this.#options.enrolment;
    return hosts.map((host) => `https://${formatHostPort(host, port)}`);
  }

  #enter(): void {
    const { roster } = this.#dependencies.foundation;
    roster.enter(this.#place(), { expiresMs: this.#expiresMs });
  }

  #place(): MinderPlace {
    const { advertise, routesHost, dns = false } = this.#options;
    const { bus, foundation } = this.#dependencies;
    const { place, roster } = foundation;
    const called = { called: place.calledHosts, source: roster.source };
    const hosts = hostsForMinders(this.#hostOptions, called);
    const routeHosts = hostsForMinders({ advertise, bound: routesHost }, called);
    return {
      dns,
      urls: this.#urls(hosts),
      bus: bus.external ? [] : bus.urls(hosts),
      routes: bus.routeUrls(routeHosts),
    };
  }

  #follow(): void {
    const { bus, foundation } = this.#dependencies;
    if (foundation.roster.isRevoked) this.expelled();
    else bus.setPeers(foundation.roster.routePeers());
  }
}

function firstOf(urls: readonly string[]): string[] {
  return [...new Set(urls)].slice(0, ADDRESSES_MAX);
}
