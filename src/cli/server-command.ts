/** What the commands share that run a node until a signal or a failure ends it. */
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
  type Role,
  resolve,
} from '../config/index.js';
import { createLogger, type Logger } from '../lib/log.js';
import { reasonOf } from '../lib/reason.js';

export interface ServerCommandIo {
  readonly stderr: { write(text: string): unknown };
  readonly env: Environment;
  /** Calls back for each signal that asks the process to stop. */
  readonly onStopSignal: (listener: (signal: string) => void) => void;
  /** Calls back for each signal that asks the process to read its files again. */
  readonly onReloadSignal?: (listener: () => void) => void;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

/** A node as its command sees it. */
export interface Server {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Reads again what may change while it runs. */
  reload?(): void;
  /** Resolves to the exit code. */
  readonly ended: Promise<number>;
}

export interface ServerCommandOptions {
  readonly role: Role;
  readonly description: string;
  readonly make: (config: Config, dependencies: { readonly logger: Logger }) => Server;
}

export function serverCommand(
  { role, description, make }: ServerCommandOptions,
  io: ServerCommandIo,
): Command {
  const command = new Command(role).description(description);
  addConfigOptions(command, role);
  command.action(async (options: Record<string, unknown>) => {
    let config: Config;
    try {
      config = readConfig(options, io.env, role);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) io.stderr.write(`${formatProblem(problem)}\n`);
      io.exit(1);
      return;
    }
    const logger = createLogger({ ...config.log, name: config.name });
    io.exit(await run(make(config, { logger }), logger, io));
  });
  return command;
}

function readConfig(
  options: Readonly<Record<string, unknown>>,
  env: Environment,
  role: Role,
): Config {
  const file = typeof options.config === 'string' ? options.config : undefined;
  const config = loadConfig({ file, env, flags: flagSettings(options, role) });
  return resolve(config, { hostname: hostname(), role });
}

/** Runs a node to its end and returns the exit code. */
async function run(server: Server, logger: Logger, io: ServerCommandIo): Promise<number> {
  let signals = 0;
  io.onStopSignal((signal) => {
    if (signals++ > 0) {
      logger.warn({ signal }, 'second signal: ending at once');
      io.exit(1);
      return;
    }
    logger.info({ signal }, 'stopping');
    void server.stop();
  });
  if (server.reload !== undefined) io.onReloadSignal?.(() => server.reload?.());
  try {
    await server.start();
  } catch (error) {
    const { code } = error as { code?: string };
    logger.fatal({ code }, `cannot start: ${reasonOf(error)}`);
    return 1;
  }
  const code = await server.ended;
  logger.info({ code }, 'stopped');
  return code;
}
