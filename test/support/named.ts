/**
 * BIND's `named` as the primary of a zone that a key may update: on loopback, in a folder of its own,
 * in the foreground. Where we are root it becomes a user without rights, as it would in service.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { parseTsigKey } from '../../src/dns/tsig-key.js';
import { within } from './deadline.js';
import { dig } from './dig.js';
import { freePort } from './free-port.js';
import { removeFolder, temporaryFolder, watchChild } from './node-process.js';

// Debian keeps it where the path of users does not lead.
const env = {
  ...process.env,
  PATH: `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`,
};
const START_MS_MAX = 60_000;

/** A key file as tsig-keygen writes it. */
export function makeKey(name: string, algorithm: string): string {
  const made = spawnSync('tsig-keygen', ['-a', algorithm, name], { env, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`tsig-keygen: ${made.stderr}`);
  return made.stdout;
}

export interface NamedOptions {
  readonly zone: string;
  /** Key files that the server knows; all but the names in `strangers` may update the zone. */
  readonly keys: readonly string[];
  readonly strangers?: readonly string[];
}

export class Named {
  readonly #child: ChildProcess;
  readonly #folder: string;
  log = '';

  private constructor(
    readonly port: number,
    child: ChildProcess,
    folder: string,
  ) {
    this.#child = child;
    this.#folder = folder;
    watchChild(child);
  }

  static async start({ zone, keys, strangers = [] }: NamedOptions): Promise<Named> {
    const folder = temporaryFolder('named');
    const port = await freePort();
    const names = keys.map((text) => parseTsigKey(text, 'the test').name);
    const updaters = names.filter((name) => !strangers.includes(name));
    writeFileSync(
      join(folder, 'zone.db'),
      `$TTL 300
@ IN SOA ns.example.net. hostmaster.example.net. 1 3600 600 86400 30
@ IN NS ns.example.net.
@ IN MX 10 mail.example.net.
@ IN A 192.0.2.250
www IN A 192.0.2.251
`,
    );
    writeFileSync(
      join(folder, 'named.conf'),
      `${keys.join('\n')}
options {
  directory "${folder}";
  pid-file none;
  session-keyfile none;
  managed-keys-directory "${folder}";
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 port ${port} { ::1; };
  recursion no;
  dnssec-validation no;
  notify no;
};
controls { };
zone "${zone}" {
  type primary;
  file "zone.db";
  allow-update { ${updaters.map((name) => `key "${name}";`).join(' ')} };
};
`,
    );
    const args = ['-g', '-n', '1', '-c', join(folder, 'named.conf')];
    if (process.getuid?.() === 0) {
      giveAway(folder);
      args.push('-u', 'bind');
    }
    const child = spawn('named', args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const named = new Named(port, child, folder);
    await within(named.#ready(), START_MS_MAX, 'named to run').catch((error: Error) => {
      throw new Error(`${error.message}; it wrote:\n${named.log}`);
    });
    return named;
  }

  /** What the zone says, from named itself. */
  async records(name: string, type: string): Promise<string[]> {
    const { answer } = await dig('127.0.0.1', this.port, '+tcp', '+norecurse', name, type);
    return answer.map((line) => line.split(' ').slice(4).join(' ')).sort();
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
    removeFolder(this.#folder);
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        this.log += text;
        if (/\brunning\n/.test(this.log)) resolve();
      });
      this.#child.once('error', reject);
      this.#child.once('exit', () => reject(new Error('named ended')));
    });
  }
}

/** Makes the folder the user's that named becomes. */
function giveAway(folder: string): void {
  const id = (flag: string) => Number(spawnSync('id', [flag, 'bind'], { encoding: 'utf8' }).stdout);
  chownSync(folder, id('-u'), id('-g'));
  for (const name of ['zone.db', 'named.conf']) {
    chownSync(join(folder, name), id('-u'), id('-g'));
    chmodSync(join(folder, name), 0o600);
  }
}
