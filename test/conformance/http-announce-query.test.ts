/** What an HTTP announce may look like (BEP 3, 7, 21, 23), over real sockets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bdict } from '../support/bdecode.js';
import { announceTarget, httpDict, PEER_ID, percent } from '../support/http-wire.js';
import { failureOf, newHash, replyPeers, scrapeCounts } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

let tracker: TrackerProcess;
beforeAll(async () => {
  tracker = await TrackerProcess.start();
});
afterAll(async () => {
  await tracker?.remove();
});

async function get(target: string): Promise<Bdict> {
  return await httpDict(tracker.http4, target);
}

describe('info_hash and peer_id', () => {
  it('are decoded to raw bytes, in either hex case', async () => {
    const hash = Buffer.from('00010a0d20252b2f3f7f8081c2a9e282acfdfeff', 'hex');
    await get(announceTarget(hash, { port: 7001 }));
    const upper = percent(hash).toUpperCase();
    const reply = await get(announceTarget(hash, { info_hash: upper, port: 7002 }));
    expect(replyPeers(reply)).toEqual(['127.0.0.1:7001']);
  });

  it('may leave unreserved characters as they are', async () => {
    const hash = Buffer.from('abcdefghij-._~012345', 'latin1');
    await get(announceTarget(hash, { port: 7001 }));
    const reply = await get(
      announceTarget(hash, { info_hash: hash.toString('latin1'), port: 7002 }),
    );
    expect(replyPeers(reply)).toEqual(['127.0.0.1:7001']);
  });

  it('keep a plus as a plus, never a space', async () => {
    const plus = Buffer.from('++++++++++++++++++++');
    await get(announceTarget(plus, { port: 7001 }));
    const literal = await get(announceTarget(plus, { info_hash: plus.toString(), port: 7002 }));
    expect(replyPeers(literal)).toEqual(['127.0.0.1:7001']);
    const spaces = await get(announceTarget(Buffer.alloc(20, 0x20), { port: 7003 }));
    expect(replyPeers(spaces)).toEqual([]);
  });

  it.each([0, 1, 19, 21, 40])('of %i bytes instead of 20 are refused', async (length) => {
    const bytes = percent(Buffer.alloc(length, 0x41));
    expect(failureOf(await get(announceTarget(newHash(), { info_hash: bytes })))).toMatch(
      /info_hash/,
    );
    if (length > 0) {
      expect(failureOf(await get(announceTarget(newHash(), { peer_id: bytes })))).toMatch(
        /peer_id/,
      );
    }
  });

  it.each(['%zz', '%4', '%'])('with the broken escape %s are refused', async (tail) => {
    const broken = percent(newHash()).slice(0, 57) + tail;
    const reply = await get(announceTarget(newHash(), { info_hash: broken }));
    expect(failureOf(reply)).not.toBe('');
  });

  it('info_hash missing is refused', async () => {
    const reply = await get(announceTarget(newHash(), { info_hash: undefined }));
    expect(failureOf(reply)).toMatch(/info_hash/);
  });

  it('two info_hash in an announce are refused', async () => {
    const reply = await get(`${announceTarget(newHash())}&info_hash=${percent(newHash())}`);
    expect(failureOf(reply)).toMatch(/info_hash/);
  });
});

describe('parameters', () => {
  it('without value, empty or unknown are tolerated', async () => {
    const hash = newHash();
    const target = `/announce?info_hash=${percent(hash)}&left&uploaded=&&x=1&=&peer_id=${percent(
      PEER_ID,
    )}&port=7001&event=`;
    expect((await get(target)).int('incomplete')).toBe(1);
  });

  it('come in any order', async () => {
    const hash = newHash();
    const target = `/announce?port=7001&left=0&peer_id=${percent(PEER_ID)}&info_hash=${percent(hash)}`;
    expect((await get(target)).int('complete')).toBe(1);
  });

  it('may follow a repeated question mark', async () => {
    const hash = newHash();
    const target = announceTarget(hash, { port: 7001, left: 0 });
    expect((await get(target.replace('?', '?passkey=1?'))).int('complete')).toBe(1);
    expect((await get(target.replace('?', '??'))).int('complete')).toBe(1);
  });

  it('uploaded and downloaded may be missing', async () => {
    const target = announceTarget(newHash(), { uploaded: undefined, downloaded: undefined });
    expect((await get(target)).has('peers')).toBe(true);
  });
});

describe('left', () => {
  it('missing means leecher', async () => {
    const reply = await get(announceTarget(newHash(), { left: undefined }));
    expect([reply.int('complete'), reply.int('incomplete')]).toEqual([0, 1]);
  });

  it.each(['1', '4294967296', '18446744069414584320', '9223372036854775808'])(
    'of %s is not zero in the full 64-bit range',
    async (left) => {
      const reply = await get(announceTarget(newHash(), { left }));
      expect([reply.int('complete'), reply.int('incomplete')]).toEqual([0, 1]);
    },
  );

  it('of zero means seeder', async () => {
    const reply = await get(announceTarget(newHash(), { left: 0 }));
    expect([reply.int('complete'), reply.int('incomplete')]).toEqual([1, 0]);
  });
});

describe('port', () => {
  it.each([undefined, '', '0', '65536', '-1', 'x'])('%s is refused', async (port) => {
    const reply = await get(announceTarget(newHash(), { port }));
    expect(failureOf(reply)).toMatch(/port/);
  });

  it.each([undefined, 0])('%s is accepted on stopped', async (port) => {
    const reply = await get(announceTarget(newHash(), { port, event: 'stopped' }));
    expect(reply.has('failure reason')).toBe(false);
    expect(replyPeers(reply)).toEqual([]);
  });

  it('65535 is accepted', async () => {
    const reply = await get(announceTarget(newHash(), { port: 65_535 }));
    expect(reply.int('incomplete')).toBe(1);
  });
});

describe('event', () => {
  it.each(['', 'bogus', 'STARTED'])('"%s" counts as none', async (event) => {
    const hash = newHash();
    const reply = await get(announceTarget(hash, { event, left: 1 }));
    expect(reply.int('incomplete')).toBe(1);
    expect((await scrapeCounts(tracker.http4, hash)).downloaded).toBe(0);
  });
});
