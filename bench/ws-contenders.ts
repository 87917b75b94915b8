/** Who takes part in `npm run bench -- ws`. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TestCa } from '../test/support/test-ca.js';
import type { Contender, ContenderProtocol } from './contender.js';
import { npmTracker, temporaryFolder } from './contenders.js';

export const OURS = 'trackerbt';
export const NPM = 'bittorrent-tracker';

const here = dirname(fileURLToPath(import.meta.url));

/**
 * What one browser may say in a second is bounded, and a load says in a second what a browser says in
 * hours. `bittorrent-tracker` has no such bounds.
 */
const SETTINGS = {
  TRACKERBT_WEBSOCKET_MESSAGES_PER_SECOND: '100000',
  TRACKERBT_WEBSOCKET_RELAY_BYTES_PER_SECOND: '1073741824',
  TRACKERBT_WEBSOCKET_WORKERS: '1',
};

/** This build with one worker of each kind; `listen` says where it serves, given the port and its data. */
function ours(
  name: string,
  protocol: ContenderProtocol,
  listen: (port: number, data: string) => readonly string[],
): Contender {
  return {
    name,
    protocols: [protocol],
    isTracker: true,
    start: ({ port }) => {
      const data = temporaryFolder('ws');
      // The build beside this file, not the one that bin/ would choose.
      const args = [join(here, '..', 'src', 'main.js'), 'tracker', '--workers', '1'];
      args.push('--data', data, '--udp', 'off', '--admin', 'off', ...listen(port, data));
      const cleanUp = () => rmSync(data, { recursive: true, force: true });
      return { command: process.execPath, args, env: SETTINGS, cleanUp };
    },
    ready: { line: /"msg":"ready"/ },
  };
}

export const TRACKERBT: Contender = ours(OURS, 'ws', (port) => ['--http', `127.0.0.1:${port}`]);

export const BITTORRENT_TRACKER: Contender = {
  name: NPM,
  protocols: ['ws'],
  isTracker: true,
  unavailable: () => (existsSync(npmTracker()) ? undefined : 'not installed'),
  start: ({ port }) => {
    // `new Server({http: false, udp: false, ws: true})`, in its own words.
    const args = [npmTracker(), '--ws', '--no-stats', '-q', '-p', String(port)];
    args.push('--http-hostname', '127.0.0.1');
    return { command: process.execPath, args };
  },
  ready: 'tcp',
};

/** This build behind a certificate of its own. */
export async function trackerbtOverTls(algorithm: 'ecdsa' | 'rsa'): Promise<Contender> {
  const { cert, key } = await (await TestCa.create()).issue({ algorithm });
  return ours(`${OURS} (${algorithm})`, 'https', (port, data) => {
    const [certFile, keyFile] = [join(data, 'cert.pem'), join(data, 'key.pem')];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key, { mode: 0o600 });
    const files = ['--tls-cert', certFile, '--tls-key', keyFile];
    return ['--http', 'off', '--https', `127.0.0.1:${port}`, ...files];
  });
}
