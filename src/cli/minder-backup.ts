/** `trackerbt minder backup FILE` and `trackerbt minder restore FILE`: a minder in one file. */
import { Command } from 'commander';
import { DataLockError } from '../lib/data-lock.js';
import { BackupError, type BackupSummary, restoreBackup, writeBackup } from '../minder/backup.js';
import { VERSION } from '../node/version.js';
import { jsonText } from './json-text.js';
import { MinderExit, type MinderIo, streamed, timeText } from './minder-command.js';
import { printable } from './tracker-check.js';

const DATA_DEFAULT = './trackerbt-data';

interface FileFlags {
  readonly json?: true;
}

export function backupCommand(io: MinderIo): Command {
  return fileCommand('backup', io)
    .description('write all that makes this minder into one file, which is as secret as its keys')
    .argument('<FILE>', 'where to; must not exist yet')
    .action((file: string, flags: FileFlags, command: Command) =>
      telling(io, () => {
        const data = dataOf(command);
        const done = writeBackup({ data, file, software: VERSION, createdMs: Date.now() });
        if (flags.json) return jsonText(done);
        return `${file}: minder ${done.minder}, ${sizeOf(done)}\n`;
      }),
    );
}

export function restoreCommand(io: MinderIo): Command {
  return fileCommand('restore', io)
    .description('put a backup into a data directory that has no minder')
    .argument('<FILE>', 'the backup')
    .action((file: string, flags: FileFlags, command: Command) =>
      telling(io, async () => {
        const data = dataOf(command);
        const done = await restoreBackup({ file, data });
        if (flags.json) return jsonText(done);
        return (
          `${data}: minder ${done.minder} as it was at ${timeText(done.createdMs)}, ` +
          `${sizeOf(done)}\nThe minder that was saved must not run any more. Start this one with ` +
          'the flags that it had; its nodes come back to the addresses that they know.\n'
        );
      }),
    );
}

function fileCommand(name: string, io: MinderIo): Command {
  return streamed(new Command(name), io)
    .option('--data <DIR>', 'the data directory', DATA_DEFAULT)
    .option('--json', 'print JSON');
}

/** `trackerbt minder --data DIR backup FILE` means what the other order does. */
function dataOf(command: Command): string {
  const own = command.getOptionValueSource('data') === 'cli' ? command.opts() : undefined;
  return (own ?? command.parent?.opts())?.data ?? DATA_DEFAULT;
}

async function telling(io: MinderIo, act: () => string | Promise<string>): Promise<void> {
  try {
    io.stdout.write(await act());
    exit(io, MinderExit.ok);
  } catch (error) {
    if (!(error instanceof BackupError || error instanceof DataLockError)) throw error;
    io.stderr.write(`${printable(error.message)}\n`);
    exit(io, MinderExit.failed);
  }
}

function exit({ exit }: MinderIo, code: number): void {
  if (exit === undefined) process.exitCode = code;
  else exit(code);
}

function sizeOf({ files, bytes }: BackupSummary): string {
  return `${files} files, ${bytes} bytes`;
}
