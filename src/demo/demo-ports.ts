/**
 * Where the nodes of a demo listen: on loopback alone. The minder and the first tracker get the ports
 * that they have by themselves, where these are free; all others get what the system chooses.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { ReadyLine } from './demo-node.js';

export const LOOPBACK = '127.0.0.1';
const PORTS = { clients: 6969, admin: 6970, minder: 7470, enrol: 7443, bus: 7422, routes: 7423 };

/** Whether a node is to have its usual ports, or any. */
export type PortChoice = 'usual' | 'any';

/** Flags of `trackerbt minder`. */
export async function minderListens(choice: PortChoice, ports = PORTS): Promise<string[]> {
  const flags: [string, number][] = [
    ['--listen', ports.enrol],
    ['--bus', ports.bus],
    ['--bus-cluster', ports.routes],
    ['--admin', ports.minder],
  ];
  const args: string[] = [];
  for (const [flag, usual] of flags) {
    const port = choice === 'usual' ? await freeOr0(usual) : 0;
    args.push(flag, `${LOOPBACK}:${port}`);
  }
  return args;
}

/** Flags of `trackerbt tracker`. */
export async function trackerListens(choice: PortChoice, ports = PORTS): Promise<string[]> {
  const isUsual = choice === 'usual';
  const isFree = isUsual && (await isUdpFree(ports.clients));
  const clients = isFree ? await freeOr0(ports.clients) : 0;
  const admin = isUsual ? await freeOr0(ports.admin) : 0;
  const hosts = hasIpv6() ? [LOOPBACK, '[::1]'] : [LOOPBACK];
  return [
    ...hosts.flatMap((host) => ['--http', `${host}:${clients}`, '--udp', `${host}:${clients}`]),
    ...['--admin', `${LOOPBACK}:${admin}`],
  ];
}

/** The same addresses again, for a node that is started once more. */
export function minderBound(ready: ReadyLine): string[] {
  const { enrol, bus, busCluster, admin } = ready;
  const flags = { '--listen': enrol, '--bus': bus, '--bus-cluster': busCluster, '--admin': admin };
  return Object.entries(flags).flatMap(([flag, at]) => (at === undefined ? [] : [flag, at]));
}

export function trackerBound({ http = [], udp = [], admin = 'off' }: ReadyLine): string[] {
  return [
    ...http.flatMap((address) => ['--http', address]),
    ...udp.flatMap((address) => ['--udp', address]),
    ...['--admin', admin],
  ];
}

function hasIpv6(): boolean {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.some(({ address }) => address === '::1');
}

/** `port` where nobody has it, else 0: the system chooses. */
async function freeOr0(port: number): Promise<number> {
  const server = createServer();
  try {
    server.listen(port, LOOPBACK);
    await once(server, 'listening');
    return port;
  } catch {
    return 0;
  } finally {
    server.close();
  }
}

async function isUdpFree(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    socket.bind(port, LOOPBACK);
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}
