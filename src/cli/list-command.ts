/** What `trackerbt deny` and `trackerbt allow` do alike: info hashes of the cluster's two lists. */
import { Command, InvalidArgumentError } from 'commander';
import { parseInfoHash } from '../client/info-hash.js';
import { ProgressLine } from '../lib/progress-line.js';
import { ControlError } from '../minder/control-socket.js';
import {
  LIST_HASHES_MAX,
  LIST_PAGE_MAX,
  type ListedHash,
  type ListPage,
} from '../minder/list-desk.js';
import type { ListName } from '../swarm/hash-list.js';
import { ListFileError } from '../swarm/list-file.js';
import { jsonLine, jsonText } from './json-text.js';
import { importList, readList } from './list-import.js';
import {
  asking,
  MinderExit,
  type MinderFlags,
  type MinderIo,
  minderToolCommand,
  setExit,
  streamed,
  table,
  timeText,
} from './minder-command.js';
import { parseMoment } from './moment.js';
import { printable, wholeNumber } from './tracker-check.js';

export interface ListIo extends MinderIo {
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean | undefined };
  /** For `import -`. */
  readonly stdin: AsyncIterable<Buffer>;
}

interface SayFlags extends MinderFlags {
  readonly reason: string;
  /** Ms since 1970. */
  readonly expires?: number;
}

interface ListFlags extends MinderFlags {
  readonly limit: number;
  readonly prefix?: string;
  readonly all?: true;
}

const LIMIT = 100;

export function listCommand(list: ListName, description: string, io: ListIo): Command {
  return streamed(new Command(list), io)
    .description(description)
    .addCommand(addCommand(list, io))
    .addCommand(removeCommand(list, io))
    .addCommand(showCommand(list, io))
    .addCommand(importCommand(list, io));
}

/** `--reason` and `--expires`. */
function saying(command: Command): Command {
  return command
    .option('--reason <TEXT>', 'why, for people: one line of up to 200 characters', '')
    .option('--expires <DATE>', 'until when: 2027-01-31, 2027-01-31T12:00Z or 30d', (text) =>
      parseMoment(text, Date.now()),
    );
}

function addCommand(list: ListName, io: ListIo): Command {
  return saying(minderToolCommand('add', io))
    .description('put an info hash on the list; every tracker follows within two seconds')
    .argument('<HASH>', 'info hash, 40 hexadecimal digits or 32 of base32', parseHash)
    .option('--json', 'print JSON')
    .action((hash: string, { reason, expires, ...flags }: SayFlags) => {
      const entry = { hash, reason, ...(expires === undefined ? {} : { expiresMs: expires }) };
      return asking(io, flags, 'list.add', { list, hashes: [entry] }, (result) => {
        if (flags.json) return jsonText(result);
        const until = expires === undefined ? '' : ` until ${timeText(expires)}`;
        return `${hash} is on the ${list} list${until}\n`;
      });
    });
}

function removeCommand(list: ListName, io: ListIo): Command {
  return minderToolCommand('remove', io)
    .description('take info hashes off the list')
    .argument('<HASH...>', 'info hashes', parseHashes)
    .option('--json', 'print JSON')
    .action((hashes: string[], flags: MinderFlags) =>
      asking(io, flags, 'list.remove', { list, hashes }, (result) => {
        if (flags.json) return jsonText(result);
        const { removed, absent } = result as { removed: number; absent: string[] };
        const missing = absent.map((hash) => `${hash} was not on the ${list} list\n`).join('');
        return `${missing}${removed} removed\n`;
      }),
    );
}

function showCommand(list: ListName, io: ListIo): Command {
  return minderToolCommand('list', io)
    .description('show the list, the latest first')
    .option('--limit <N>', 'how many at most', wholeNumber(1, LIST_PAGE_MAX), LIMIT)
    .option('--prefix <HEX>', 'only hashes that begin so, in their order', parsePrefix)
    .option('--all', 'all of them, in the order of their hashes')
    .option('--json', 'print JSON')
    .action((flags: ListFlags) => {
      if (flags.all) return showAll(list, flags, io);
      const { limit, prefix } = flags;
      const wanted = prefix === undefined ? { order: 'newest' } : { order: 'hash', prefix };
      return asking(io, flags, 'list.list', { list, limit, ...wanted }, (result) => {
        const page = result as ListPage;
        return flags.json ? jsonText(page.entries) : textOf(list, page, flags);
      });
    });
}

/** Prints page by page: a list may be longer than what one wants in memory. */
async function showAll(list: ListName, flags: ListFlags, io: ListIo): Promise<void> {
  const params = { list, order: 'hash', limit: LIST_PAGE_MAX, prefix: flags.prefix };
  let after: string | undefined;
  let count = 0;
  for (let more = true; more; ) {
    let failed = true;
    await asking(io, flags, 'list.list', { ...params, after }, (result) => {
      const page = result as ListPage;
      after = page.entries.at(-1)?.hash;
      more = page.more;
      failed = false;
      const rows = page.entries.map((entry) => {
        const line = flags.json ? jsonLine(entry) : lineOf(entry);
        const before = flags.json ? (count === 0 ? '[\n' : ',\n') : '';
        count++;
        return flags.json ? `${before}${line}` : `${line}\n`;
      });
      const end = flags.json && !more ? `${count === 0 ? '[' : '\n'}]\n` : '';
      return rows.join('') + end;
    });
    if (failed) return;
  }
}

/** As `import` reads it. */
function lineOf({ hash, reason }: ListedHash): string {
  return reason === '' ? hash : `${hash} ${printable(reason)}`;
}

function textOf(list: ListName, { entries, more, total }: ListPage, flags: ListFlags): string {
  if (entries.length === 0) return `no such info hashes on the ${list} list (${total} in all)\n`;
  const rows = entries.map(({ hash, sinceMs, expiresMs, by, reason }) => [
    hash,
    timeText(sinceMs),
    expiresMs === null ? 'never' : timeText(expiresMs),
    by,
    reason,
  ]);
  const text = table(['HASH', 'SINCE', 'EXPIRES', 'BY', 'REASON'], rows);
  const rest = flags.prefix === undefined ? `${total - entries.length} more` : 'there are more';
  return more ? `${text}${rest}: see --limit, --prefix and --all\n` : text;
}

function importCommand(list: ListName, io: ListIo): Command {
  return saying(minderToolCommand('import', io))
    .description('put all info hashes of a file on the list')
    .argument('<FILE>', 'one info hash a line, with a reason behind it; - reads standard input')
    .option('--json', 'print JSON')
    .action((path: string, flags: SayFlags) => runImport(list, path, flags, io));
}

async function runImport(list: ListName, path: string, flags: SayFlags, io: ListIo): Promise<void> {
  const totals = { added: 0, changed: 0, unchanged: 0 };
  const progress = new ProgressLine('import', { output: io.stderr });
  try {
    const read = await readList(path, io.stdin);
    const { data, reason, expires: expiresMs } = flags;
    await importList(read, { data, list, reason, expiresMs }, totals, () => {
      const done = totals.added + totals.changed + totals.unchanged;
      progress.show(`${done} of ${read.count}`, done / Math.max(1, read.count));
    });
    progress.clear();
    io.stdout.write(flags.json ? jsonText(totals) : `${totalsText(totals)}\n`);
    setExit(io, MinderExit.ok);
  } catch (error) {
    if (!(error instanceof ControlError || error instanceof ListFileError)) throw error;
    progress.clear();
    const lines = error.message.split('\n').map((line) => `${printable(line)}\n`);
    io.stderr.write(lines.join(''));
    const isPart = totals.added + totals.changed > 0;
    if (isPart) io.stderr.write(`only a part was imported (${totalsText(totals)}): run it again\n`);
    setExit(io, MinderExit.failed);
  }
}

function totalsText({
  added,
  changed,
  unchanged,
}: {
  added: number;
  changed: number;
  unchanged: number;
}) {
  return `${added} added, ${changed} changed, ${unchanged} unchanged`;
}

function parseHash(text: string): string {
  const bytes = parseInfoHash(text);
  if (bytes !== undefined) return Buffer.from(bytes).toString('hex');
  throw new InvalidArgumentError('an info hash has 40 hexadecimal digits, or 32 of base32');
}

function parseHashes(text: string, before: string[] | undefined): string[] {
  const hashes = [...(before ?? []), parseHash(text)];
  if (hashes.length <= LIST_HASHES_MAX) return hashes;
  throw new InvalidArgumentError(`at most ${LIST_HASHES_MAX} at a time`);
}

function parsePrefix(text: string): string {
  if (/^[0-9a-fA-F]{1,40}$/.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('up to 40 hexadecimal digits belong here');
}
