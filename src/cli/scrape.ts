/** `trackerbt scrape URL INFO_HASH...`: shows what a tracker knows about swarms. */
import type { Command } from 'commander';
import { formatInfoHash } from '../client/info-hash.js';
import type { ScrapeAnswer } from '../client/tracker-answer.js';
import { scrape } from '../client/tracker-client.js';
import { jsonText } from './json-text.js';
import {
  aligned,
  type CheckFlags,
  type CheckIo,
  checkCommand,
  infoHashArgument,
  reachOptionsOf,
  reporting,
  urlArgument,
} from './tracker-check.js';

export function scrapeCommand(io: CheckIo): Command {
  return checkCommand('scrape', io)
    .description('ask any tracker for the counts of swarms')
    .argument('<URL>', 'announce or scrape URL of the tracker: http:, https: or udp:', urlArgument)
    .argument(
      '<INFO_HASH...>',
      '40 hexadecimal digits, or 32 of base32, each',
      (text: string, before: readonly Uint8Array[] | undefined) => [
        ...(before ?? []),
        infoHashArgument(text),
      ],
    )
    .action((url: URL, hashes: readonly Uint8Array[], flags: CheckFlags) =>
      reporting(io, url.href, flags, async () => {
        const startMs = performance.now();
        const answer = await scrape(url, hashes, reachOptionsOf(flags));
        const elapsedMs = Math.round(performance.now() - startMs);
        io.stdout.write((flags.json ? jsonOf : textOf)(url, answer, elapsedMs));
      }),
    );
}

function textOf(url: URL, { entries }: ScrapeAnswer, elapsedMs: number): string {
  const head = aligned([
    ['tracker', url.href],
    ['answered in', `${elapsedMs} ms`],
  ]);
  const column = (value: number | undefined) => String(value ?? '-').padStart(10);
  const rows = entries.map(
    ({ infoHash, seeders, leechers, downloads }) =>
      `${formatInfoHash(infoHash)}${column(seeders)}${column(leechers)}${column(downloads)}\n`,
  );
  const titles = ['seeders', 'leechers', 'downloads'].map((title) => title.padStart(10));
  return `${head}\n${'info hash'.padEnd(40)}${titles.join('')}\n${rows.join('')}`;
}

function jsonOf(url: URL, { entries }: ScrapeAnswer, elapsedMs: number): string {
  const swarms = entries.map(({ infoHash, ...counts }) => ({
    infoHash: formatInfoHash(infoHash),
    ...counts,
  }));
  return jsonText({ url: url.href, elapsedMs, swarms });
}
