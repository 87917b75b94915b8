/** `trackerbt deny add|remove|list|import`: info hashes that no tracker of the cluster serves. */
import type { Command } from 'commander';
import { type ListIo, listCommand } from './list-command.js';

export function denyCommand(io: ListIo): Command {
  return listCommand('deny', 'info hashes that no tracker serves, on every minder and tracker', io);
}
