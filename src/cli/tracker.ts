/** `trackerbt tracker`: runs a tracker until a signal or a failure ends it. */
import type { Command } from 'commander';
import { TrackerNode } from '../node/tracker-node.js';
import { type ServerCommandIo, serverCommand } from './server-command.js';

export function trackerCommand(io: ServerCommandIo): Command {
  const make = (...node: ConstructorParameters<typeof TrackerNode>) => new TrackerNode(...node);
  return serverCommand({ role: 'tracker', description: 'run a tracker', make }, io);
}
