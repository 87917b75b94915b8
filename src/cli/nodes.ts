/** `trackerbt nodes`: the cluster as the minder on this machine sees it. */
import type { Command } from 'commander';
import type { NodeView } from '../admin/cluster-view.js';
import {
  asking,
  json,
  type MinderFlags,
  type MinderIo,
  minderToolCommand,
  table,
} from './minder-command.js';

export function nodesCommand(io: MinderIo): Command {
  return minderToolCommand('nodes', io)
    .description('list the nodes of the cluster')
    .option('--json', 'print JSON')
    .action((flags: MinderFlags) =>
      asking(io, flags, 'nodes', {}, (result) => {
        const nodes = result as NodeView[];
        return flags.json ? json(nodes) : textOf(nodes);
      }),
    );
}

function textOf(nodes: readonly NodeView[]): string {
  const rows = nodes.map((node) => [
    node.id,
    node.role,
    node.reason === null ? node.state : `${node.state} (${node.reason})`,
    node.lagMs === null ? '-' : `${node.lagMs} ms`,
    node.clockOffsetMs === null ? '-' : `${Math.round(node.clockOffsetMs)} ms`,
    node.role === 'minder' ? '-' : String(node.peers),
    typeof node.requestsPerSecond === 'number' ? `${node.requestsPerSecond}/s` : '-',
    typeof node.intervalSeconds === 'number' ? `${node.intervalSeconds} s` : '-',
    node.version,
    node.name,
  ]);
  return table(
    ['ID', 'ROLE', 'STATE', 'LAG', 'CLOCK', 'PEERS', 'REQUESTS', 'INTERVAL', 'VERSION', 'NAME'],
    rows,
  );
}
