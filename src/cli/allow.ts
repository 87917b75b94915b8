/** `trackerbt allow add|remove|list|import`: the only info hashes served where the mode is `allow`. */
import type { Command } from 'commander';
import { type ListIo, listCommand } from './list-command.js';

export function allowCommand(io: ListIo): Command {
  const description = 'info hashes that are served, and no others, where the list mode is allow';
  return listCommand('allow', description, io);
}
