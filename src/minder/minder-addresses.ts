/** By which hosts others reach this minder. */
import { networkInterfaces } from 'node:os';

/** More are not told: a node tries them one after the other. */
const HOSTS_MAX = 16;
/** To other minders: each is dialled for ever. */
const MINDER_HOSTS_MAX = 8;

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

/**
 * Hosts to tell the whole cluster, for those who have never called us: what is known to everybody and
 * what other minders called us by; when nothing is known to everybody, also where another minder saw
 * us come from (`source`, or empty) and the addresses of this machine.
 */
export function hostsForMinders(
  options: MinderAddressOptions,
  { called, source }: { called: readonly string[]; source: string },
): readonly string[] {
  const known = knownHosts(options);
  const guessed = known.length > 0 ? [] : [source, ...machineAddresses()];
  const all = [...new Set([...known, ...called, ...guessed])].filter((host) => host !== '');
  // To others a loopback address is their own.
  const far = all.filter((host) => known.includes(host) || !isLoopback(host));
  return (far.length > 0 ? far : all).slice(0, MINDER_HOSTS_MAX);
}

/** Hosts that the certificate of our routes names: all by which another minder may ever dial us. */
export function hostsOfRoutes(
  { advertise, bound }: { advertise: readonly string[]; bound: readonly string[] },
  called: readonly string[],
): readonly string[] {
  const own = bound.filter((address) => !isWildcard(address));
  const local = ['localhost', '127.0.0.1', '::1'];
  const all = [...advertise, ...own, ...called, ...machineAddresses(), ...local];
  return [...new Set(all)].filter((host) => host !== '');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
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
