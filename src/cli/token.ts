/** `trackerbt token create|list|revoke`: join tokens, on the minder's machine. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { CidrError, CidrSet } from '../lib/cidr-set.js';
import { TOKEN_TTL_SECONDS_MAX, TOKEN_USES_MAX } from '../minder/control-desk.js';
import type { TokenView } from '../minder/join-tokens.js';
import { NODE_ROLES, type NodeRole } from '../protocol/cluster/enrolment.js';
import { TOKEN_ID_PATTERN } from '../protocol/cluster/token.js';
import { jsonText } from './json-text.js';
import {
  asking,
  type MinderFlags,
  type MinderIo,
  minderToolCommand,
  streamed,
  table,
  timeText,
} from './minder-command.js';
import { wholeNumber } from './tracker-check.js';

interface CreateFlags extends MinderFlags {
  readonly role: NodeRole;
  readonly ttl: number;
  readonly uses: number;
  readonly cidr: string;
}

export function tokenCommand(io: MinderIo): Command {
  return streamed(new Command('token'), io)
    .description('join tokens of the minder on this machine')
    .addCommand(createCommand(io))
    .addCommand(listCommand(io))
    .addCommand(revokeCommand(io));
}

function createCommand(io: MinderIo): Command {
  return minderToolCommand('create', io)
    .description('make a token; it is the last line of the output and never shown again')
    .addOption(
      new Option('--role <ROLE>', 'what may join with it')
        .choices([...NODE_ROLES])
        .default('tracker'),
    )
    .addOption(
      new Option('--ttl <TIME>', 'how long it is good: 90s, 30m, 1h, 7d')
        .argParser(parseDuration)
        .default(3_600, '1h'),
    )
    .option('--uses <N>', 'how many nodes may join with it', wholeNumber(1, TOKEN_USES_MAX), 1)
    .option('--cidr <NET>', 'network from which it may be used', parseNetwork, '')
    .option('--json', 'print JSON')
    .action(({ role, ttl, uses, cidr, ...flags }: CreateFlags) =>
      asking(io, flags, 'token.create', { role, ttlSeconds: ttl, uses, cidr }, (result) => {
        const { token } = result as { token: string };
        return flags.json ? jsonText({ token }) : `${token}\n`;
      }),
    );
}

function listCommand(io: MinderIo): Command {
  return minderToolCommand('list', io)
    .description('tokens of the last days, without their secrets')
    .option('--json', 'print JSON')
    .action((flags: MinderFlags) =>
      asking(io, flags, 'token.list', {}, (result) => {
        const tokens = result as TokenView[];
        return flags.json ? jsonText(tokens.map(publicView)) : textOf(tokens);
      }),
    );
}

function revokeCommand(io: MinderIo): Command {
  return minderToolCommand('revoke', io)
    .description('make a token worthless; nodes that have joined with it stay')
    .argument('<ID>', 'id of the token, see token list', parseTokenId)
    .option('--json', 'print JSON')
    .action((id: string, flags: MinderFlags) =>
      asking(io, flags, 'token.revoke', { id }, () =>
        flags.json ? jsonText({ id, revoked: true }) : `token ${id} is revoked\n`,
      ),
    );
}

function textOf(tokens: readonly TokenView[]): string {
  if (tokens.length === 0) return 'no tokens\n';
  return table(
    ['ID', 'ROLE', 'STATE', 'USES', 'EXPIRES', 'NETWORK'],
    tokens.map(({ id, role, state, uses, usesMax, expiresMs, cidr }) => [
      id,
      role,
      state,
      `${uses}/${usesMax}`,
      timeText(expiresMs),
      cidr === '' ? 'any' : cidr,
    ]),
  );
}

function publicView({ cidr, ...token }: TokenView): unknown {
  return { ...token, cidr: cidr === '' ? null : cidr };
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

function parseDuration(text: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const seconds = match === null ? 0 : Number(match[1]) * UNIT_SECONDS[match[2]];
  if (seconds >= 1 && seconds <= TOKEN_TTL_SECONDS_MAX) return seconds;
  throw new InvalidArgumentError('a time such as 90s, 30m, 1h or 7d belongs here, up to 366d');
}

function parseNetwork(text: string): string {
  try {
    new CidrSet([text]);
    return text;
  } catch (error) {
    if (!(error instanceof CidrError)) throw error;
    throw new InvalidArgumentError(error.message);
  }
}

function parseTokenId(text: string): string {
  if (TOKEN_ID_PATTERN.test(text)) return text;
  throw new InvalidArgumentError('a token id has 12 hexadecimal digits');
}
