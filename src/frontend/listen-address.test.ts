import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  FRONTEND_COUNTER_BYTES,
  FRONTEND_COUNTER_COUNT,
  FrontendCounter,
  FrontendCounters,
  sumCounters,
} from './counters.js';
import { bindReserved, expandListenAddress } from './listen-address.js';
import { LISTEN_ERROR_CODES, ListenError, listenError } from './listen-error.js';
import { assertPortFree, reserveAddresses } from './port-probe.js';
import { reusePortSupported } from './reuse-port.js';
import { Turn } from './turn.js';

const bind4 = (address: string, port: number) =>
  ({ address, family: 4, port, wildcard: false }) as const;

describe('listen addresses', () => {
  it('expand: nothing to both wildcards, an address to itself, a name to what it stands for', async () => {
    const all = await expandListenAddress('udp', { host: '', port: 6969 });
    expect(all.map((b) => [b.address, b.family, b.port, b.wildcard])).toEqual([
      ['0.0.0.0', 4, 6969, true],
      ['::', 6, 6969, true],
    ]);
    const one = await expandListenAddress('udp', { host: '::1', port: 1 });
    expect(one).toEqual([{ address: '::1', family: 6, port: 1, wildcard: false }]);
    const [zoned] = await expandListenAddress('udp', { host: 'fe80::1%eth0', port: 1 });
    expect(zoned.address).toBe('fe80::1%eth0');
    const [local] = await expandListenAddress('http', { host: 'localhost', port: 1 });
    expect(['127.0.0.1', '::1']).toContain(local.address);
  });

  it('that name no host are refused with a typed error', async () => {
    await expect(
      expandListenAddress('http', { host: 'no-such-host.invalid', port: 1 }),
    ).rejects.toMatchObject({ code: 'address_unknown', address: 'no-such-host.invalid:1' });
  });

  it('with port 0 get another port when one turns out to be taken, a bounded number of times', async () => {
    let attempts = 0;
    const taken = () => new ListenError({ code: 'address_in_use', protocol: 'udp', address: 'x' });
    const port = await bindReserved(
      'udp',
      { host: '127.0.0.1', port: 0 },
      async () => 1_000 + attempts,
      async ([bind]) => {
        if (++attempts < 3) throw taken();
        return bind.port;
      },
    );
    expect([port, attempts]).toEqual([1_002, 3]);
    const never = async () => {
      attempts++;
      throw taken();
    };
    const zero = bindReserved('udp', { host: '127.0.0.1', port: 0 }, async () => 1, never);
    await expect(zero).rejects.toMatchObject({ code: 'address_in_use' });
    expect(attempts).toBeLessThan(50);
    attempts = 0;
    const given = bindReserved('udp', { host: '127.0.0.1', port: 7 }, async () => 7, never);
    await expect(given).rejects.toMatchObject({ code: 'address_in_use' });
    expect(attempts).toBe(1);
  });
});

describe('the port probe', () => {
  it('finds a held TCP port and says what to do', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const held = holder.address();
    const port = typeof held === 'object' && held !== null ? held.port : 0;
    const refused = assertPortFree('http', bind4('127.0.0.1', port));
    await expect(refused).rejects.toMatchObject({
      code: 'address_in_use',
      message: expect.stringMatching(
        `http 127.0.0.1:${port} is held by another process.*--http ADDR:PORT`,
      ),
    });
    const wildcard = reserveAddresses('http', { host: '', port });
    await expect(wildcard).rejects.toMatchObject({ code: 'address_in_use' });
    await new Promise((resolve) => holder.close(resolve));
    expect(await assertPortFree('http', bind4('127.0.0.1', port))).toBe(port);
  });

  it.each(['udp', 'http'] as const)('names a %s address of another machine', async (protocol) => {
    await expect(assertPortFree(protocol, bind4('198.51.100.77', 0))).rejects.toMatchObject({
      code: 'address_unavailable',
      protocol,
    });
  });

  it.each(['udp', 'http'] as const)('settles port 0 of %s for both families', async (protocol) => {
    const binds = await reserveAddresses(protocol, { host: '', port: 0 });
    expect(binds).toHaveLength(2);
    expect(binds[0].port).toBe(binds[1].port);
    expect(binds[0].port).toBeGreaterThan(0);
  });

  it('maps every refusal of the system to a code and a message', () => {
    const system = (code: string) => Object.assign(new Error(code), { code });
    const code = (name: string) => listenError(system(name), 'udp', '0.0.0.0:1').code;
    expect(code('EADDRINUSE')).toBe('address_in_use');
    expect(code('EACCES')).toBe('address_denied');
    expect(code('EADDRNOTAVAIL')).toBe('address_unavailable');
    expect(code('EWHATEVER')).toBe('listen_failed');
    for (const each of LISTEN_ERROR_CODES) {
      const error = new ListenError({ code: each, protocol: 'udp', address: '0.0.0.0:1' });
      expect(error.message).toMatch(/^udp 0\.0\.0\.0:1 .*--udp ADDR:PORT/);
    }
  });
});

describe('small parts of the frontends', () => {
  it('know which node can share a port', () => {
    expect(reusePortSupported('20.20.2', 'linux')).toBe(false);
    expect(reusePortSupported('22.11.0', 'linux')).toBe(false);
    expect(reusePortSupported('22.12.0', 'linux')).toBe(true);
    expect(reusePortSupported('23.0.0', 'linux')).toBe(false);
    expect(reusePortSupported('24.1.0', 'linux')).toBe(true);
    expect(reusePortSupported('24.1.0', 'darwin')).toBe(false);
  });

  it('count in shared cells that are summed over workers', () => {
    const buffer = new SharedArrayBuffer(2 * FRONTEND_COUNTER_BYTES);
    const workers = [0, FRONTEND_COUNTER_BYTES].map((at) => new FrontendCounters(buffer, at));
    workers[0].count(FrontendCounter.httpRequests);
    workers[1].add(FrontendCounter.httpRequests, 4);
    expect(sumCounters(workers).httpRequests).toBe(5);
    expect(sumCounters(workers).udpPacketsIn).toBe(0);
    const numbers = Object.values(FrontendCounter);
    expect(new Set(numbers).size).toBe(FRONTEND_COUNTER_COUNT);
    expect(Math.max(...numbers)).toBe(FRONTEND_COUNTER_COUNT - 1);
  });

  it('begin one batch a turn', async () => {
    let batches = 0;
    const turn = new Turn({ beginBatch: () => batches++ });
    for (let i = 0; i < 5; i++) turn.enter();
    expect(batches).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    turn.enter();
    expect(batches).toBe(2);
  });
});
