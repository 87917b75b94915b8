import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCa } from '../../test/support/test-ca.js';
import { LOAD_DEFAULTS, type LoadOptions } from './load-options.js';
import { runLoad } from './run-load.js';
import { TrackerThread } from './tracker-thread.testing.js';
import { WebTrackerThread } from './web-tracker-thread.testing.js';

let tracker: WebTrackerThread;
let ca: TestCa;
beforeAll(async () => {
  ca = await TestCa.create();
  tracker = await WebTrackerThread.start(await ca.issue({ names: ['localhost'] }));
});
afterAll(() => tracker.stop());

function options(scheme: 'ws' | 'wss', changed: Partial<LoadOptions> = {}): LoadOptions {
  return {
    ...LOAD_DEFAULTS,
    url: new URL(`${scheme}://127.0.0.1:${tracker.ports[scheme]}/announce`),
    torrents: 10,
    peers: 60,
    connections: 20,
    sources: 4,
    offers: 2,
    seconds: 0.3,
    warmUpSeconds: 0.1,
    timeoutMs: 60_000,
    ...changed,
  };
}

/** A server that knows no upgrades, in a thread of its own. */
async function noWebSockets(): Promise<{ port: number }> {
  plain ??= await TrackerThread.start();
  return { port: plain.ports.http };
}
let plain: TrackerThread | undefined;
afterAll(() => plain?.stop());

const odd = (path: string) => new URL(`ws://127.0.0.1:${tracker.ports.odd}/${path}`);

describe.each([
  ['ws', 'system calls', false],
  ['ws', 'node sockets', true],
  ['wss', 'node sockets', false],
] as const)('a load over %s with %s', (scheme, engine, portable) => {
  it('announces every peer, then has its peers offer and answer', async () => {
    const before = await tracker.counts();
    const seed = 10 + Number(portable) + 2 * Number(scheme === 'wss');
    const result = await runLoad(options(scheme, { portable, seed }));
    const after = await tracker.counts();
    expect(result).toMatchObject({ engine, errors: {}, fill: { announces: 60 }, scrapes: 0 });
    expect(after.connections - before.connections).toBe(20);
    // A browser that is dealt the same swarm twice is one peer there.
    expect(after.starts - before.starts).toBeGreaterThan(40);
    expect(after.starts - before.starts).toBeLessThanOrEqual(60);
    expect(result.announces).toBeGreaterThan(0);
    expect(result.latencyUs.p50).toBeGreaterThan(0);
    const signals = result.signals!;
    expect(signals.offersSent).toBeGreaterThanOrEqual(result.announces);
    expect(signals.offersReceived).toBeGreaterThan(0);
    expect(signals.answersSent).toBe(signals.offersReceived);
    expect(signals.answersReceived).toBeGreaterThan(0);
  });

  it('has several requests under way, scrapes, and peers that come and go', async () => {
    const before = await tracker.counts();
    const changed = { portable, pipeline: 8, scrapes: 0.3, churn: 0.3, scrapeHashes: 7 };
    const result = await runLoad(options(scheme, changed));
    expect(result.errors).toEqual({});
    expect(result.scrapes).toBeGreaterThan(0);
    expect(result.announces).toBeGreaterThan(0);
    // More starts than peers: those that stopped came back.
    expect((await tracker.counts()).starts - before.starts).toBeGreaterThan(60);
  });
});

describe.each([
  ['system calls', false],
  ['node sockets', true],
] as const)('WebSockets with %s', (_, portable) => {
  it('answer pings', async () => {
    const result = await runLoad(options('ws', { portable, url: odd('pings') }));
    expect(result.errors).toEqual({});
    expect(result.announces).toBeGreaterThan(0);
  });

  it('are made anew when they are closed, and say why they were', async () => {
    const result = await runLoad(options('ws', { portable, url: odd('closes'), seconds: 1 }));
    expect(Object.keys(result.errors)).toContain('closed (1008)');
    expect(result.connects).toBeGreaterThan(0);
    expect(result.announces).toBeGreaterThan(0);
  });

  it('are given up when nothing comes, or what cannot be read', async () => {
    const changed = { portable, fill: false, timeoutMs: 50, seconds: 1 };
    const silent = await runLoad(options('ws', { ...changed, url: odd('silent') }));
    expect(silent).toMatchObject({ announces: 0, errors: { timeout: expect.any(Number) } });
    const pieces = await runLoad(options('ws', { ...changed, url: odd('pieces') }));
    expect(Object.keys(pieces.errors)).toContain('message in pieces');
  });

  it('are not to be had where there are none', async () => {
    const http = new URL(`ws://127.0.0.1:${(await noWebSockets()).port}/`);
    const said = runLoad(options('ws', { portable, url: http }));
    await expect(said).rejects.toThrow('takes no WebSockets there (status 200)');
    const nobody = new URL('ws://127.0.0.1:1/');
    const silence = runLoad(options('ws', { portable, url: nobody }));
    await expect(silence).rejects.toThrow('is the tracker running there?');
  });
});

describe('certificates', () => {
  const few = { peers: 4, torrents: 2, connections: 2, seconds: 0.1 } as const;
  const at = (host: string) => new URL(`wss://${host}:${tracker.ports.wss}/`);

  it('are not checked on loopback, unless an authority is named', async () => {
    expect((await runLoad(options('wss', few))).errors).toEqual({});
    const tlsCa = ca.pem;
    const named = await runLoad(options('wss', { ...few, tlsCa, url: at('localhost') }));
    expect(named).toMatchObject({ errors: {}, fill: { announces: 4 } });
    const other = (await TestCa.create()).pem;
    await expect(runLoad(options('wss', { ...few, tlsCa: other }))).rejects.toThrow('--tls-ca');
  });

  it('must be for the name that was asked for', async () => {
    const wrong = options('wss', { ...few, tlsCa: ca.pem });
    await expect(runLoad(wrong)).rejects.toThrow('ERR_TLS_CERT_ALTNAME_INVALID');
  });
});
