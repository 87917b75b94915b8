/** Small conveniences that most conformance tests share. */
import { randomBytes } from 'node:crypto';
import type { Address } from './address.js';
import type { Bdict } from './bdecode.js';
import { httpDict, scrapeTarget } from './http-wire.js';
import { unpackPeers } from './peers.js';

export function newHash(): Buffer {
  return randomBytes(20);
}

/** `count` consecutive ports from `first`. */
export function portRange(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** The peers of an HTTP reply, IPv4 ones first. Missing `peers6` counts as empty; `peers` may not. */
export function replyPeers(reply: Bdict): string[] {
  const peers6 = reply.has('peers6') ? unpackPeers(reply.bytes('peers6'), 18) : [];
  return [...unpackPeers(reply.bytes('peers'), 6), ...peers6];
}

export interface Counts {
  readonly complete: number;
  readonly downloaded: number;
  readonly incomplete: number;
  readonly downloaders: number | undefined;
}

/** What a scrape over HTTP says about one swarm. */
export async function scrapeCounts(server: Address, infoHash: Buffer): Promise<Counts> {
  const reply = await httpDict(server, scrapeTarget([infoHash]));
  const entry = reply.dict('files').dict(infoHash.toString('latin1'));
  return {
    complete: entry.int('complete'),
    downloaded: entry.int('downloaded'),
    incomplete: entry.int('incomplete'),
    downloaders: entry.has('downloaders') ? entry.int('downloaders') : undefined,
  };
}

/** The failure reason of a reply; throws when it is none, since a refusal was expected. */
export function failureOf(reply: Bdict): string {
  return reply.text('failure reason');
}
