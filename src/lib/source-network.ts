/** By whom somebody who may have many addresses is counted. */
import { Endpoint, formatAddress } from './endpoint.js';

/** By what a stranger is counted: an IPv4 address, or the /64 that an IPv6 address is in. */
export function sourceNetwork(address: string): string {
  const endpoint = new Endpoint();
  if (!endpoint.setAddressText(address) || endpoint.family === 4) return address;
  endpoint.bytes.fill(0, 8);
  return `${formatAddress(endpoint.bytes, 0, 16)}/64`;
}
