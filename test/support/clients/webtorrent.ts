/**
 * The npm package `webtorrent` in Node.js: what a desktop program of its makers runs, and the code
 * that pages run. It meets others over WebRTC alone (see webtorrent-worker.ts), and announces from
 * whatever address it has.
 */
import { fileURLToPath } from 'node:url';
import type { WebPeerOrder } from '../webtorrent-worker.js';
import type { ClientOptions, ClientProgram, RunningClient } from './client.js';
import { EndingClient } from './ending-client.js';
import { Program } from './program.js';

const SCRIPT = fileURLToPath(
  new URL('../../../dist/test/support/webtorrent-worker.js', import.meta.url),
);

export const webtorrent: ClientProgram = {
  name: 'webtorrent',

  async start({ torrent, folder, role, caFile }: ClientOptions): Promise<RunningClient> {
    const order: WebPeerOrder = { file: torrent.file, folder, role };
    const env = caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: caFile };
    const args = [SCRIPT, JSON.stringify(order)];
    return new EndingClient(
      'webtorrent',
      new Program(process.execPath, args, { ...process.env, ...env }),
    );
  },
};
