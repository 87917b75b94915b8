import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { AdminRig, BEARER, raw } from './admin-rig.testing.js';

const rig = new AdminRig();
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await rig.stopAll();
});

/** A connection from an address of this machine; resolves when it stands. */
async function open(port: number, localAddress: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  socket.on('error', () => undefined);
  sockets.push(socket);
  await new Promise((done) => socket.once('connect', done));
  return socket;
}

function closed(socket: Socket): Promise<unknown> {
  return socket.closed ? Promise.resolve() : new Promise((done) => socket.once('close', done));
}

/** The answer to one request over a connection that stays open. */
function answer(socket: Socket, headers = ''): Promise<string> {
  socket.write(`GET /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`);
  return new Promise((done) => socket.once('data', (bytes) => done(String(bytes))));
}

const ATTACKER = '127.0.0.2';
const OPERATOR = '127.0.0.3';

describe('connections', () => {
  it('of one address do not keep another one out, however many it opens', async () => {
    const { port } = await rig.start({ liveMax: 0, limits: { connectionsMax: 4 } });
    const flood: Socket[] = [];
    for (let i = 0; i < 40; i++) flood.push(await open(port, ATTACKER));
    // Those over the bound are closed, not the first ones.
    await Promise.all(flood.slice(4).map((socket) => closed(socket.resume())));
    const first = await open(port, OPERATOR);
    expect(await answer(first)).toContain('HTTP/1.1 ');
    await closed(flood[0].resume());
    const second = await open(port, OPERATOR);
    expect(await answer(second)).toContain('HTTP/1.1 ');
    // Two each now: nobody has more than the newcomer would.
    const third = await open(port, OPERATOR);
    await closed(third.resume());
    const fourth = await open(port, ATTACKER);
    await closed(fourth.resume());
    expect(await answer(first)).toContain('HTTP/1.1 ');
  });

  it('that have brought the token stay', async () => {
    const desk = { ask: async () => [], joinUrl: () => 'https://192.0.2.1:7443' };
    const { port } = await rig.start({ desk, liveMax: 0, limits: { connectionsMax: 3 } });
    const held: Socket[] = [];
    for (let i = 0; i < 3; i++) {
      held.push(await open(port, OPERATOR));
      const token = `Authorization: ${BEARER.authorization}\r\n`;
      expect(await answer(held[i], token)).toContain('HTTP/1.1 200');
    }
    const newcomer = await open(port, ATTACKER);
    await closed(newcomer.resume());
    for (const socket of held) expect(await answer(socket)).toContain('HTTP/1.1 401');
  });

  it('are counted where they are refused', async () => {
    const { ask, port } = await rig.start({ liveMax: 0, limits: { connectionsMax: 2 } });
    for (let i = 0; i < 5; i++) await open(port, ATTACKER);
    await Promise.all(sockets.slice(2).map((socket) => closed(socket.resume())));
    const { admin } = (await (await ask('/stats.json')).json()) as { admin: object };
    // Three of the flood, and one for whoever asked.
    expect(admin).toMatchObject({ connectionsRefused: 4 });
  });
});

describe('an error of a connection', () => {
  const head = 'Host: localhost\r\n';

  it('is not told in the place of an answer that is still to come', async () => {
    const { port } = await rig.start();
    const got = await raw(port, `GET /metrics HTTP/1.1\r\n${head}\r\nGARBAGE\r\n\r\n`);
    expect(got).not.toContain('HTTP/1.1 400');
  });

  it('is not told in the midst of an answer', async () => {
    const { port } = await rig.start({ limits: { requestTimeoutMs: 100 } });
    const got = await raw(port, `GET /api/v1/live HTTP/1.1\r\n${head}Content-Length: 9\r\n\r\n`);
    expect(got).toContain('event: tick');
    expect(got).not.toContain('HTTP/1.1 408');
  });

  it('is told where a body does not come', async () => {
    const desk = { ask: async () => ({}), joinUrl: () => '' };
    const { port } = await rig.start({ desk, limits: { requestTimeoutMs: 100 } });
    const got = await raw(
      port,
      `PATCH /api/v1/settings HTTP/1.1\r\n${head}Authorization: ${BEARER.authorization}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    );
    expect(got).toMatch(/^HTTP\/1\.1 408 /);
    expect(got).toContain('request_timeout');
  });
});
