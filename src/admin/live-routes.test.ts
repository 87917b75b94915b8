import { afterEach, describe, expect, it } from 'vitest';
import { AdminRig, BEARER, expectProblem, raw, TOKEN } from './admin-rig.testing.js';
import type { Tick } from './tick.js';
import { historySchema, tickSchema } from './view-schemas.js';

/** A machine may be busy: this only ends a wait for what never comes. */
const PATIENCE = { timeout: 30_000 };

const rig = new AdminRig();
afterEach(() => rig.stopAll());

/** Reads a stream until it holds so many ticks. */
async function readTicks(
  response: Response,
  count: number,
): Promise<{ text: string; ticks: Tick[] }> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const parts = text.split('\n\n').slice(0, -1);
    const ticks = parts
      .filter((part) => part.startsWith('event: tick\n'))
      .map((part) => JSON.parse(part.slice('event: tick\ndata: '.length)) as Tick);
    if (ticks.length >= count) {
      await reader.cancel();
      return { text, ticks };
    }
    const { value, done } = await reader.read();
    if (done) throw new Error(`the stream ended after ${JSON.stringify(text)}`);
    text += value;
  }
}

describe('GET /api/v1/live', () => {
  it('streams ticks as events, the first at once', async () => {
    const { ask } = await rig.start();
    const response = await ask('/api/v1/live');
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const { text, ticks } = await readTicks(response, 2);
    expect(text.startsWith('retry: 2000\n\nevent: tick\ndata: {')).toBe(true);
    for (const tick of ticks) tickSchema.parse(tick);
    expect(ticks[1].atMs).toBeGreaterThan(ticks[0].atMs);
  });

  it('needs the token where reading does', async () => {
    const { ask } = await rig.start({ host: '' });
    await expectProblem(await ask('/api/v1/live'), 'unauthorized');
    const response = await ask('/api/v1/live', { headers: BEARER });
    expect((await readTicks(response, 1)).ticks).toHaveLength(1);
  });

  it('is refused to one more than may listen, until somebody leaves', async () => {
    const { ask } = await rig.start({ liveMax: 1 });
    const first = await ask('/api/v1/live');
    const refused = await ask('/api/v1/live');
    await expectProblem(refused, 'live_full');
    await readTicks(first, 1);
    // The server hears of the end a moment later.
    await expect
      .poll(async () => {
        const next = await ask('/api/v1/live');
        await next.body?.cancel();
        return next.status;
      }, PATIENCE)
      .toBe(200);
    const { admin } = (await (await ask('/stats.json')).json()) as {
      admin: { liveRefused: number };
    };
    expect(admin.liveRefused).toBeGreaterThan(0);
  });

  it('leaves room for others, however many listen', async () => {
    const { ask } = await rig.start({ liveMax: 3, limits: { connectionsMax: 2 } });
    const streams = await Promise.all([1, 2, 3].map(() => ask('/api/v1/live')));
    expect((await ask('/readyz')).status).toBe(200);
    await Promise.all(streams.map((stream) => stream.body?.cancel()));
  });

  it('ends when the listener stops, which does not wait for it', async () => {
    const { port, server, ask } = await rig.start();
    const stream = raw(port, 'GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    type Stats = { admin: { liveListeners: number } };
    const listeners = async () =>
      ((await (await ask('/stats.json')).json()) as Stats).admin.liveListeners;
    await expect.poll(listeners, PATIENCE).toBe(1);
    await server.stop();
    const answer = await stream;
    expect(answer).toContain('event: tick');
    // The end of a chunked body: nothing was cut off.
    expect(answer.endsWith('0\r\n\r\n')).toBe(true);
  });

  it('has no head, and changes nothing', async () => {
    const { ask } = await rig.start();
    await expectProblem(await ask('/api/v1/live', { method: 'POST' }), 'method_not_allowed');
    expect((await ask('/api/v1/live', { method: 'HEAD' })).status).toBe(405);
  });
});

describe('GET /api/v1/now and /api/v1/history', () => {
  it('tell one tick, and the hour', async () => {
    const { ask } = await rig.start();
    const tick = tickSchema.parse(await (await ask('/api/v1/now')).json());
    expect(tick.stats.role).toBe('tracker');
    const history = historySchema.parse(await (await ask('/api/v1/history')).json());
    expect(history).toMatchObject({ stepSeconds: 5, atMs: [] });
    expect(Object.keys(history.series)).toContain('latency_p99_us');
  });

  it('never hold the token', async () => {
    const { ask } = await rig.start();
    for (const path of ['/api/v1/now', '/stats.json', '/api/v1/openapi.json', '/metrics']) {
      expect(await (await ask(path, { headers: BEARER })).text(), path).not.toContain(TOKEN);
    }
  });
});

describe('GET /api/v1/busiest', () => {
  it('names swarms in wire spelling', async () => {
    const { ask } = await rig.start();
    expect(await (await ask('/api/v1/busiest')).json()).toEqual({
      swarms: [{ info_hash: 'ab'.repeat(20), seeders: 3, leechers: 2, web_peers: 1, downloads: 9 }],
      atMs: 1_700_000_000_000,
    });
  });
});
