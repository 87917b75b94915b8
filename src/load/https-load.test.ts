import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCa } from '../../test/support/test-ca.js';
import { LOAD_DEFAULTS, type LoadOptions } from './load-options.js';
import { runLoad } from './run-load.js';

/** TLS is made with node's sockets, so the server may live in the same thread. */
let server: Server;
let ca: TestCa;
const counts = { handshakes: 0, resumed: 0 };

beforeAll(async () => {
  ca = await TestCa.create();
  server = createServer(await ca.issue({ names: ['localhost'] }), (_request, response) => {
    response.end('d8:intervali1800e5:peers12:xxxxxxxxxxxxe');
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    counts.handshakes++;
    if (socket.isSessionReused()) counts.resumed++;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Runs a load; gives what it measured, and what the server saw of it. */
async function load(changed: Partial<LoadOptions>, host = '127.0.0.1') {
  const before = { ...counts };
  const url = new URL(`https://${host}:${(server.address() as AddressInfo).port}/announce`);
  const common = { torrents: 5, peers: 40, sources: 2, connections: 4, fill: false };
  const times = { seconds: 0.5, warmUpSeconds: 0, timeoutMs: 60_000 };
  const result = await runLoad({ ...LOAD_DEFAULTS, ...common, ...times, url, ...changed });
  const { handshakes, resumed } = counts;
  return {
    result,
    handshakes: handshakes - before.handshakes,
    resumed: resumed - before.resumed,
  };
}

describe('a load over https', () => {
  it('keeps its connections', async () => {
    const { result, handshakes } = await load({ fill: true });
    expect(result).toMatchObject({
      engine: 'node sockets',
      errors: {},
      fill: { announces: 40 },
      peersPerReply: 2,
      signals: undefined,
    });
    expect(result.requests).toBeGreaterThan(0);
    // One more asks whether somebody is there.
    expect(handshakes).toBe(5);
  });

  it('shakes hands for each request, in full', async () => {
    const { result, handshakes, resumed } = await load({ close: true });
    expect(result).toMatchObject({ errors: {}, resumed: 0 });
    expect(result.requests).toBeGreaterThan(0);
    expect(result.connects).toBeGreaterThanOrEqual(result.requests);
    expect(handshakes).toBeGreaterThan(result.requests);
    expect(resumed).toBe(0);
  });

  it('or goes on with the session of before', async () => {
    const { result, handshakes, resumed } = await load({ close: true, resume: true });
    expect(result.errors).toEqual({});
    expect(result.resumed).toBeGreaterThan(0);
    // All but the first connections, which had nothing to go on with.
    expect(handshakes - resumed).toBeLessThanOrEqual(5);
    expect(result.connects - result.resumed).toBeLessThanOrEqual(4);
  });

  it('checks the certificate where an authority is named', async () => {
    const { result } = await load({ tlsCa: ca.pem }, 'localhost');
    expect(result.requests).toBeGreaterThan(0);
    await expect(load({ tlsCa: ca.pem })).rejects.toThrow('ERR_TLS_CERT_ALTNAME_INVALID');
    const other = (await TestCa.create()).pem;
    await expect(load({ tlsCa: other }, 'localhost')).rejects.toThrow('--tls-ca FILE');
  });
});
