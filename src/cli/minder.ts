/** `trackerbt minder`: runs a minder until a signal or a failure ends it. */
import { hostname } from 'node:os';
import { Command } from 'commander';
import {
  addConfigOptions,
  type Config,
  ConfigError,
  type Environment,
  flagSettings,
  formatProblem,
  loadConfig,
  resolve,
} from '../config/index.js';
import { createLogger } from '../lib/log.js';
import { MinderNode } from '../node/minder-node.js';

export interface MinderCommandIo {
  readonly stderr: { write(text: string): unknown };
  readonly env: Environment;
  /** Calls back for each signal that asks the process to stop. */
  readonly onStopSignal: (listener: (signal: string) => void) => void;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

export function minderCommand(io: MinderCommandIo): Command {
  const command = new Command('minder').description('run a minder, which trackers join');
  addConfigOptions(command, 'minder');
  command.action(async (options: Record<string, unknown>) => {
    let config: Config;
    try {
      config = readConfig(options, io.env);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) io.stderr.write(`${formatProblem(problem)}\n`);
      io.exit(1);
      return;
    }
    io.exit(await runMinder(config, io));
  });
  return command;
}

function readConfig(options: Readonly<Record<string, unknown>>, env: Environment): Config {
  const file = typeof options.config === 'string' ? options.config : undefined;
  const config = loadConfig({ file, env, flags: flagSettings(options) });
  return resolve(config, { hostname: hostname(), role: 'minder' });
}

/** Runs a minder to its end and returns the exit code. */
async function runMinder(config: Config, io: MinderCommandIo): Promise<number> {
  const logger = createLogger({ ...config.log, name: config.name });
  const node = new MinderNode(config, { logger });
  let signals = 0;
  io.onStopSignal((signal) => {
    if (signals++ > 0) {
      logger.warn({ signal }, 'second signal: ending at once');
      io.exit(1);
      return;
    }
    logger.info({ signal }, 'stopping');
    void node.stop();
  });
  try {
    await node.start();
  } catch (error) {
    const { code } = error as { code?: string };
    logger.fatal({ code }, `cannot start: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
  const code = await node.ended;
  logger.info({ code }, 'stopped');
  return code;
}
