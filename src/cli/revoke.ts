/** `trackerbt revoke NODE`: throws a node out of the cluster. */
import type { Command } from 'commander';
import { jsonText } from './json-text.js';
import {
  asking,
  type MinderFlags,
  type MinderIo,
  minderToolCommand,
  timeText,
} from './minder-command.js';

export function revokeCommand(io: MinderIo): Command {
  return minderToolCommand('revoke', io)
    .description('throw a node out, for good: it can join again only with a new token')
    .argument('<NODE>', 'id or name of the node, see nodes')
    .option('--json', 'print JSON')
    .action((node: string, flags: MinderFlags) =>
      asking(io, flags, 'revoke', { node }, (result) => {
        const { id, live, effectiveMs } = result as {
          id: string;
          live: boolean;
          effectiveMs: number;
        };
        if (flags.json) return jsonText(result);
        if (live) return `${id} is revoked and cut off\n`;
        return `${id} is revoked; the bus cuts it off at ${timeText(effectiveMs)} at the latest\n`;
      }),
    );
}
