import { describe, expect, it } from 'vitest';
import { Failure } from '../failure.js';
import { parseScrapeQuery } from './scrape-query.js';

function parse(query: string, max = 4) {
  const hashes = new Uint8Array(20 * max);
  const bytes = Buffer.from(query, 'latin1');
  const count = parseScrapeQuery(bytes, 0, bytes.length, hashes);
  const list: string[] = [];
  for (let i = 0; i < count; i++) {
    list.push(Buffer.from(hashes.subarray(20 * i, 20 * i + 20)).toString('latin1'));
  }
  return { count, list };
}

const hash = (c: string) => c.repeat(20);

describe('parseScrapeQuery', () => {
  it('sorts hashes by raw bytes and drops duplicates', () => {
    const query = ['b', 'c', 'a', 'b', '\xff'].map((c) => `info_hash=${hash(c)}`).join('&');
    expect(parse(query).list).toEqual([hash('a'), hash('b'), hash('c'), hash('\xff')]);
  });

  it('answers as many as the cap allows; duplicates do not use it up', () => {
    const query = ['a', 'a', 'a', 'c', 'b'].map((c) => `info_hash=${hash(c)}`).join('&');
    expect(parse(query, 2).list).toEqual([hash('a'), hash('c')]);
  });

  it('takes a request without any hash for a full scrape', () => {
    for (const query of ['', 'foo=bar', 'info_hash', 'info_hash=']) {
      expect(parse(query).count).toBe(-Failure.fullScrapeOff);
    }
  });

  it('refuses malformed hashes', () => {
    expect(parse(`info_hash=${hash('a')}&info_hash=abc`).count).toBe(-Failure.infoHashInvalid);
    expect(parse('info_hash=%zz').count).toBe(-Failure.queryMalformed);
  });
});
