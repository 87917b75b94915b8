/** Whose address a peer gets: its socket's, or what a trusted source or proxy says. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bdecodeDict } from '../support/bdecode.js';
import { announceTarget, type GetOptions, HttpWire, httpDict } from '../support/http-wire.js';
import { newHash, replyPeers } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

/** Addresses of one machine that play different parts. All of 127.0.0.0/8 is loopback. */
const CLIENT = '127.0.0.1';
const TRUSTED_SOURCE = '127.0.0.2';
const PROXY = '127.0.0.3';

let tracker: TrackerProcess;
let behindProxy: TrackerProcess;
beforeAll(async () => {
  tracker = await TrackerProcess.start({
    config: {
      announce: { trustedIpSources: [`${TRUSTED_SOURCE}/32`] },
      http: {
        trustedProxies: [`${PROXY}/32`, '10.0.0.0/8'],
        announcePaths: ['/announce', '/announce.php', '/{key}/announce'],
      },
    },
  });
  behindProxy = await TrackerProcess.start({
    config: { http: { trustedProxies: [`${PROXY}/32`], proxyProtocol: true } },
  });
});
afterAll(async () => {
  await tracker?.remove();
  await behindProxy?.remove();
});

/** Announces with the parameters and returns how the others see the peer. */
async function seenAs(
  extra: Readonly<Record<string, string>>,
  options: GetOptions,
  server = tracker.http4,
): Promise<string[]> {
  const hash = newHash();
  await httpDict(server, announceTarget(hash, { ...extra, port: 7001 }), options);
  return replyPeers(await httpDict(server, announceTarget(hash, { port: 9 })));
}

describe('ip, ipv4 and ipv6', () => {
  it.each(['ip', 'ipv4'])('%s= is believed from a trusted source', async (name) => {
    const seen = await seenAs({ [name]: '192.0.2.7' }, { local: TRUSTED_SOURCE });
    expect(seen).toEqual(['192.0.2.7:7001']);
  });

  it.each(['ip', 'ipv4'])('%s= is ignored from anybody else', async (name) => {
    const seen = await seenAs({ [name]: '192.0.2.7' }, { local: CLIENT });
    expect(seen).toEqual(['127.0.0.1:7001']);
  });

  it('ipv6= is believed from a trusted source only', async () => {
    const trusted = await seenAs({ ipv6: '2001%3Adb8%3A%3A7' }, { local: TRUSTED_SOURCE });
    expect(trusted).toContain('[2001:db8:0:0:0:0:0:7]:7001');
    const others = await seenAs({ ipv6: '2001:db8::7' }, { local: CLIENT });
    expect(others).toEqual(['127.0.0.1:7001']);
  });

  it('a v4-mapped address becomes IPv4', async () => {
    const seen = await seenAs({ ip: '::ffff:192.0.2.8' }, { local: TRUSTED_SOURCE });
    expect(seen).toEqual(['192.0.2.8:7001']);
  });
});

describe('X-Forwarded-For', () => {
  const forwarded = (value: string, local: string) =>
    seenAs({}, { local, headers: [`X-Forwarded-For: ${value}`] });

  it('is believed from a listed proxy', async () => {
    expect(await forwarded('192.0.2.9', PROXY)).toEqual(['192.0.2.9:7001']);
    expect(await forwarded('2001:db8::9', PROXY)).toEqual(['[2001:db8:0:0:0:0:0:9]:7001']);
  });

  it('is ignored from anybody else', async () => {
    expect(await forwarded('192.0.2.9', CLIENT)).toEqual(['127.0.0.1:7001']);
  });

  it('counts by its right-most hop that is not trusted', async () => {
    const seen = await forwarded('203.0.113.1, 192.0.2.10, 10.1.2.3', PROXY);
    expect(seen).toEqual(['192.0.2.10:7001']);
  });

  it('of garbage leaves the address of the proxy', async () => {
    expect(await forwarded('unknown, ::zz', PROXY)).toEqual(['127.0.0.3:7001']);
  });
});

describe('PROXY protocol', () => {
  /** `PROXY TCP4 ...` of version 1. */
  const version1 = (address: string) =>
    Buffer.from(`PROXY TCP4 ${address} 127.0.0.1 40000 6969\r\n`, 'latin1');

  /** Version 2: signature 12, version and command 1, family 1, length 2, addresses, ports. */
  const version2 = (address: readonly number[]) => {
    const head = Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex');
    return Buffer.concat([head, Buffer.from([...address, 127, 0, 0, 1, 0x9c, 0x40, 0x1b, 0x39])]);
  };

  async function seenBehind(header: Buffer, local: string): Promise<string[]> {
    const hash = newHash();
    const wire = await HttpWire.open(behindProxy.http4, local);
    try {
      const target = announceTarget(hash, { port: 7001 });
      const request = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: tracker\r\n\r\n`, 'latin1');
      wire.send(Buffer.concat([header, request]));
      bdecodeDict((await wire.reply()).body);
    } finally {
      wire.close();
    }
    return replyPeers(await httpDict(behindProxy.http4, announceTarget(hash, { port: 9 })));
  }

  it('version 1 is believed from a listed proxy', async () => {
    expect(await seenBehind(version1('192.0.2.11'), PROXY)).toEqual(['192.0.2.11:7001']);
  });

  it('version 2 is believed from a listed proxy', async () => {
    expect(await seenBehind(version2([192, 0, 2, 12]), PROXY)).toEqual(['192.0.2.12:7001']);
  });

  it('is no request from anybody else', async () => {
    const wire = await HttpWire.open(behindProxy.http4, CLIENT);
    wire.send(version1('192.0.2.13'));
    wire.send('GET /announce HTTP/1.1\r\nHost: tracker\r\n\r\n');
    expect((await wire.closed()).toString('latin1')).toMatch(/^(HTTP\/1\.1 400|$)/);
    wire.close();
  });

  it('missing from a listed proxy closes the connection', async () => {
    const wire = await HttpWire.open(behindProxy.http4, PROXY);
    wire.send(`GET ${announceTarget(newHash())} HTTP/1.1\r\nHost: tracker\r\n\r\n`);
    expect((await wire.closed()).toString('latin1')).not.toMatch(/^HTTP\/1\.1 200/);
    wire.close();
  });
});

describe('configured paths', () => {
  it.each(['/announce.php', '/0123456789abcdef/announce'])('%s takes announces', async (path) => {
    const hash = newHash();
    await httpDict(tracker.http4, announceTarget(hash, { port: 7001 }));
    const reply = await httpDict(tracker.http4, announceTarget(hash, { port: 7002 }, path));
    expect(replyPeers(reply)).toEqual(['127.0.0.1:7001']);
  });

  it.each(['/scrape.php', '/0123456789abcdef/scrape'])('%s takes scrapes', async (path) => {
    const hash = newHash();
    const target = announceTarget(hash, {}, path).replace(/&peer_id.*/, '');
    const files = (await httpDict(tracker.http4, target)).dict('files');
    expect([...files.keys()]).toEqual([hash.toString('latin1')]);
  });
});
