/** `trackerbt minder`: runs a minder until a signal or a failure ends it; and what is done to its files. */
import type { Command } from 'commander';
import { MinderNode } from '../node/minder-node.js';
import { backupCommand, restoreCommand } from './minder-backup.js';
import type { MinderIo } from './minder-command.js';
import { type ServerCommandIo, serverCommand } from './server-command.js';

export function minderCommand(io: ServerCommandIo & Pick<MinderIo, 'stdout'>): Command {
  const make = (...node: ConstructorParameters<typeof MinderNode>) => new MinderNode(...node);
  const description = 'run a minder, which trackers join';
  const tools = { stdout: io.stdout, stderr: io.stderr };
  return serverCommand({ role: 'minder', description, make }, io)
    .addCommand(backupCommand(tools))
    .addCommand(restoreCommand(tools));
}
