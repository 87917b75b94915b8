/** What a worker binds by system calls. */
import type { BindAddress } from '../frontend/listen-address.js';
import { Endpoint } from '../lib/endpoint.js';
import { loadSys } from '../sys/load-sys.js';
import { type BindOptions, openTcpListener } from '../sys/socket.js';
import { scopeOf } from '../sys/socket-address.js';
import type { Sys } from '../sys/sys.js';

/** An address that was reserved, as our sockets take it. */
export function localOf(sys: Sys, { address, port }: BindAddress): BindOptions {
  const local = new Endpoint();
  local.setAddressText(address);
  local.setPort(port);
  const scope = scopeOf(sys, address);
  return scope === 0 ? { local } : { local, scope };
}

/**
 * A listening socket whose port other threads listen on as well, on every version of node: its own
 * servers share one from 22.12 on. Returns the descriptor; throws a `SysError`.
 */
export function openListener(bind: BindAddress, backlog: number): number {
  const loaded = loadSys();
  if (!loaded.ok) throw new Error(`system calls are not available: it ${loaded.reason}`);
  const { sys } = loaded;
  return openTcpListener(sys, { ...localOf(sys, bind), backlog, reusePort: true });
}
