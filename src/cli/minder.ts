/** `trackerbt minder`: runs a minder until a signal or a failure ends it. */
import type { Command } from 'commander';
import { MinderNode } from '../node/minder-node.js';
import { type ServerCommandIo, serverCommand } from './server-command.js';

export function minderCommand(io: ServerCommandIo): Command {
  const make = (...node: ConstructorParameters<typeof MinderNode>) => new MinderNode(...node);
  const description = 'run a minder, which trackers join';
  return serverCommand({ role: 'minder', description, make }, io);
}
