/**
 * Addresses for real clients. They must not be loopback ones: Transmission drops 127.0.0.0/8 and
 * ::1 from the peer lists it is given (its check for martian addresses), and aria2 does not ask for
 * IPv6 on a machine that has no IPv6 address other than ::1.
 *
 * As root we make a device of our own, a dummy or, where the kernel has none, one end of a veth
 * pair, and put addresses on it that belong to nobody:
 *
 *     10.77.N.1 .. 10.77.N.4    2001:db8:7462:N::1 .. 2001:db8:7462:N::4
 *
 * N is in the device's name, so that tests at the same time cannot have the same one.
 *
 * Traffic between a machine's own addresses never leaves it. IPv6 comes from the documentation
 * prefix, and one host route is added, because Transmission 3.00 speaks UDP over IPv6 only when it
 * finds a global unicast address, which it does by connecting (not sending) a datagram socket to
 * 2001:1890:1112:1::20.
 *
 * Otherwise the machine's first addresses that are not loopback serve; without any, clients cannot
 * be tested and that is said.
 */
import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { atExit } from './at-exit.js';

const HOSTS_COUNT = 4;
const NETWORKS_COUNT = 250;
const ATTEMPTS_MAX = 20;
const TRANSMISSION_PROBE = '2001:1890:1112:1::20/128';

export type Family = 4 | 6;

export class TestNetwork {
  private constructor(
    /** The device that we made; undefined when the machine's own addresses serve. */
    readonly device: string | undefined,
    readonly hosts4: readonly string[],
    readonly hosts6: readonly string[],
  ) {}

  static open(): TestNetwork {
    const number = process.getuid?.() === 0 ? makeDevice() : undefined;
    if (number !== undefined) {
      const device = deviceName(number);
      const hosts = Array.from({ length: HOSTS_COUNT }, (_, index) => index + 1);
      const hosts4 = hosts.map((host) => `10.77.${number}.${host}`);
      const hosts6 = hosts.map((host) => `2001:db8:7462:${number.toString(16)}::${host}`);
      const network = new TestNetwork(device, hosts4, hosts6);
      atExit(() => network.close());
      const added = [
        ...hosts4.map((host) => ip('addr', 'add', `${host}/24`, 'dev', device)),
        ...hosts6.map((host) => ip('-6', 'addr', 'add', `${host}/64`, 'dev', device, 'nodad')),
        // Its own metric: another test's route to the same host must not take its place.
        ip(
          ...['-6', 'route', 'add', TRANSMISSION_PROBE, 'dev', device],
          ...['src', hosts6[0], 'metric', String(1_000 + number)],
        ),
      ];
      if (added.every((succeeded) => succeeded)) return network;
      network.close();
    }
    return new TestNetwork(undefined, machineHosts(4), machineHosts(6));
  }

  /** The address that a role uses; roles share one where the machine has too few. */
  host(family: Family, role: number): string {
    const hosts = family === 4 ? this.hosts4 : this.hosts6;
    if (hosts.length === 0) {
      throw new Error(
        `no IPv${family} address besides loopback: run as root (to make a device) or add one`,
      );
    }
    return hosts[role % hosts.length];
  }

  close(): void {
    if (this.device !== undefined) ip('link', 'del', this.device);
  }
}

function ip(...args: string[]): boolean {
  return spawnSync('ip', args, { stdio: 'ignore' }).status === 0;
}

function deviceName(number: number): string {
  return `tbtn${number}`;
}

/** Makes a device whose number nobody has; undefined where none can be made. */
function makeDevice(): number | undefined {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const number = 1 + Math.floor(Math.random() * NETWORKS_COUNT);
    const device = deviceName(number);
    const made =
      ip('link', 'add', device, 'type', 'dummy') ||
      ip('link', 'add', device, 'type', 'veth', 'peer', 'name', `${device}p`);
    if (!made) continue;
    ip('link', 'set', `${device}p`, 'up');
    if (ip('link', 'set', device, 'up')) return number;
    ip('link', 'del', device);
  }
  return undefined;
}

function machineHosts(family: Family): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => address.family === `IPv${family}` && !address.internal)
    .map(({ address }) => address)
    .filter((address) => !address.startsWith('fe80:') && !address.startsWith('169.254.'));
}
