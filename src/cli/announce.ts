/**
 * `trackerbt announce URL INFO_HASH`: announces once and shows what came back. A plain check leaves
 * no trace: it asks as a leecher on a random port, and takes itself out again with `stopped`.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { TrackerClientError } from '../client/client-error.js';
import { formatInfoHash } from '../client/info-hash.js';
import type { AnnounceAnswer, AnnounceOptions, EventName } from '../client/tracker-answer.js';
import { announce } from '../client/tracker-client.js';
import { Endpoint } from '../lib/endpoint.js';
import { jsonText } from './json-text.js';
import {
  aligned,
  type CheckFlags,
  type CheckIo,
  checkCommand,
  infoHashArgument,
  printable,
  reachOptionsOf,
  reporting,
  urlArgument,
  wholeNumber,
} from './tracker-check.js';

const EVENTS: readonly EventName[] = ['none', 'started', 'stopped', 'completed', 'paused'];
/** Enough for the tracker to take the check's peer out again; nobody waits longer for that. */
const CLEAN_UP_MS_MAX = 5_000;

interface AnnounceFlags extends CheckFlags {
  readonly event?: EventName;
  readonly port?: number;
  readonly uploaded: number;
  readonly downloaded: number;
  readonly left: number;
  readonly numwant: number;
  readonly peerId?: Uint8Array;
  readonly ip?: string;
  readonly keep?: true;
}

export function announceCommand(io: CheckIo): Command {
  const bytes = wholeNumber(0, Number.MAX_SAFE_INTEGER);
  return checkCommand('announce', io)
    .description('announce to any tracker once, and show its answer')
    .argument('<URL>', 'http:, https: or udp: URL of the tracker', urlArgument)
    .argument('<INFO_HASH>', '40 hexadecimal digits, or 32 of base32', infoHashArgument)
    .addOption(
      new Option(
        '--event <EVENT>',
        'event to announce; with one, nothing is cleaned up (default: none, then stopped)',
      ).choices(EVENTS),
    )
    .option('--port <PORT>', 'port to announce (default: a random one)', wholeNumber(0, 65_535))
    .option('--left <BYTES>', 'bytes left; 0 announces a seeder', bytes, 1)
    .option('--uploaded <BYTES>', 'bytes uploaded', bytes, 0)
    .option('--downloaded <BYTES>', 'bytes downloaded', bytes, 0)
    .option('--numwant <COUNT>', 'peers wanted; -1 leaves it open', wholeNumber(-1, 65_535), 50)
    .option('--peer-id <ID>', '20 characters, or 40 hexadecimal digits', peerIdArgument)
    .option(
      '--ip <ADDRESS>',
      'address to claim; trackers believe only those they trust',
      ipArgument,
    )
    .option('--keep', 'leave the announced peer in the swarm')
    .action((url: URL, infoHash: Uint8Array, flags: AnnounceFlags) =>
      reporting(io, url.href, flags, async () => {
        const options = announceOptionsOf(infoHash, flags);
        const startMs = performance.now();
        const answer = await announce(url, options);
        const elapsedMs = Math.round(performance.now() - startMs);
        const text = flags.json ? jsonOf : textOf;
        io.stdout.write(text(url, infoHash, answer, elapsedMs));
        if (flags.event === undefined && !flags.keep) await cleanUp(io, url, options, answer);
      }),
    );
}

function announceOptionsOf(infoHash: Uint8Array, flags: AnnounceFlags): AnnounceOptions {
  return {
    ...reachOptionsOf(flags),
    infoHash,
    peerId: flags.peerId ?? randomPeerId(),
    port: flags.port ?? randomInt(49_152, 65_536),
    event: flags.event ?? 'none',
    uploaded: flags.uploaded,
    downloaded: flags.downloaded,
    left: flags.left,
    key: randomBytes(4).readInt32BE(0),
    ...(flags.numwant < 0 ? {} : { numwant: flags.numwant }),
    ...(flags.ip === undefined ? {} : { ip: flags.ip }),
  };
}

/** Takes the peer of a plain check out again. The check stands, whatever becomes of this. */
async function cleanUp(
  io: CheckIo,
  url: URL,
  options: AnnounceOptions,
  { trackerId }: AnnounceAnswer,
): Promise<void> {
  const timeoutMs = Math.min(CLEAN_UP_MS_MAX, options.timeoutMs ?? CLEAN_UP_MS_MAX);
  try {
    await announce(url, {
      ...options,
      timeoutMs,
      event: 'stopped',
      numwant: 0,
      ...(trackerId === undefined ? {} : { trackerId }),
    });
  } catch (error) {
    if (!(error instanceof TrackerClientError)) throw error;
    io.stderr.write(
      `the peer of this check may stay until it expires: ${printable(error.message)}\n`,
    );
  }
}

function textOf(url: URL, infoHash: Uint8Array, answer: AnnounceAnswer, elapsedMs: number): string {
  const { minIntervalSeconds, trackerId, warning } = answer;
  const rows = aligned([
    ['tracker', url.href],
    ['info hash', formatInfoHash(infoHash)],
    ['answered in', `${elapsedMs} ms`],
    ['interval', `${answer.intervalSeconds} s`],
    ['min interval', minIntervalSeconds === undefined ? undefined : `${minIntervalSeconds} s`],
    ['seeders', answer.seeders],
    ['leechers', answer.leechers],
    ['downloads', answer.downloads],
    ['external ip', answer.externalIp],
    ['tracker id', trackerId === undefined ? undefined : printable(trackerId)],
    ['warning', warning === undefined ? undefined : printable(warning)],
    ['peers', answer.peers.length],
  ]);
  const peers = answer.peers.map(({ ip, port }) =>
    ip.includes(':') ? `  [${printable(ip)}]:${port}\n` : `  ${printable(ip)}:${port}\n`,
  );
  return rows + peers.join('');
}

function jsonOf(url: URL, infoHash: Uint8Array, answer: AnnounceAnswer, elapsedMs: number): string {
  return jsonText({ url: url.href, infoHash: formatInfoHash(infoHash), elapsedMs, ...answer });
}

function randomPeerId(): Uint8Array {
  return Buffer.concat([Buffer.from('-TB0001-'), randomBytes(12)]);
}

function peerIdArgument(text: string): Uint8Array {
  if (/^[0-9a-fA-F]{40}$/.test(text)) return Buffer.from(text, 'hex');
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length === 20) return bytes;
  throw new InvalidArgumentError('a peer id has 20 characters, or 40 hexadecimal digits');
}

function ipArgument(text: string): string {
  if (new Endpoint().setAddressText(text)) return text;
  throw new InvalidArgumentError('an IPv4 or IPv6 address belongs here');
}
