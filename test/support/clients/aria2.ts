/**
 * Debian's `aria2c`, with everything off that could find a peer without the tracker.
 *
 * Its limits (1.36): UDP trackers are spoken to over IPv4 only, and only while its IPv4 DHT is on,
 * whose socket they share. A private torrent never uses the DHT, and no entry point is given.
 */
import { join } from 'node:path';
import { within } from '../deadline.js';
import { freePort } from '../free-port.js';
import { removeFolder, temporaryFolder } from '../tracker-process.js';
import type { ClientOptions, ClientProgram, RunningClient } from './client.js';
import { Program } from './program.js';

class RunningAria2 implements RunningClient {
  constructor(
    readonly program: Program,
    readonly home: string,
  ) {}

  /** A leecher is told to end when it is done: exit code 0 is the whole file, checked. */
  async completed(limitMs: number): Promise<void> {
    const code = await within(this.program.exited, limitMs, 'aria2 to have the whole file');
    if (code !== 0) throw new Error(`aria2 ended with ${code}`);
  }

  /** At SIGTERM it ends without a word to the tracker. */
  async leave(): Promise<void> {
    this.program.leave('SIGINT');
  }

  async kill(): Promise<void> {
    await this.program.kill();
    removeFolder(this.home);
  }

  output(): string {
    return this.program.output();
  }
}

export const aria2: ClientProgram = {
  name: 'aria2',

  async start(options: ClientOptions): Promise<RunningClient> {
    const home = temporaryFolder('aria2');
    const port = await freePort(options.host);
    const seeds = options.role === 'seeder';
    const args = [
      '--no-conf=true',
      `--enable-dht=${options.trackerProtocol === 'udp'}`,
      `--dht-file-path=${join(home, 'dht.dat')}`,
      `--dht-listen-port=${await freePort(options.host)}`,
      '--enable-dht6=false',
      '--enable-peer-exchange=false',
      '--bt-enable-lpd=false',
      '--enable-rpc=false',
      '--follow-torrent=false',
      '--disable-ipv6=false',
      `--interface=${options.host}`,
      `--listen-port=${port}`,
      `--dir=${options.folder}`,
      '--check-integrity=true',
      '--file-allocation=none',
      '--auto-save-interval=0',
      '--summary-interval=0',
      '--console-log-level=info',
      `--stop-with-process=${process.pid}`,
      ...(options.caFile === undefined ? [] : [`--ca-certificate=${options.caFile}`]),
      ...(seeds ? ['--seed-ratio=0.0'] : ['--seed-time=0']),
      options.torrent.file,
    ];
    return new RunningAria2(new Program('aria2c', args), home);
  },
};
