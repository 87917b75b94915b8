/** Wiring and signals: the command line, what it may touch, and the only process.exit. */
import { setFlagsFromString } from 'node:v8';
import { Command, CommanderError } from 'commander';
import { withPlainHelp } from './cli/help.js';
import { VERSION } from './node/version.js';

const { stdout, stderr, env } = process;

// Whoever read what we say may be gone before us, as `tee` is at Ctrl-C. That ends no command: what
// there is to stop and to clean up is still to be done.
stderr.on('error', () => {});

// Loading modules makes garbage once, and a heap that grew for it never shrinks again: 10 MB of
// resident memory in a process that then allocates next to nothing.
setFlagsFromString('--semi-space-growth-factor=1');

/** Ends once what was written is out: a pipe takes its time. */
function exit(code: number): void {
  process.exitCode = code;
  stdout.write('', () => stderr.write('', () => process.exit(code)));
}

function onStopSignal(listener: (signal: string) => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, listener);
  // Whoever started us with a channel is gone, however that came: we are not to stay behind.
  if (process.connected) process.once('disconnect', () => listener('disconnect'));
}

function onReloadSignal(listener: () => void): void {
  process.on('SIGHUP', listener);
}

/** What a command that takes the whole terminal hears of the process. */
const terminalProcess = {
  on: (event: string, listener: () => void) => process.on(event, listener),
  off: (event: string, listener: () => void) => process.off(event, listener),
  suspend: () => process.kill(0, 'SIGTSTP'),
};

/** Every command, in the order of the help; each loads its modules only when it is wanted. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  tracker: async () =>
    (await import('./cli/tracker.js')).trackerCommand({
      stderr,
      env,
      onStopSignal,
      onReloadSignal,
      exit,
    }),
  minder: async () =>
    (await import('./cli/minder.js')).minderCommand({
      stdout,
      stderr,
      env,
      onStopSignal,
      onReloadSignal,
      exit,
    }),
  top: async () =>
    (await import('./cli/top.js')).topCommand({
      stdin: process.stdin,
      stdout,
      stderr,
      env,
      onStopSignal,
      exit,
      process: terminalProcess,
    }),
  token: async () => (await import('./cli/token.js')).tokenCommand({ stdout, stderr }),
  nodes: async () => (await import('./cli/nodes.js')).nodesCommand({ stdout, stderr, env }),
  revoke: async () => (await import('./cli/revoke.js')).revokeCommand({ stdout, stderr }),
  drain: async () =>
    (await import('./cli/drain.js')).drainCommand({ stdout, stderr, onStopSignal }),
  settings: async () => (await import('./cli/settings.js')).settingsCommand({ stdout, stderr }),
  deny: async () =>
    (await import('./cli/deny.js')).denyCommand({ stdout, stderr, stdin: process.stdin }),
  allow: async () =>
    (await import('./cli/allow.js')).allowCommand({ stdout, stderr, stdin: process.stdin }),
  announce: async () => (await import('./cli/announce.js')).announceCommand({ stdout, stderr }),
  scrape: async () => (await import('./cli/scrape.js')).scrapeCommand({ stdout, stderr }),
  load: async () => (await import('./cli/load.js')).loadCommand({ stdout, stderr, onStopSignal }),
  demo: async () =>
    (await import('./cli/demo.js')).demoCommand({
      command: process.argv[1],
      stdout,
      stderr,
      onStopSignal,
      exit,
    }),
  config: async () => (await import('./cli/config.js')).configCommand({ stdout, stderr, env }),
};

const HELP_ENDING = `
trackerbt COMMAND --help describes one. To begin: trackerbt tracker serves on port 6969,
trackerbt demo shows a cluster on this machine.`;

const program = new Command('trackerbt')
  .description('a distributed BitTorrent tracker')
  .version(VERSION)
  .addHelpText('after', HELP_ENDING)
  .exitOverride();
const wanted = process.argv[2];
const loaders =
  wanted !== undefined && Object.hasOwn(COMMANDS, wanted)
    ? [COMMANDS[wanted]]
    : Object.values(COMMANDS);
for (const load of loaders) program.addCommand(await load());
withPlainHelp(program);

for (const command of program.commands) {
  command.exitOverride();
  for (const child of command.commands) child.exitOverride();
}

try {
  await program.parseAsync();
} catch (error) {
  // Commander has said what is wrong; asking for help or the version is not wrong.
  if (!(error instanceof CommanderError)) throw error;
  exit(error.exitCode === 0 ? 0 : 2);
}
