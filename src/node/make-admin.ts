/** The operators' listener of a node, from its configuration. */
import { join } from 'node:path';
import type { AdminServer, AdminServerDependencies } from '../admin/admin-server.js';
import { type Config, parseListen } from '../config/index.js';
import { assert } from '../lib/assert.js';
import { pageFolder } from './page-folder.js';

/** Makes or reads its token; throws `AdminTokenError`. Binds nothing yet. */
export async function makeAdmin(
  { admin, data }: Config,
  role: 'tracker' | 'minder',
  dependencies: AdminServerDependencies,
): Promise<AdminServer> {
  const { listen, tokenFile, hosts, liveMax, readsPerSecond, changesPerSecond } = admin;
  const address = parseListen(listen);
  assert(address !== undefined, `the configuration checked '${listen}'`);
  const [{ createAdminServer }, { loadAdminToken }] = await Promise.all([
    import('../admin/admin-server.js'),
    import('../admin/admin-token.js'),
  ]);
  const token = loadAdminToken(tokenFile === '' ? join(data, role, 'admin-token') : tokenFile);
  const folder = pageFolder();
  return createAdminServer(
    {
      ...address,
      token,
      hosts,
      liveMax,
      readsPerSecond,
      changesPerSecond,
      ...(folder === undefined ? {} : { pageFolder: folder }),
    },
    dependencies,
  );
}
