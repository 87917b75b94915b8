/** What workers of the fast path need to bind by system calls. */
import type { BindAddress } from '../frontend/listen-address.js';
import { Endpoint } from '../lib/endpoint.js';
import { loadSys } from '../sys/load-sys.js';
import { type BindOptions, openTcpListener } from '../sys/socket.js';
import { scopeOf } from '../sys/socket-address.js';
import type { Sys } from '../sys/sys.js';

/** The system calls, without which main would not have chosen the fast path. */
export function fastSys(): Sys {
  const loaded = loadSys();
  if (!loaded.ok) throw new Error(`the fast path is not available: it ${loaded.reason}`);
  return loaded.sys;
}

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
  const sys = fastSys();
  return openTcpListener(sys, { ...localOf(sys, bind), backlog, reusePort: true });
}
