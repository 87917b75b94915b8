import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Command, CommanderError } from 'commander';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeBencode } from '../protocol/bencode/encode.js';
import { announceCommand } from './announce.js';
import { scrapeCommand } from './scrape.js';
import { type CheckIo, printable } from './tracker-check.js';

const HASH = '0102030405060708090a0b0c0d0e0f1011121314';

const open: (Server | Socket)[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function run(make: (io: CheckIo) => Command, ...args: string[]) {
  const result = { stdout: '', stderr: '', code: undefined as number | undefined };
  const command = make({
    stdout: { write: (text) => (result.stdout += text) },
    stderr: { write: (text) => (result.stderr += text) },
    exit: (code) => {
      result.code = code;
    },
  });
  try {
    await command.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
  }
  return result;
}

/** An HTTP tracker that answers with `body`, and the targets that it was asked for. */
async function tracker(body: Uint8Array, status = 200) {
  const targets: string[] = [];
  const server = createServer((request, response) => {
    targets.push(request.url ?? '');
    response.writeHead(status).end(body);
  });
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/announce`, targets };
}

const ANSWER = encodeBencode({
  complete: 12,
  incomplete: 3,
  interval: 1800,
  peers: Uint8Array.of(192, 0, 2, 1, 0x1a, 0xe1),
  peers6: Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80),
  'tracker id': 'tid',
  'warning message': 'a\u001b[31mb',
});

describe('trackerbt announce', () => {
  it('shows the answer in columns and takes its peer out again', async () => {
    const { url, targets } = await tracker(ANSWER);
    const { stdout, stderr, code } = await run(announceCommand, url, HASH);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.replace(/\d+ ms/, 'N ms')).toBe(
      [
        `tracker      ${url}`,
        `info hash    ${HASH}`,
        'answered in  N ms',
        'interval     1800 s',
        'seeders      12',
        'leechers     3',
        'tracker id   tid',
        'warning      a\u{FFFD}[31mb',
        'peers        2',
        '  192.0.2.1:6881',
        '  [2001:db8::1]:80',
        '',
      ].join('\n'),
    );
    expect(targets).toHaveLength(2);
    expect(targets[0]).toMatch(/&left=1&compact=1&numwant=50&key=[0-9a-f]+$/);
    expect(targets[1]).toMatch(/&numwant=0&event=stopped&.*&trackerid=tid$/);
    const identity = /info_hash=.*&peer_id=.*&port=\d+&/;
    expect(targets[1].match(identity)?.[0]).toBe(targets[0].match(identity)?.[0]);
  });

  it('prints no character of a stranger that a terminal obeys, as JSON neither', async () => {
    const hostile = 'a\u001b[31mb\u009b31mc\u202ed';
    const { url } = await tracker(encodeBencode({ 'failure reason': hostile }));
    for (const flags of [[], ['--json']]) {
      const { stdout, stderr } = await run(announceCommand, url, HASH, ...flags);
      expect(stdout + stderr).toContain('31mb');
      expect(stdout + stderr).not.toMatch(/(?!\n)\p{Cc}|\p{Cf}/u);
    }
  });

  it('leaves its peer when told to, or when an event is announced', async () => {
    const { url, targets } = await tracker(ANSWER);
    await run(announceCommand, url, HASH, '--keep');
    await run(announceCommand, url, HASH, '--event', 'started');
    expect(targets).toHaveLength(2);
  });

  it('announces what the options say', async () => {
    const { url, targets } = await tracker(ANSWER);
    const args = '--event completed --port 1 --left 0 --uploaded 5 --downloaded 6 --numwant -1';
    const peerId = ['--peer-id', '-XX0000-abcdefghijkl', '--ip', '192.0.2.9', '-4'];
    const { code } = await run(announceCommand, url, HASH, ...args.split(' '), ...peerId);
    expect(code).toBe(0);
    expect(targets[0]).toMatch(
      /&peer_id=-XX0000-abcdefghijkl&port=1&uploaded=5&downloaded=6&left=0&compact=1&event=completed&ip=192\.0\.2\.9&key=[0-9a-f]+$/,
    );
  });

  it('prints JSON', async () => {
    const { url } = await tracker(ANSWER);
    const { stdout } = await run(announceCommand, url, HASH, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      url,
      infoHash: HASH,
      intervalSeconds: 1800,
      seeders: 12,
      peers: [{ ip: '192.0.2.1', port: 6881 }, { ip: '2001:db8::1' }],
    });
  });

  it('ends with 1 when the tracker says no, telling why and when to come back', async () => {
    const refusal = { 'failure reason': 'not\nhere', 'retry in': 'never' };
    const { url } = await tracker(encodeBencode(refusal));
    const plain = await run(announceCommand, url, HASH);
    expect([plain.code, plain.stdout]).toEqual([1, '']);
    expect(plain.stderr).toBe('the tracker said no: not\u{FFFD}here (do not try again)\n');
    const json = await run(announceCommand, url, HASH, '--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      error: { code: 'trackerFailure', reason: 'not\nhere', retryIn: 'never' },
    });
  });

  it('ends with 2 for wrong usage', async () => {
    const url = 'http://127.0.0.1:1/announce';
    const wrong = [
      [],
      [url],
      [url, 'abc'],
      ['ws://x', HASH],
      ['udp://127.0.0.1', HASH],
      [url, HASH, '--port', '65536'],
      [url, HASH, '--left', '-1'],
      [url, HASH, '--timeout', '0'],
      [url, HASH, '--event', 'x'],
      [url, HASH, '--peer-id', 'short'],
      [url, HASH, '--ip', 'host'],
      [url, HASH, '--unknown'],
    ];
    for (const args of wrong) {
      const { code, stdout, stderr } = await run(announceCommand, ...args);
      expect([code, stdout], args.join(' ')).toEqual([2, '']);
      expect(stderr).not.toBe('');
    }
  });

  it('ends with 3 when nobody answers, over UDP too', async () => {
    const { url } = await tracker(ANSWER);
    const [server] = open.splice(0);
    server.close();
    await once(server, 'close');
    expect((await run(announceCommand, url, HASH)).code).toBe(3);
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    open.push(silent);
    await once(silent, 'listening');
    const udp = `udp://127.0.0.1:${silent.address().port}`;
    const { code, stderr } = await run(announceCommand, udp, HASH, '--timeout', '0.1');
    expect([code, stderr]).toEqual([3, 'the tracker did not answer: no answer in time\n']);
  });

  it('ends with 4 when the answer is none', async () => {
    const { url } = await tracker(Buffer.from('<html>'), 200);
    expect((await run(announceCommand, url, HASH)).code).toBe(4);
    const missing = await tracker(Buffer.from('<html>'), 404);
    expect((await run(announceCommand, missing.url, HASH)).code).toBe(4);
  });

  it('shows help with 0', async () => {
    const { code, stdout } = await run(announceCommand, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('--numwant');
  });
});

describe('trackerbt scrape', () => {
  const other = 'ff'.repeat(20);
  const name = Buffer.from(HASH, 'hex').toString('latin1');
  const body = encodeBencode({ files: { [name]: { complete: 1, downloaded: 22, incomplete: 3 } } });

  it('shows a table, with a dash for what the tracker left out', async () => {
    const { url, targets } = await tracker(body);
    const { code, stdout } = await run(scrapeCommand, url, HASH, other);
    expect(code).toBe(0);
    expect(targets[0].startsWith('/scrape?info_hash=')).toBe(true);
    expect(stdout.split('\n').slice(3)).toEqual([
      `info hash${' '.repeat(34)}seeders  leechers downloads`,
      `${HASH}         1         3        22`,
      `${other}         -         -         -`,
      '',
    ]);
  });

  it('prints JSON', async () => {
    const { url } = await tracker(body);
    const { stdout } = await run(scrapeCommand, url, HASH, other, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      swarms: [{ infoHash: HASH, seeders: 1, leechers: 3, downloads: 22 }, { infoHash: other }],
    });
  });

  it('ends with 2 without an info hash, with a wrong one, and without a scrape convention', async () => {
    const url = 'http://127.0.0.1:1/tracker';
    expect((await run(scrapeCommand, url)).code).toBe(2);
    expect((await run(scrapeCommand, url, HASH, 'x')).code).toBe(2);
    expect((await run(scrapeCommand, url, HASH)).code).toBe(2);
  });
});

describe('printable', () => {
  it('disarms terminals and bounds the length', () => {
    expect(printable('a\u0007\u009b\u202eb')).toBe('a\u{FFFD}\u{FFFD}\u{FFFD}b');
    expect(printable('x'.repeat(9999))).toHaveLength(500);
  });
});
