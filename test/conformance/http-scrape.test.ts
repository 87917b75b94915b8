/** Scrapes over HTTP (BEP 48, 21), over real sockets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bdecodeDict } from '../support/bdecode.js';
import {
  announcePorts,
  announceTarget,
  httpDict,
  httpGet,
  percent,
  scrapeTarget,
} from '../support/http-wire.js';
import { failureOf, newHash, scrapeCounts } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

let tracker: TrackerProcess;
beforeAll(async () => {
  tracker = await TrackerProcess.start();
});
afterAll(async () => {
  await tracker?.remove();
});

describe('a scrape', () => {
  it('answers repeated info_hash, each with its counts', async () => {
    const hashes = [newHash(), newHash(), newHash()];
    await announcePorts(tracker.http4, hashes[0], [7001, 7002], { left: 0, event: 'completed' });
    await announcePorts(tracker.http4, hashes[1], [7003]);
    const files = (await httpDict(tracker.http4, scrapeTarget(hashes))).dict('files');
    const counts = hashes.map((hash) => {
      const entry = files.dict(hash.toString('latin1'));
      return [entry.int('complete'), entry.int('downloaded'), entry.int('incomplete')];
    });
    expect(counts).toEqual([
      [2, 2, 0],
      [0, 0, 1],
      [0, 0, 0],
    ]);
  });

  it('answers an unknown hash with zeros, downloaded included', async () => {
    expect(await scrapeCounts(tracker.http4, newHash())).toMatchObject({
      complete: 0,
      downloaded: 0,
      incomplete: 0,
    });
  });

  it('names a hash once that was asked for twice', async () => {
    const hash = newHash();
    const files = (await httpDict(tracker.http4, scrapeTarget([hash, hash]))).dict('files');
    expect([...files.keys()]).toEqual([hash.toString('latin1')]);
  });

  it('counts both families together', async () => {
    const hash = newHash();
    await httpDict(tracker.http4, announceTarget(hash));
    await httpDict(tracker.http6, announceTarget(hash));
    expect((await scrapeCounts(tracker.http6, hash)).incomplete).toBe(2);
  });

  it.each(['/scrape', '/scrape?'])('of everything (%s) is off by default', async (target) => {
    expect(failureOf(await httpDict(tracker.http4, target))).toMatch(/scrape/);
  });

  it('with a hash of the wrong length is refused', async () => {
    const target = `/scrape?info_hash=${percent(Buffer.alloc(19))}`;
    expect(failureOf(await httpDict(tracker.http4, target))).toMatch(/info_hash/);
  });

  it('answers at most 100 hashes', async () => {
    const hashes = Array.from({ length: 105 }, newHash);
    const reply = await httpGet(tracker.http4, scrapeTarget(hashes));
    expect(reply.status).toBe(200);
    const dict = bdecodeDict(reply.body);
    const answered = dict.has('failure reason') ? 0 : dict.dict('files').size;
    expect(answered).toBeLessThanOrEqual(100);
  });
});
