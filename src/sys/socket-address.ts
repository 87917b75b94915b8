/** Socket addresses (sockaddr_in, sockaddr_in6; pictures in `layout.ts`) from and to endpoints. */
import type { Endpoint } from '../lib/endpoint.js';
import {
  SOCKADDR_IN_ADDRESS,
  SOCKADDR_IN_BYTES,
  SOCKADDR_IN6_ADDRESS,
  SOCKADDR_IN6_BYTES,
  SOCKADDR_IN6_SCOPE,
  SOCKADDR_PORT,
} from './layout.js';
import { AF_INET, AF_INET6 } from './linux.js';
import { PinnedMemory } from './pinned-memory.js';
import type { Sys } from './sys.js';
import { check } from './sys-error.js';

/** Writes `endpoint` (family 4 or 6) at `at`; returns the struct's length in bytes. */
export function writeSocketAddress(
  bytes: Uint8Array,
  at: number,
  endpoint: Endpoint,
  scope = 0,
): number {
  const isV4 = endpoint.family === 4;
  const length = isV4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES;
  bytes.fill(0, at, at + length);
  bytes[at] = isV4 ? AF_INET : AF_INET6;
  bytes[at + SOCKADDR_PORT] = endpoint.port >>> 8;
  bytes[at + SOCKADDR_PORT + 1] = endpoint.port & 0xff;
  const addressAt = at + (isV4 ? SOCKADDR_IN_ADDRESS : SOCKADDR_IN6_ADDRESS);
  for (let i = 0; i < endpoint.addressLength; i++) bytes[addressAt + i] = endpoint.bytes[i];
  if (!isV4) {
    for (let i = 0; i < 4; i++) bytes[at + SOCKADDR_IN6_SCOPE + i] = (scope >>> (8 * i)) & 0xff;
  }
  return length;
}

/** Reads into `endpoint`; false, the endpoint unset, for a family that is neither. */
export function readSocketAddress(bytes: Uint8Array, at: number, endpoint: Endpoint): boolean {
  const family = bytes[at];
  if (family === AF_INET) endpoint.setAddress(bytes, at + SOCKADDR_IN_ADDRESS, 4);
  else if (family === AF_INET6) endpoint.setAddress(bytes, at + SOCKADDR_IN6_ADDRESS, 16);
  else {
    endpoint.family = 0;
    return false;
  }
  const portAt = endpoint.addressLength;
  endpoint.bytes[portAt] = bytes[at + SOCKADDR_PORT];
  endpoint.bytes[portAt + 1] = bytes[at + SOCKADDR_PORT + 1];
  return true;
}

/** One socket address in memory of its own, for the calls that take or fill one. */
export class SocketAddress {
  readonly memory: PinnedMemory;
  length = 0;

  constructor(sys: Sys) {
    this.memory = new PinnedMemory(sys, LENGTH_AT + 4);
  }

  get address(): number {
    return this.memory.address;
  }

  /** Where the length lies for a call that fills this one. Says first that there is room. */
  lengthAddress(): number {
    this.memory.words[LENGTH_AT >>> 2] = LENGTH_AT;
    return this.memory.address + LENGTH_AT;
  }

  set(endpoint: Endpoint, scope = 0): this {
    this.length = writeSocketAddress(this.memory.bytes, 0, endpoint, scope);
    return this;
  }

  read(endpoint: Endpoint): boolean {
    return readSocketAddress(this.memory.bytes, 0, endpoint);
  }
}

const LENGTH_AT = 32;

/** The address that a socket is bound to, port included. Throws a `SysError`. */
export function readBoundAddress(sys: Sys, fd: number, endpoint: Endpoint): void {
  const name = new SocketAddress(sys);
  check(sys.getsockname(fd, name.address, name.lengthAddress()), 'getsockname');
  name.read(endpoint);
}

/** The interface number of an address text with a zone (`fe80::1%eth0`, `fe80::1%2`), else 0. */
export function scopeOf(sys: Sys, addressText: string): number {
  const at = addressText.indexOf('%');
  if (at < 0) return 0;
  const zone = addressText.slice(at + 1);
  return /^\d+$/.test(zone) ? Number(zone) : sys.interfaceIndex(zone);
}
