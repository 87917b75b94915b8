/**
 * Debian's `transmission-daemon` in the foreground, steered over its JSON RPC, with everything off
 * that could find a peer without the tracker: DHT, PEX, local discovery, port forwarding.
 *
 * Its limits (3.00): a UDP tracker's URL with an IPv6 literal is not understood, so `hostNames` can
 * name the tracker, in an /etc/hosts that only this process sees (root, `unshare --mount`). And the
 * peers in a UDP reply over IPv6 are read in steps of 6 bytes, so that it can seed there, not leech.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../deadline.js';
import { freePort } from '../free-port.js';
import { removeFolder, temporaryFolder } from '../tracker-process.js';
import type { ClientOptions, ClientProgram, RunningClient } from './client.js';
import { Program } from './program.js';

const START_LIMIT_MS = 20_000;

interface TorrentState {
  readonly percentDone: number;
  readonly errorString: string;
}

function settings(options: ClientOptions, rpcPort: number, peerPort: number): unknown {
  const bind = options.host.includes(':') ? 'bind-address-ipv6' : 'bind-address-ipv4';
  return {
    [bind]: options.host,
    'blocklist-enabled': false,
    'dht-enabled': false,
    'download-dir': options.folder,
    encryption: 1,
    'incomplete-dir-enabled': false,
    'lpd-enabled': false,
    'message-level': 2,
    'peer-port': peerPort,
    'peer-port-random-on-start': false,
    'pex-enabled': false,
    'port-forwarding-enabled': false,
    'rpc-authentication-required': false,
    'rpc-bind-address': '127.0.0.1',
    'rpc-enabled': true,
    'rpc-host-whitelist-enabled': false,
    'rpc-port': rpcPort,
    'rpc-whitelist-enabled': false,
    'start-added-torrents': true,
    'utp-enabled': false,
    'watch-dir-enabled': false,
  };
}

/** One RPC call; the session id that a first call is refused with is kept. */
class Rpc {
  #session = '';

  constructor(readonly port: number) {}

  async call(method: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
    for (let attempt = 0; attempt < 2; attempt++) {
      const reply = await fetch(`http://127.0.0.1:${this.port}/transmission/rpc`, {
        method: 'POST',
        headers: { 'x-transmission-session-id': this.#session },
        body: JSON.stringify({ method, arguments: args }),
      });
      if (reply.status === 409) {
        this.#session = reply.headers.get('x-transmission-session-id') ?? '';
        await reply.arrayBuffer();
        continue;
      }
      const answer = (await reply.json()) as { result: string; arguments: unknown };
      if (answer.result !== 'success') throw new Error(`${method}: ${answer.result}`);
      return answer.arguments;
    }
    throw new Error('transmission keeps asking for a session id');
  }
}

class RunningTransmission implements RunningClient {
  constructor(
    readonly program: Program,
    readonly rpc: Rpc,
    readonly home: string,
  ) {}

  async #state(): Promise<TorrentState> {
    const fields = ['percentDone', 'errorString'];
    const answer = (await this.rpc.call('torrent-get', { fields })) as { torrents: TorrentState[] };
    return answer.torrents[0];
  }

  async completed(limitMs: number): Promise<void> {
    await until(
      async () => ((await this.#state()).percentDone === 1 ? true : undefined),
      limitMs,
      'transmission to have the whole file',
      100,
    );
  }

  /** Not by a signal: while it shuts down, 3.00 sends no more HTTP announces. */
  async leave(): Promise<void> {
    await this.rpc.call('torrent-stop', {});
  }

  async kill(): Promise<void> {
    await this.program.kill();
    removeFolder(this.home);
  }

  output(): string {
    return this.program.output();
  }
}

/** Starts the daemon, with further lines in /etc/hosts where there are any. */
function startProgram(home: string, { hostNames, caFile }: ClientOptions): Program {
  const args = ['--foreground', '--config-dir', home];
  // 3.00 checks certificates only when told to.
  const trust = caFile === undefined ? {} : { CURL_CA_BUNDLE: caFile, TR_CURL_SSL_VERIFY: '1' };
  const env = { ...process.env, ...trust };
  if (hostNames === undefined) return new Program('transmission-daemon', args, env);
  const hosts = join(home, 'hosts');
  writeFileSync(hosts, `${readFileSync('/etc/hosts', 'utf8')}\n${hostNames}\n`);
  const script = 'mount --bind "$0" /etc/hosts && exec transmission-daemon "$@"';
  return new Program('unshare', ['--mount', 'sh', '-c', script, hosts, ...args], env);
}

export const transmission: ClientProgram = {
  name: 'transmission',

  async start(options: ClientOptions): Promise<RunningClient> {
    const home = temporaryFolder('transmission');
    const rpcPort = await freePort();
    const peerPort = await freePort(options.host);
    const file = join(home, 'settings.json');
    writeFileSync(file, JSON.stringify(settings(options, rpcPort, peerPort)));
    const program = startProgram(home, options);
    const rpc = new Rpc(rpcPort);
    const running = new RunningTransmission(program, rpc, home);
    try {
      await until(
        () => rpc.call('session-get', {}).catch(() => undefined),
        START_LIMIT_MS,
        'the RPC of transmission',
      );
      const metainfo = options.torrent.metainfo.toString('base64');
      await rpc.call('torrent-add', { metainfo, 'download-dir': options.folder });
    } catch (error) {
      await running.kill();
      throw new Error(`${(error as Error).message}\n${program.output()}`);
    }
    return running;
  },
};
