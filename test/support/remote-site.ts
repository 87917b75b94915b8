/**
 * A second machine on this one: a network namespace with a link for the cluster, which a test can
 * cut, and a link for clients, which stays. Needs root.
 *
 * ```
 *   this machine                                          namespace tbt<pid>
 *   bridge  10.78.N.1                -- tbt<pid>x ------  bus      10.78.N.2
 *   client  10.79.N.1, .11, .12, ... -------------------  clients  10.79.N.2
 *           2001:db8:79NN:H::1       -------------------           2001:db8:79NN::2
 * ```
 *
 * Cut means that the namespace's end is no longer in the bridge: packets vanish in silence, as they do
 * when a line is cut, and nobody is told.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { atExit } from './at-exit.js';

const HOSTS_FROM = 11;

export class RemoteSite {
  readonly #name = `tbt${process.pid % 100_000}`;
  /** Of processes that run at the same time, none has the number of another. */
  readonly #number = 1 + (process.pid % 250);

  private constructor(
    /** Addresses of clients in either family, each in a network of its own where there is room. */
    readonly clients: readonly string[],
  ) {}

  /** Without root there is none. */
  static get isPossible(): boolean {
    return process.getuid?.() === 0;
  }

  /** Makes the namespace and `count` addresses of each family for clients on this machine. */
  static open(count: number): RemoteSite {
    const clients: string[] = [];
    const site = new RemoteSite(clients);
    atExit(() => site.close());
    site.#make();
    for (let host = HOSTS_FROM; host < HOSTS_FROM + count; host++) {
      clients.push(`10.79.${site.#number}.${host}`, `${site.#prefix}:${host.toString(16)}::1`);
    }
    for (const client of clients) {
      ip('addr', 'add', addressArgument(client, 24, 128), 'dev', site.#client, ...noDad(client));
    }
    return site;
  }

  /** Where the cluster's side of this machine is. */
  get hub(): string {
    return `10.78.${this.#number}.1`;
  }

  /** Addresses of this machine, and of the other one, that clients use. */
  get here(): readonly string[] {
    return [`10.79.${this.#number}.1`, `${this.#prefix}::1`];
  }

  get there(): readonly string[] {
    return [`10.79.${this.#number}.2`, `${this.#prefix}::2`];
  }

  /** Has whatever runs in the namespace from now on ask this name server. */
  resolveWith(server: string): void {
    const folder = `/etc/netns/${this.#name}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/resolv.conf`, `nameserver ${server}\noptions timeout:1\n`);
  }

  /** What a process in the namespace is run by. */
  get prefix(): readonly string[] {
    return ['ip', 'netns', 'exec', this.#name];
  }

  cut(): void {
    ip('link', 'set', `${this.#name}x`, 'nomaster');
  }

  heal(): void {
    ip('link', 'set', `${this.#name}x`, 'master', this.#bridge);
  }

  close(): void {
    rmSync(`/etc/netns/${this.#name}`, { recursive: true, force: true });
    // The ends inside go with the namespace, and their other ends with them.
    spawnSync('ip', ['netns', 'del', this.#name], { stdio: 'ignore' });
    for (const device of [this.#client, `${this.#name}x`, this.#bridge]) {
      spawnSync('ip', ['link', 'del', device], { stdio: 'ignore' });
    }
  }

  get #bridge(): string {
    return `${this.#name}b`;
  }

  get #client(): string {
    return `${this.#name}c`;
  }

  get #prefix(): string {
    return `2001:db8:79${this.#number.toString(16).padStart(2, '0')}`;
  }

  #make(): void {
    const name = this.#name;
    const inside = (...args: string[]) => ip('-n', name, ...args);
    ip('netns', 'add', name);
    inside('link', 'set', 'lo', 'up');
    ip('link', 'add', this.#bridge, 'type', 'bridge');
    ip('link', 'add', `${name}x`, 'type', 'veth', 'peer', 'name', 'bus', 'netns', name);
    ip('link', 'add', this.#client, 'type', 'veth', 'peer', 'name', 'clients', 'netns', name);
    ip('addr', 'add', `${this.hub}/24`, 'dev', this.#bridge);
    inside('addr', 'add', `10.78.${this.#number}.2/24`, 'dev', 'bus');
    this.heal();
    ip('link', 'set', this.#bridge, 'up');
    ip('link', 'set', `${name}x`, 'up');
    inside('link', 'set', 'bus', 'up');
    for (const [host, device] of [
      ...this.here.map((address) => [address, undefined] as const),
      ...this.there.map((address) => [address, 'clients'] as const),
    ]) {
      const address = addressArgument(host, 24, 48);
      if (device === undefined) ip('addr', 'add', address, 'dev', this.#client, ...noDad(host));
      else inside('addr', 'add', address, 'dev', device, ...noDad(host));
    }
    ip('link', 'set', this.#client, 'up');
    inside('link', 'set', 'clients', 'up');
  }
}

function addressArgument(host: string, bits4: number, bits6: number): string {
  return `${host}/${host.includes(':') ? bits6 : bits4}`;
}

/** An IPv6 address is otherwise of no use for a second, while it is looked for elsewhere. */
function noDad(host: string): string[] {
  return host.includes(':') ? ['nodad'] : [];
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}
