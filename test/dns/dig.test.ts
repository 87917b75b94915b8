import { Resolver } from 'node:dns/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dig } from '../support/dig.js';
import { startDnsServer, type TestDnsServer, ZONE } from '../support/dns-server.js';

let dns: TestDnsServer;

beforeAll(async () => {
  dns = await startDnsServer();
});
afterAll(async () => {
  await dns.server.stop();
  expect(dns.fatal).toEqual([]);
});

const data = (lines: readonly string[]) => lines.map((line) => line.split(' ').slice(4).join(' '));

describe.each([
  ['UDP', '127.0.0.1', '+notcp'],
  ['UDP', '::1', '+notcp'],
  ['TCP', '127.0.0.1', '+tcp'],
  ['TCP', '::1', '+tcp'],
])('dig over %s at %s', (_, address, transport) => {
  const ask = (...args: string[]) => dig(address, dns.port, transport, '+norecurse', ...args);

  it('finds the trackers', async () => {
    const a = await ask(ZONE, 'A');
    expect(a.status).toBe('NOERROR');
    expect(a.flags).toEqual(['qr', 'aa']);
    expect(data(a.answer).sort()).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
    expect(a.answer[0]).toMatch(/^tracker\.example\.org\. 30 IN A /);
    expect(a.text).toContain('EDNS: version: 0, flags:; udp: 1232');
    expect(a.text).not.toContain('WARNING');
    const aaaa = await ask(ZONE, 'AAAA');
    expect(data(aaaa.answer).sort()).toEqual(['2001:db8::1', '2001:db8::2']);
  });

  it('finds SOA, NS and TXT', async () => {
    const soa = await ask(ZONE, 'SOA');
    expect(soa.answer).toHaveLength(1);
    expect(soa.answer[0]).toMatch(
      /IN SOA ns\.tracker\.example\.org\. hostmaster\.tracker\.example\.org\. \d+ 3600 600 1209600 30$/,
    );
    const ns = await ask(ZONE, 'NS');
    expect(data(ns.answer)).toEqual(['ns.tracker.example.org.']);
    expect(data(ns.additional)).toEqual(['198.51.100.1', '2001:db8:1::1']);
    const glue = await ask(`ns.${ZONE}`, 'A');
    expect(data(glue.answer)).toEqual(['198.51.100.1']);
    const txt = await ask(ZONE, 'TXT');
    expect(data(txt.answer)).toEqual(['"BITTORRENT UDP:6969 TCP:6969"']);
  });

  it('is told what does not exist, with SOA', async () => {
    const mx = await ask(ZONE, 'MX');
    expect(mx.status).toBe('NOERROR');
    expect(mx.answer).toEqual([]);
    expect(mx.authority).toHaveLength(1);
    const below = await ask(`www.${ZONE}`, 'A');
    expect(below.status).toBe('NXDOMAIN');
    expect(below.authority[0]).toMatch(/^tracker\.example\.org\. 30 IN SOA /);
  });

  it('is refused outside the zone, in other classes, and for transfers', async () => {
    for (const args of [
      ['example.org', 'A'],
      ['example.com', 'AAAA'],
      ['.', 'NS'],
      ['version.bind', 'CH', 'TXT'],
    ]) {
      const reply = await ask(...args);
      expect([args, reply.status]).toEqual([args, 'REFUSED']);
      expect(reply.answer).toEqual([]);
    }
    // dig says little of a transfer that failed, and shows what came of one that did not.
    const { answersByRcode } = dns.server.counters;
    for (const type of ['AXFR', 'IXFR=1']) {
      const refusedBefore = answersByRcode.REFUSED;
      expect((await ask(ZONE, type)).text).not.toContain('SOA');
      expect(answersByRcode.REFUSED).toBe(refusedBefore + 1);
    }
  });

  it('gets the least for ANY', async () => {
    const any = await ask('+notcp', transport, ZONE, 'ANY');
    expect(data(any.answer)).toEqual(['"RFC8482" ""']);
  });

  it('sees other opcodes unimplemented and other versions of EDNS refused', async () => {
    expect((await ask('+opcode=NOTIFY', ZONE, 'SOA')).status).toBe('NOTIMP');
    expect((await ask('+opcode=UPDATE', ZONE, 'SOA')).status).toBe('NOTIMP');
    const version = await ask('+edns=1', '+noednsnegotiation', ZONE, 'A');
    expect(version.status).toBe('BADVERS');
    expect(version.text).toContain('EDNS: version: 0');
  });

  it('does without EDNS, and with what it does not know of it', async () => {
    const plain = await ask('+noedns', ZONE, 'A');
    expect(plain.answer).toHaveLength(3);
    expect(plain.text).not.toContain('EDNS');
    const odd = await ask(
      '+dnssec',
      '+cookie',
      '+nsid',
      '+ednsopt=100:01',
      '+padding=64',
      ZONE,
      'A',
    );
    expect(odd.status).toBe('NOERROR');
    expect(odd.answer).toHaveLength(3);
  });

  it('keeps the case of the question', async () => {
    const reply = await ask('TRACKER.Example.oRg', 'A');
    expect(reply.answer[0]).toMatch(/^TRACKER\.Example\.oRg\. /);
  });
});

it('satisfies a resolver library: c-ares, which node uses', async () => {
  const resolver = new Resolver({ tries: 1, timeout: 60_000 });
  resolver.setServers([`127.0.0.1:${dns.port}`]);
  expect((await resolver.resolve4(ZONE, { ttl: true }))[0].ttl).toBe(30);
  expect((await resolver.resolve6(ZONE)).sort()).toEqual(['2001:db8::1', '2001:db8::2']);
  expect(await resolver.resolveTxt(ZONE)).toEqual([['BITTORRENT UDP:6969 TCP:6969']]);
  expect((await resolver.resolveSoa(ZONE)).nsname).toBe(`ns.${ZONE}`);
  await expect(resolver.resolve4(`x.${ZONE}`)).rejects.toMatchObject({ code: 'ENOTFOUND' });
  await expect(resolver.resolveMx(ZONE)).rejects.toMatchObject({ code: 'ENODATA' });
});

describe('an answer that is too large', () => {
  let large: TestDnsServer;
  const addresses6 = Array.from({ length: 200 }, (_, i) => `2001:db8::${(i + 1).toString(16)}`);

  beforeAll(async () => {
    large = await startDnsServer(
      { answersMax: 64 },
      { revision: 1, addresses4: [], addresses6, services: [] },
    );
  });
  afterAll(() => large.server.stop());

  it('is cut, and whole over TCP', async () => {
    for (const size of ['+noedns', '+bufsize=512', '+bufsize=1232', '+bufsize=4096']) {
      const cut = await dig('127.0.0.1', large.port, size, '+ignore', ZONE, 'AAAA');
      expect(cut.flags).toContain('tc');
      expect(cut.answer).toEqual([]);
      const retried = await dig('127.0.0.1', large.port, size, ZONE, 'AAAA');
      expect(retried.text).toContain('Truncated, retrying in TCP mode');
      expect(new Set(data(retried.answer)).size).toBe(64);
    }
  });

  it('changes with the set, each answer another choice', async () => {
    const first = await dig('127.0.0.1', large.port, '+tcp', ZONE, 'AAAA');
    const second = await dig('127.0.0.1', large.port, '+tcp', ZONE, 'AAAA');
    expect(data(first.answer)).not.toEqual(data(second.answer));
    large.set = { revision: 2, addresses4: [], addresses6: ['2001:db8::ffff'], services: [] };
    const changed = await dig('127.0.0.1', large.port, ZONE, 'AAAA');
    expect(data(changed.answer)).toEqual(['2001:db8::ffff']);
  });
});

it('bounds the answers to one network over UDP, and says so by cutting; TCP goes on', async () => {
  const limited = await startDnsServer({ ratePerSecond: 1 });
  try {
    const ask = () => dig('127.0.0.1', limited.port, '+time=1', ZONE, 'A');
    const { counters } = limited.server;
    // Until both have happened: how many fall into one second is the machine's business.
    while (counters.rateLimitedDropped === 0 || counters.rateLimitedTruncated === 0) {
      for (const reply of await Promise.all(Array.from({ length: 8 }, ask))) {
        if (reply.text.includes('retrying in TCP mode')) expect(reply.answer).toHaveLength(3);
      }
    }
    expect((await dig('127.0.0.1', limited.port, '+tcp', ZONE, 'A')).answer).toHaveLength(3);
  } finally {
    await limited.server.stop();
  }
});
