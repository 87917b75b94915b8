/** `trackerbt nodes`: the cluster as the minder on this machine sees it. */
import type { Command } from 'commander';
import type { NodeView } from '../admin/cluster-view.js';
import { jsonText } from './json-text.js';
import { asking, type MinderFlags, type MinderIo, minderToolCommand } from './minder-command.js';
import { nodeLines } from './terminal/node-table.js';
import { paintFor } from './terminal/paint.js';

export interface NodesIo extends MinderIo {
  readonly stdout: MinderIo['stdout'] & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export function nodesCommand(io: NodesIo): Command {
  return minderToolCommand('nodes', io)
    .description('list the nodes of the cluster')
    .option('--json', 'print JSON')
    .action((flags: MinderFlags) =>
      asking(io, flags, 'nodes', {}, (result) => {
        const nodes = result as NodeView[];
        return flags.json ? jsonText(nodes) : textOf(nodes, io);
      }),
    );
}

/** As wide as the terminal; elsewhere nothing is cut, and nothing coloured. */
function textOf(nodes: readonly NodeView[], { stdout, env = {} }: NodesIo): string {
  const width = stdout.isTTY === true ? stdout.columns : undefined;
  return nodeLines(nodes, { width, paint: paintFor(stdout, env) })
    .map((line) => `${line}\n`)
    .join('');
}
