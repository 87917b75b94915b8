/** By which hosts others reach this minder. */
import { networkInterfaces } from 'node:os';

/** More are not told: a node tries them one after the other. */
const HOSTS_MAX = 16;

export interface MinderAddressOptions {
  /** As configured with `--advertise`. */
  readonly advertise: readonly string[];
  /** Address that the enrolment port is bound to. */
  readonly bound: string;
}

/**
 * Hosts that are the same for everybody: the advertised ones, or the address that the port is bound
 * to. Empty when it is bound to all addresses and none is advertised: then whoever calls knows best.
 */
export function knownHosts({ advertise, bound }: MinderAddressOptions): readonly string[] {
  if (advertise.length > 0) return advertise.slice(0, HOSTS_MAX);
  return isWildcard(bound) ? [] : [bound];
}

/**
 * Hosts to tell a node that called us by `calledHost`: what is known to everybody, else the host
 * that has just worked for it, else the addresses of this machine.
 */
export function hostsFor(options: MinderAddressOptions, calledHost: string): readonly string[] {
  const known = knownHosts(options);
  if (known.length > 0) return known;
  return calledHost === '' ? machineAddresses() : [calledHost];
}

function isWildcard(address: string): boolean {
  return address === '' || address === '0.0.0.0' || address === '::';
}

/** Addresses of this machine that others may reach, loopback when there is nothing else. */
function machineAddresses(): string[] {
  const found = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    // Link-local addresses need a zone, which differs from machine to machine.
    .filter(({ internal, address }) => !internal && !/^fe80:|^169\.254\./i.test(address))
    .map(({ address }) => address);
  return found.length > 0 ? found.slice(0, HOSTS_MAX) : ['127.0.0.1'];
}
