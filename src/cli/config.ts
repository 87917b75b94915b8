import { Command, Option } from 'commander';
import {
  ConfigError,
  configJsonSchema,
  type Environment,
  formatProblem,
  loadConfig,
  PRINT_FORMATS,
  type PrintFormat,
  printConfig,
} from '../config/index.js';
import { jsonText } from './json-text.js';

export interface ConfigCommandIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Environment;
  /** Sets the code with which the process ends in its own time; `process.exitCode` by default. */
  readonly exit?: (code: number) => void;
}

function setExitCode(code: number): void {
  process.exitCode = code;
}

function problemsOf(file: string): ConfigError['problems'] {
  try {
    loadConfig({ file });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
}

/** `trackerbt config print | check | schema`. A problem ends each with code 1. */
export function configCommand({
  stdout,
  stderr,
  env,
  exit = setExitCode,
}: ConfigCommandIo): Command {
  const command = new Command('config').description('print, check or describe the configuration');

  /** Runs a part that may find problems, and writes them to one of the streams. */
  const reporting = (problemsTo: ConfigCommandIo['stdout'], action: () => void) => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) problemsTo.write(`${formatProblem(problem)}\n`);
      exit(1);
    }
  };

  command
    .command('print')
    .description('print the configuration in effect (file and environment) as a commented file')
    .option('--config <FILE>', 'configuration file (.xml, .yaml, .yml or .json)')
    .addOption(new Option('--format <FORMAT>', 'format').choices(PRINT_FORMATS).default('yaml'))
    .action(({ config: file, format }: { config?: string; format: PrintFormat }) => {
      reporting(stderr, () => stdout.write(printConfig(loadConfig({ file, env }), format)));
    });

  command
    .command('check')
    .description('check a configuration file by itself and list every problem')
    .argument('<FILE>', 'configuration file (.xml, .yaml, .yml or .json)')
    .option('--json', 'print JSON')
    .action((file: string, { json: asJson }: { json?: true }) => {
      if (asJson) {
        const problems = problemsOf(file);
        stdout.write(jsonText({ file, ok: problems.length === 0, problems }));
        if (problems.length > 0) exit(1);
        return;
      }
      // The problems are what was asked for, so they go where the answer goes.
      reporting(stdout, () => {
        loadConfig({ file });
        stdout.write(`${file}: ok\n`);
      });
    });

  command
    .command('schema')
    .description('print the JSON Schema of configuration files')
    .action(() => {
      stdout.write(jsonText(configJsonSchema()));
    });

  return command;
}
