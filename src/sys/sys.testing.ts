/** What the tests of this room share: the loaded system and loopback endpoints. */
import { Endpoint } from '../lib/endpoint.js';
import { loadSys } from './load-sys.js';
import type { Sys } from './sys.js';

/** The machine's own system; the tests of this room need it. */
export function testSys(): Sys {
  const loaded = loadSys();
  if (!loaded.ok) throw new Error(`these tests call the system directly: ${loaded.reason}`);
  return loaded.sys;
}

export const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;

export function endpointOf(address: string, port = 0): Endpoint {
  const endpoint = new Endpoint();
  if (!endpoint.setAddressText(address)) throw new Error(`${address} is no address`);
  endpoint.setPort(port);
  return endpoint;
}
