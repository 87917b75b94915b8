/**
 * Which bus server to try next: each once in a round, by lot, but those with a clean slate first. An
 * address is as good as its server, and a server may have several addresses: where one of them failed
 * in this round, the others wait until other servers were asked.
 */
import { assert } from '../lib/assert.js';

export interface RotaServers {
  /** At least one. */
  readonly servers: readonly string[];
  /** Addresses that lead to the same server. */
  readonly groups?: readonly (readonly string[])[] | undefined;
}

export class ServerRota {
  readonly #random: () => number;
  #servers: readonly string[] = [];
  /** The group of each address; an address of none is its own. */
  #groupOf = new Map<string, string>();
  /** Of this round, still to be tried. */
  #left: string[] = [];
  /** Failures of each group since a server let us in, or a round ended. */
  readonly #blame = new Map<string, number>();

  constructor({ servers, groups }: RotaServers, { random }: { random: () => number }) {
    this.#random = random;
    this.set(servers, groups);
  }

  /** Other servers; what is known of those that stay is kept. */
  set(servers: readonly string[], groups: readonly (readonly string[])[] = []): void {
    assert(servers.length > 0, 'there is a server to connect to');
    this.#servers = [...new Set(servers)];
    this.#groupOf = new Map();
    for (const group of groups) {
      for (const server of group) {
        if (!this.#groupOf.has(server)) this.#groupOf.set(server, group[0]);
      }
    }
    const groupsLeft = new Set(this.#servers.map((server) => this.#group(server)));
    for (const group of this.#blame.keys()) if (!groupsLeft.has(group)) this.#blame.delete(group);
    this.#left = [];
  }

  /** The server was lost, or did not let us in. */
  blame(server: string): void {
    const group = this.#group(server);
    if (!this.#servers.some((known) => this.#group(known) === group)) return;
    this.#blame.set(group, 1 + (this.#blame.get(group) ?? 0));
  }

  /** A server has let us in: what failed before it says little about later. */
  settle(): void {
    this.#left = [];
    this.#blame.clear();
  }

  next(): string {
    if (this.#left.length === 0) this.#left = [...this.#servers];
    const blames = this.#left.map((server) => this.#blame.get(this.#group(server)) ?? 0);
    const least = Math.min(...blames);
    const best = this.#left.filter((_server, i) => blames[i] === least);
    const [server] = best.splice(Math.floor(this.#random() * best.length), 1);
    this.#left.splice(this.#left.indexOf(server), 1);
    // All have failed as often: nobody's slate is cleaner.
    if (this.#left.length === 0) this.#blame.clear();
    return server;
  }

  #group(server: string): string {
    return this.#groupOf.get(server) ?? server;
  }
}
