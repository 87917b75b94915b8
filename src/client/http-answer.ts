/**
 * What a tracker's HTTP answer says (BEP 3, 7, 23, 24, 31, 48). Keys in any order are taken, because
 * trackers in the world send them so; anything else that is not bencode is not.
 */
import { Endpoint, formatAddress } from '../lib/endpoint.js';
import { BencodeError, decodeBencode } from '../protocol/bencode/decode.js';
import {
  type BencodeDictionary,
  type BencodeValue,
  binaryString,
  isDictionary,
} from '../protocol/bencode/value.js';
import { compactPeers } from '../protocol/udp/client-reply.js';
import { TrackerClientError, type TrackerRefusal } from './client-error.js';
import type { HttpAnswer } from './http-fetch.js';
import type { AnnounceAnswer, PeerAddress, ScrapeAnswer } from './tracker-answer.js';

/** Throws a `TrackerClientError` for a refusal and for what is no answer to an announce. */
export function announceAnswerOf(answer: HttpAnswer): AnnounceAnswer {
  const reply = dictionaryOf(answer);
  const intervalSeconds = count(reply, 'interval');
  if (intervalSeconds === undefined) throw invalid('there is no interval');
  const peers = peersOf(reply.get('peers'), 4).concat(peersOf(reply.get('peers6'), 6));
  return {
    intervalSeconds,
    ...given('minIntervalSeconds', count(reply, 'min interval')),
    ...given('seeders', count(reply, 'complete')),
    ...given('leechers', count(reply, 'incomplete')),
    ...given('downloads', count(reply, 'downloaded')),
    ...given('externalIp', addressOf(reply.get('external ip'))),
    ...given('trackerId', text(reply, 'tracker id')),
    ...given('warning', text(reply, 'warning message')),
    peers,
  };
}

/** One entry for each hash, in order. Throws like `announceAnswerOf`. */
export function scrapeAnswerOf(answer: HttpAnswer, hashes: readonly Uint8Array[]): ScrapeAnswer {
  const files = dictionaryOf(answer).get('files');
  if (!isDictionary(files)) throw invalid('there is no files dictionary');
  const entries = hashes.map((infoHash) => {
    const entry = files.get(binaryString(infoHash));
    if (entry === undefined) return { infoHash };
    if (!isDictionary(entry)) throw invalid('a swarm is no dictionary');
    return {
      infoHash,
      ...given('seeders', count(entry, 'complete')),
      ...given('leechers', count(entry, 'incomplete')),
      ...given('downloads', count(entry, 'downloaded')),
      ...given('downloaders', count(entry, 'downloaders')),
    };
  });
  return { entries };
}

function dictionaryOf({ status, body }: HttpAnswer): BencodeDictionary {
  let value: BencodeValue;
  try {
    value = decodeBencode(body, { anyKeyOrder: true });
  } catch (error) {
    if (!(error instanceof BencodeError)) throw error;
    if (status !== 200) throw new TrackerClientError('httpStatus', `HTTP status ${status}`);
    throw invalid(error.message);
  }
  if (!isDictionary(value)) throw invalid('the answer is no dictionary');
  const reason = text(value, 'failure reason');
  if (reason !== undefined) {
    const refusal: TrackerRefusal = { reason, ...given('retryIn', retryOf(value)) };
    throw new TrackerClientError('trackerFailure', reason, refusal);
  }
  if (status !== 200) throw new TrackerClientError('httpStatus', `HTTP status ${status}`);
  return value;
}

function retryOf(reply: BencodeDictionary): number | 'never' | undefined {
  return text(reply, 'retry in') === 'never' ? 'never' : count(reply, 'retry in');
}

/** Compact peers, or the dictionaries of BEP 3; nothing where the key is missing. */
function peersOf(value: BencodeValue | undefined, family: 4 | 6): PeerAddress[] {
  if (value === undefined) return [];
  if (value instanceof Uint8Array) {
    if (value.length % (family === 4 ? 6 : 18) !== 0) throw invalid('peers are cut short');
    return compactPeers(value, family);
  }
  if (!Array.isArray(value)) throw invalid('peers are neither string nor list');
  return value.map((peer: BencodeValue) => {
    if (!isDictionary(peer)) throw invalid('a peer is no dictionary');
    const ip = text(peer, 'ip');
    const port = count(peer, 'port');
    if (ip === undefined || port === undefined || port > 0xffff) {
      throw invalid('a peer has no ip or port');
    }
    return { ip, port };
  });
}

function addressOf(value: BencodeValue | undefined): string | undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  if (value.length === 4 || value.length === 16) return formatAddress(value, 0, value.length);
  // Some trackers send it as text.
  const endpoint = new Endpoint();
  if (!endpoint.setAddressText(binaryString(value))) return undefined;
  return formatAddress(endpoint.bytes, 0, endpoint.family === 4 ? 4 : 16);
}

function count(dictionary: BencodeDictionary, key: string): number | undefined {
  const value = dictionary.get(key);
  return typeof value === 'number' && value >= 0 ? value : undefined;
}

function text(dictionary: BencodeDictionary, key: string): string | undefined {
  const value = dictionary.get(key);
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : undefined;
}

/** A member that is there or not, as exact optional properties want it. */
function given<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Value });
}

function invalid(message: string): TrackerClientError {
  return new TrackerClientError('answerInvalid', message);
}
