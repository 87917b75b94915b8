/** `trackerbt tracker`: runs a tracker until a signal or a failure ends it. */
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
import { TrackerNode } from '../node/tracker-node.js';

export interface TrackerCommandIo {
  readonly stderr: { write(text: string): unknown };
  readonly env: Environment;
  /** Calls back for each signal that asks the process to stop. */
  readonly onStopSignal: (listener: (signal: string) => void) => void;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

export function trackerCommand(io: TrackerCommandIo): Command {
  const command = new Command('tracker').description('run a tracker');
  addConfigOptions(command);
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
    io.exit(await runTracker(config, io));
  });
  return command;
}

function readConfig(options: Readonly<Record<string, unknown>>, env: Environment): Config {
  const file = typeof options.config === 'string' ? options.config : undefined;
  const config = loadConfig({ file, env, flags: flagSettings(options) });
  return resolve(config, { hostname: hostname() });
}

/** Runs a tracker to its end and returns the exit code. */
async function runTracker(config: Config, io: TrackerCommandIo): Promise<number> {
  const logger = createLogger({ ...config.log, name: config.name });
  const node = new TrackerNode(config, { logger });
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
