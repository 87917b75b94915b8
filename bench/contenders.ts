/** Who takes part in the comparison. `bench/README.md` tells how to add one. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSys } from '../src/sys/load-sys.js';
import type { Contender } from './contender.js';
import { ECHO, RIVAL } from './names.js';

const here = dirname(fileURLToPath(import.meta.url));

/** The folder that holds package.json: right from sources and from dist/ alike. */
export function repository(): string {
  let folder = here;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

export function temporaryFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `trackerbt-bench-${name}-`));
}

function ours(io: 'fast' | 'portable'): Contender {
  return {
    name: `trackerbt ${io}`,
    protocols: ['udp', 'http'],
    isTracker: true,
    start: ({ port }) => {
      const data = temporaryFolder(io);
      const address = `127.0.0.1:${port}`;
      // The build beside this file, not the one that bin/ would choose.
      const args = [join(here, '..', 'src', 'main.js'), 'tracker', '--io', io, '--workers', '1'];
      args.push('--data', data, '--http', address, '--udp', address, '--admin', 'off');
      const cleanUp = () => rmSync(data, { recursive: true, force: true });
      return { command: process.execPath, args, cleanUp };
    },
    ready: { line: /"msg":"ready"/ },
    checkReady: (line) => {
      const { io: chosen } = JSON.parse(line) as { io?: string };
      return chosen === io ? undefined : `this build serves with --io ${chosen} instead`;
    },
  };
}

const opentracker: Contender = {
  name: RIVAL,
  protocols: ['udp', 'http'],
  isTracker: true,
  unavailable: () => {
    if (spawnSync('opentracker', ['-h']).error !== undefined) return 'not installed';
    return process.getuid?.() === 0 ? undefined : 'it wants to be started by root';
  },
  start: ({ port, infoHashes }) => {
    // Debian builds it with an allow list, which it reads after it has changed its root.
    const folder = temporaryFolder('opentracker');
    chmodSync(folder, 0o755);
    const list = openSync(join(folder, 'wl.txt'), 'w', 0o644);
    let lines: string[] = [];
    const flush = () => {
      writeSync(list, lines.join(''));
      lines = [];
    };
    for (const infoHash of infoHashes()) {
      if (lines.push(`${infoHash}\n`) === 10_000) flush();
    }
    flush();
    closeSync(list);
    const args = ['-i', '127.0.0.1', '-p', String(port), '-P', String(port)];
    args.push('-d', folder, '-w', '/wl.txt', '-u', 'nobody');
    const cleanUp = () => rmSync(folder, { recursive: true, force: true });
    return { command: 'opentracker', args, cleanUp };
  },
  ready: 'tcp',
};

/** Its package exports no command, so it is found by its path. */
export const npmTracker = () =>
  join(repository(), 'node_modules', 'bittorrent-tracker', 'bin', 'cmd.js');

const bittorrentTracker: Contender = {
  name: 'bittorrent-tracker',
  protocols: ['udp', 'http'],
  isTracker: true,
  peersMax: 1_000_000,
  unavailable: () => (existsSync(npmTracker()) ? undefined : 'not installed'),
  start: ({ port }) => {
    const args = [npmTracker(), '--http', '--udp', '--no-stats', '-q'];
    args.push('-p', String(port), '--http-hostname', '127.0.0.1', '--udp-hostname', '127.0.0.1');
    return { command: process.execPath, args };
  },
  ready: 'tcp',
};

const echo: Contender = {
  name: ECHO,
  protocols: ['udp'],
  isTracker: false,
  unavailable: () => {
    const loaded = loadSys();
    return loaded.ok ? undefined : loaded.reason;
  },
  start: ({ port }) => ({
    command: process.execPath,
    args: [join(here, 'echo.js'), String(port)],
  }),
  ready: { line: /^ready/ },
};

const nodeHttp: Contender = {
  name: 'node:http',
  protocols: ['http'],
  isTracker: false,
  start: ({ port }) => ({
    command: process.execPath,
    args: [join(here, 'node-http.js'), String(port)],
  }),
  ready: { line: /^ready/ },
};

export const CONTENDERS: readonly Contender[] = [
  ours('fast'),
  ours('portable'),
  opentracker,
  bittorrentTracker,
  echo,
  nodeHttp,
];

/** `NAME=COMMAND`, where `{port}` stands for the port to serve UDP and HTTP on. */
export function customContender(text: string): Contender | undefined {
  const at = text.indexOf('=');
  if (at <= 0 || !text.includes('{port}')) return undefined;
  const command = text.slice(at + 1);
  return {
    name: text.slice(0, at),
    protocols: ['udp', 'http'],
    isTracker: true,
    start: ({ port }) => ({
      command: 'sh',
      args: ['-c', `exec ${command.replaceAll('{port}', String(port))}`],
    }),
    ready: 'tcp',
  };
}
