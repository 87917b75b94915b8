/** Wiring and signals: the command line, what it may touch, and the only process.exit. */
import { Command, CommanderError } from 'commander';
import { announceCommand } from './cli/announce.js';
import { configCommand } from './cli/config.js';
import { loadCommand } from './cli/load.js';
import { scrapeCommand } from './cli/scrape.js';
import { trackerCommand } from './cli/tracker.js';
import { VERSION } from './node/version.js';

const { stdout, stderr, env } = process;

/** Ends once what was written is out: a pipe takes its time. */
function exit(code: number): void {
  process.exitCode = code;
  stdout.write('', () => stderr.write('', () => process.exit(code)));
}

function onStopSignal(listener: (signal: string) => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, listener);
}

const program = new Command('trackerbt')
  .description('a distributed BitTorrent tracker')
  .version(VERSION)
  .exitOverride()
  .addCommand(trackerCommand({ stderr, env, onStopSignal, exit }))
  .addCommand(announceCommand({ stdout, stderr }))
  .addCommand(scrapeCommand({ stdout, stderr }))
  .addCommand(loadCommand({ stdout, stderr, onStopSignal }))
  .addCommand(configCommand({ stdout, stderr, env }));

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
