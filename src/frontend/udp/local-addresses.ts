/** The addresses of this machine, as text that can be bound. */
import type { NetworkInterfaceInfo } from 'node:os';

/** What `os.networkInterfaces` returns. */
export type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

/**
 * At most this many local addresses get a socket of their own; a machine with more answers on the
 * rest through the catch-all.
 */
export const LOCAL_ADDRESSES_MAX = 64;

/** Local addresses of one family, loopback included, link-local ones with their zone (`%eth0`). */
export function localAddresses(
  interfaces: Interfaces,
  family: 4 | 6,
  platform: string = process.platform,
): string[] {
  const found = new Set<string>();
  const wanted = family === 4 ? 'IPv4' : 'IPv6';
  for (const [name, infos] of Object.entries(interfaces)) {
    for (const info of infos ?? []) {
      if (info.family !== wanted || found.size >= LOCAL_ADDRESSES_MAX) continue;
      const scope = info.family === 'IPv6' ? info.scopeid : 0;
      const zone = platform === 'win32' ? String(scope) : name;
      found.add(scope === 0 ? info.address : `${info.address}%${zone}`);
    }
  }
  return [...found];
}
