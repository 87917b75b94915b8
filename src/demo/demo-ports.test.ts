import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import { minderBound, minderListens, trackerBound, trackerListens } from './demo-ports.js';

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

describe('the ports of a demo', () => {
  it('are any where asked, on loopback alone', async () => {
    const args = [...(await minderListens('any')), ...(await trackerListens('any'))];
    const addresses = args.filter((arg) => !arg.startsWith('--'));
    expect(addresses.length).toBeGreaterThan(6);
    for (const address of addresses) expect(address).toMatch(/^(?:127\.0\.0\.1|\[::1\]):0$/);
  });

  it('are the usual ones, but any instead of one that somebody has', async () => {
    const [held, free] = [createServer(), createServer()];
    const [taken, port] = await Promise.all([held, free].map(listen));
    await close(free);
    try {
      const ports = { clients: taken, admin: port, minder: taken, enrol: port, bus: 0, routes: 0 };
      const args = await minderListens('usual', ports);
      expect(args.slice(0, 2)).toEqual(['--listen', `127.0.0.1:${port}`]);
      expect(args.slice(6, 8)).toEqual(['--admin', '127.0.0.1:0']);
      const tracker = await trackerListens('usual', ports);
      expect(tracker.slice(0, 4)).toEqual(['--http', '127.0.0.1:0', '--udp', '127.0.0.1:0']);
      expect(tracker.slice(-2)).toEqual(['--admin', `127.0.0.1:${port}`]);
    } finally {
      await close(held);
    }
  });

  it('are the same again for a node that is started once more', () => {
    const minder = { enrol: '127.0.0.1:1', bus: '127.0.0.1:2', busCluster: '127.0.0.1:3' };
    expect(minderBound({ ...minder, admin: '127.0.0.1:4' })).toEqual(
      ['--listen', '127.0.0.1:1', '--bus', '127.0.0.1:2', '--bus-cluster', '127.0.0.1:3'].concat(
        '--admin',
        '127.0.0.1:4',
      ),
    );
    const tracker = { http: ['127.0.0.1:1', '[::1]:2'], udp: ['127.0.0.1:3'] };
    expect(trackerBound({ ...tracker, admin: '127.0.0.1:4' })).toEqual(
      ['--http', '127.0.0.1:1', '--http', '[::1]:2', '--udp', '127.0.0.1:3'].concat(
        '--admin',
        '127.0.0.1:4',
      ),
    );
  });
});
