import { afterEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { announceTarget, HttpWire, httpGet } from '../support/http-wire.js';
import { newHash } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

let tracker: TrackerProcess | undefined;
afterEach(async () => {
  await tracker?.remove();
  tracker = undefined;
});

async function serve(io: string, args: readonly string[] = ['--public-page']) {
  tracker = await TrackerProcess.start({ config: { io }, args });
  const { host, port } = tracker.http4;
  return { tracker, origin: `http://${host}:${port}` };
}

describe.each(['fast', 'portable'])('the public page, io %s', (io) => {
  it('shows announce URLs of every protocol and the totals, and serves clients as before', async () => {
    const { tracker, origin } = await serve(io);
    expect((await httpGet(tracker.http4, announceTarget(newHash()))).status).toBe(200);
    const reply = await fetch(`${origin}/`);
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(reply.headers.get('cache-control')).toBe('max-age=10');
    const page = await reply.text();
    const { host, port } = tracker.http4;
    const udp = tracker.udp.find((address) => address.host === host)?.port;
    expect(page).toContain(`<code>http://${host}:${port}/announce</code>`);
    expect(page).toContain(`<code>udp://${host}:${udp}/announce</code>`);
    expect(page).toContain(`<code>ws://${host}:${port}/announce</code>`);
    expect(page).toContain('<dt>Swarms</dt><dd>1</dd>');
    // What an operator named the node is not told to strangers.
    expect(page).not.toContain(String(tracker.child.pid));
    const again = await fetch(`${origin}/`, {
      headers: { 'if-none-match': '*' },
    });
    expect(again.status).toBe(304);
    expect((await fetch(`${origin}/favicon.ico`)).headers.get('content-type')).toBe(
      'image/svg+xml',
    );
    expect(await (await fetch(`${origin}/robots.txt`)).text()).toContain('User-agent');
    expect((await fetch(`${origin}/other`)).status).toBe(404);
  });

  it('answers HEAD, serves on behind it, and becomes a WebSocket when asked to', async () => {
    const { tracker, origin } = await serve(io);
    const wire = await HttpWire.open(tracker.http4);
    wire.send('HEAD / HTTP/1.1\r\nHost: t.example\r\n\r\n');
    const head = await wire.reply({ head: true });
    expect(head.status).toBe(200);
    wire.send(`GET ${announceTarget(newHash())} HTTP/1.1\r\nHost: t.example\r\n\r\n`);
    expect((await wire.reply()).status).toBe(200);
    wire.close();
    const socket = new WebSocket(origin.replace('http', 'ws'));
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    socket.terminate();
  });

  it('is not there without its flag', async () => {
    const { origin } = await serve(io, []);
    for (const path of ['/', '/favicon.ico', '/robots.txt']) {
      expect((await fetch(origin + path)).status).toBe(404);
    }
  });
});
