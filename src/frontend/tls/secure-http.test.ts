import { randomBytes } from 'node:crypto';
import { type AddressInfo, connect as connectRaw, createServer, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestCa } from '../../../test/support/test-ca.js';
import { FrontendCounters } from '../counters.js';
import { cleanups, EchoHandler, GET, LAST } from '../http/echo-server.testing.js';
import { responses } from '../http/http-client.testing.js';
import type { HttpConnection } from '../http/http-connection.js';
import {
  PortableHttp,
  type PortableHttpDependencies,
  type UpgradeTaker,
} from '../http/portable-http.js';
import { TICKET_SECRET_BYTES } from './ticket-keys.js';
import { TlsDoor, type TlsDoorOptions } from './tls-door.js';
import { tlsIdentity } from './tls-identity.js';

let ca: TestCa;
beforeAll(async () => {
  ca = await TestCa.create();
});

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

async function serve(
  door: Partial<TlsDoorOptions> = {},
  deps: Partial<PortableHttpDependencies> = {},
  algorithm: 'ecdsa' | 'rsa' | 'none' = 'ecdsa',
) {
  const counters = new FrontendCounters();
  const tls = new TlsDoor<HttpConnection>(
    {
      handshakesMax: 100,
      handshakeTimeoutMs: 10_000,
      handshakeGraceMs: 1_000,
      ticketSecret: randomBytes(TICKET_SECRET_BYTES),
      ticketStartMs: Date.now(),
      ...door,
    },
    counters,
  );
  const renew = async (kind: 'ecdsa' | 'rsa') => {
    const { cert, key, serial } = await ca.issue({ algorithm: kind });
    tls.use(tlsIdentity(cert, key));
    return serial;
  };
  const more = async (place: number, names: readonly string[]) => {
    const { cert, key, serial } = await ca.issue({ names });
    tls.use(tlsIdentity(cert, key), place);
    return serial;
  };
  if (algorithm !== 'none') await renew(algorithm);
  const http = new PortableHttp(
    { listen: [{ host: '127.0.0.1', port: 0 }], limits: { stopTimeoutMs: 200 } },
    {
      handler: new EchoHandler(),
      counters,
      tls,
      onFatal: (error) => {
        throw error;
      },
      ...deps,
    },
  );
  cleanups.push(() => http.stop());
  const [{ port }] = await http.start();
  return { http, counters, port, renew, more };
}

function dial(port: number): Socket {
  const socket = connectRaw(port, '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  return socket;
}

/** Resolves when the handshake is done. */
function shake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca: ca.pem, ...options }, () =>
      resolve(socket),
    );
    socket.on('error', reject);
    sockets.push(socket);
  });
}

function read(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    if (socket.readableEnded || socket.destroyed) resolve(text);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('end', () => resolve(text));
    socket.on('close', () => resolve(text));
  });
}

async function ask(port: number, text: string, options: ConnectionOptions = {}) {
  const socket = await shake(port, options);
  const all = read(socket);
  socket.write(text);
  return responses(await all);
}

/** What a client sends first. */
async function helloOf(): Promise<Buffer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1' });
  client.on('error', () => {});
  const socket = await new Promise<Socket>((resolve) => server.once('connection', resolve));
  const hello = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

describe('PortableHttp over TLS', () => {
  it.each(['ecdsa', 'rsa'] as const)(
    'serves with a key of %s, kept and pipelined',
    async (kind) => {
      const { port, counters } = await serve({}, {}, kind);
      const replies = await ask(port, GET('/a') + GET('/b') + LAST('/c'));
      expect(replies.map(({ body }) => body)).toEqual([
        '127.0.0.1 /a',
        '127.0.0.1 /b',
        '127.0.0.1 /c',
      ]);
      expect(counters.get('httpsHandshakes')).toBe(1);
      await until(() => counters.get('httpConnectionsOpen') === 0);
      expect(counters.get('httpBytesIn')).toBe((GET('/a') + GET('/b') + LAST('/c')).length);
      expect(counters.get('httpsHandshakesOpen')).toBe(0);
    },
  );

  it('serves the certificate of the name that is asked for, and else the first', async () => {
    const { port, more, renew } = await serve({ isForMore: true });
    const first = await renew('ecdsa');
    const second = await more(1, ['two.example', '*.sub.example']);
    const third = await more(2, ['three.example', 'two.example']);
    const served = async (servername: string) => {
      const socket = await shake(port, { servername, checkServerIdentity: () => undefined });
      return socket.getPeerCertificate().serialNumber;
    };
    const names = ['two.example', 'a.sub.example', 'TWO.example', 'three.example', 'localhost'];
    const expected = [second, second, second, third, first];
    for (const [i, name] of names.entries()) expect(await served(name), name).toBe(expected[i]);
    expect(await served('unknown.example')).toBe(first);
    expect(await served('a.b.sub.example'), 'a wildcard is one label').toBe(first);
    const plain = await shake(port, { checkServerIdentity: () => undefined });
    expect(plain.getPeerCertificate().serialNumber, 'no name').toBe(first);
    // Each is renewed by itself.
    const next = await more(1, ['two.example']);
    expect([await served('two.example'), await served('three.example')]).toEqual([next, third]);
    expect(await served('a.sub.example')).toBe(first);
  });

  it('serves other names before the first certificate has come', async () => {
    const { port, more } = await serve({ isForMore: true }, {}, 'none');
    await more(1, ['two.example']);
    await shake(port, { servername: 'two.example' });
    await expect(shake(port, { servername: 'localhost' })).rejects.toThrow();
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'resumes a session of another name over %s',
    async (version) => {
      const { port, more } = await serve({ isForMore: true });
      await more(1, ['two.example']);
      const options = { minVersion: version, maxVersion: version, servername: 'two.example' };
      const first = connect({ port, host: '127.0.0.1', ca: ca.pem, ...options });
      sockets.push(first);
      const session = await new Promise<Buffer>((resolve) => first.once('session', resolve));
      const second = await shake(port, { ...options, session });
      expect(second.isSessionReused()).toBe(true);
    },
  );

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('resumes a session over %s', async (version) => {
    const { port, counters } = await serve();
    const options = { minVersion: version, maxVersion: version };
    const first = connect({ port, host: '127.0.0.1', ca: ca.pem, ...options });
    sockets.push(first);
    const session = await new Promise<Buffer>((resolve) => first.once('session', resolve));
    const second = await shake(port, { ...options, session });
    expect(second.isSessionReused()).toBe(true);
    await until(() => counters.get('httpsSessionsResumed') === 1);
  });

  it.each([
    [
      'TLS 1.1',
      /version/,
      { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
    ],
    [
      'a cipher without forward secrecy',
      /handshake/,
      { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
    ],
    [
      'a cipher without authenticated encryption',
      /handshake/,
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' },
    ],
  ] as const)('refuses %s', async (_, alert, options) => {
    const { port, counters } = await serve();
    await expect(shake(port, options)).rejects.toThrow(alert);
    await until(() => counters.get('httpsHandshakesFailed') === 1);
    await until(() => counters.get('httpConnectionsOpen') === 0);
    expect(await ask(port, LAST('/still'))).toHaveLength(1);
  });

  it('refuses renegotiation', async () => {
    const { port } = await serve();
    const socket = await shake(port, { maxVersion: 'TLSv1.2' });
    const failure = await new Promise<unknown>((resolve) => {
      socket.removeAllListeners('error');
      socket.on('error', resolve);
      if (!socket.renegotiate({}, resolve)) resolve(new Error('not begun'));
    });
    expect(String(failure)).toMatch(/renegotiation/i);
  });

  it('takes a new certificate for new handshakes, and keeps what lives', async () => {
    const { port, renew } = await serve();
    const old = await shake(port);
    const before = old.getPeerCertificate().serialNumber;
    const serial = await renew('rsa');
    const young = await shake(port);
    expect(young.getPeerCertificate().serialNumber).toBe(serial);
    expect(before).not.toBe(serial);
    old.write(LAST('/old'));
    expect(responses(await read(old))).toHaveLength(1);
  });

  it('fails handshakes while there is no certificate, and serves when one comes', async () => {
    const { port, renew } = await serve({}, {}, 'none');
    await expect(shake(port)).rejects.toThrow();
    await renew('ecdsa');
    expect(await ask(port, LAST('/now'))).toHaveLength(1);
  });

  it('cuts a handshake that takes too long, and only that', async () => {
    const { port, counters } = await serve({ handshakeTimeoutMs: 60 });
    let done: TLSSocket | undefined;
    let cut = 0;
    // A busy machine may take longer than that for a whole one, too: then once more.
    for (; done === undefined; cut = counters.get('httpsHandshakeTimeouts')) {
      const shaken = await shake(port).catch(() => undefined);
      await until(() => counters.get('httpsHandshakesOpen') === 0);
      if (counters.get('httpsHandshakeTimeouts') === cut) done = shaken;
    }
    const slow = dial(port);
    slow.write(Buffer.from('16030100', 'hex'));
    await read(slow);
    expect(counters.get('httpsHandshakeTimeouts')).toBe(cut + 1);
    expect(counters.get('httpsHandshakesOpen')).toBe(0);
    done.write(LAST('/done'));
    expect(responses(await read(done))).toHaveLength(1);
  });

  it('bounds the handshakes under way: young ones keep their place, old ones make room', async () => {
    const strict = await serve({ handshakesMax: 2, handshakeGraceMs: 60_000 });
    const held = [dial(strict.port), dial(strict.port)];
    await until(() => strict.counters.get('httpsHandshakesOpen') === 2);
    await expect(shake(strict.port)).rejects.toThrow();
    expect(strict.counters.get('httpsHandshakesRefused')).toBe(1);
    held[0].destroy();
    await until(() => strict.counters.get('httpsHandshakesOpen') === 1);
    await shake(strict.port);

    const kind = await serve({ handshakesMax: 2, handshakeGraceMs: 0 });
    const oldest = dial(kind.port);
    await until(() => kind.counters.get('httpsHandshakesOpen') === 1);
    dial(kind.port);
    await until(() => kind.counters.get('httpsHandshakesOpen') === 2);
    await shake(kind.port);
    await read(oldest);
    expect(kind.counters.get('httpsHandshakesEvicted')).toBe(1);
  });

  it('closes on what is no TLS, and serves on', async () => {
    const { port, counters } = await serve();
    const junk = [Buffer.from(LAST('/plain')), Buffer.alloc(70_000, 0x16), randomBytes(500)];
    for (const bytes of junk) {
      const socket = dial(port);
      socket.write(bytes);
      await read(socket);
    }
    await until(() => counters.get('httpConnectionsOpen') === 0);
    expect(counters.get('httpsHandshakesOpen')).toBe(0);
    expect(await ask(port, LAST('/after'))).toHaveLength(1);
  });

  it('finds the client in a PROXY header before the handshake', async () => {
    const proxies = {
      isTrusted: () => true,
      decodeProxyHeader: (
        bytes: Uint8Array,
        length: number,
        client: { setAddressText(text: string): boolean },
      ) => {
        const end = bytes.subarray(0, length).indexOf(0x3b);
        if (end < 0) return 0;
        client.setAddressText(Buffer.from(bytes.subarray(0, end)).toString('latin1'));
        return end + 1;
      },
    };
    const { port } = await serve({}, { proxies });
    const raw = dial(port);
    raw.write('192.0.2.7;');
    const [reply] = await ask(port, LAST('/p'), { socket: raw });
    expect(reply.body).toBe('192.0.2.7 /p');
    // The header and the first bytes of the handshake in one piece.
    const both = dial(port);
    const hello = await helloOf();
    both.write(Buffer.concat([Buffer.from('192.0.2.8;'), hello]));
    const answer = await new Promise<Buffer>((resolve) => both.once('data', resolve));
    // A handshake record: the server's hello.
    expect(answer[0]).toBe(0x16);
  });

  it('gives WebSockets away as secure ones', async () => {
    const taken: boolean[] = [];
    const upgrades: UpgradeTaker = {
      takes: (target) => target === '/',
      onUpgrade: (_, socket, head, __, { secure }) => {
        taken.push(secure);
        socket.on('error', () => {});
        socket.on('data', (chunk) => socket.end(chunk));
        socket.write(head);
      },
    };
    const { port, counters } = await serve({}, { upgrades });
    const socket = await shake(port);
    const all = read(socket);
    socket.write(`${GET('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n')}early `);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.write('late');
    expect(await all).toBe('early late');
    expect(taken).toEqual([true]);
    await until(() => counters.get('httpConnectionsOpen') === 0);
  });

  it('ends its connections when it stops: idle, half-way and silent ones', async () => {
    const { http, port, counters } = await serve();
    const idle = await shake(port);
    dial(port);
    await until(() => counters.get('httpConnectionsOpen') === 2);
    const ended = read(idle);
    await http.stop();
    await ended;
    expect(counters.get('httpConnectionsOpen')).toBe(0);
  });
});
