import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOAD_DEFAULTS, LoadError, type LoadOptions } from './load-options.js';
import { type LoadProgress, runLoad } from './run-load.js';
import { TrackerThread } from './tracker-thread.testing.js';

let tracker: TrackerThread;
beforeAll(async () => {
  tracker = await TrackerThread.start();
});
afterAll(() => tracker.stop());

function optionsFor(protocol: 'udp' | 'http', changed: Partial<LoadOptions> = {}): LoadOptions {
  return {
    ...LOAD_DEFAULTS,
    url: new URL(`${protocol}://127.0.0.1:${tracker.ports[protocol]}/announce`),
    torrents: 10,
    peers: 500,
    sources: 4,
    window: 32,
    connections: 8,
    seconds: 0.3,
    warmUpSeconds: 0.1,
    timeoutMs: 5_000,
    ...changed,
  };
}

describe.each([
  ['system calls', false],
  ['node sockets', true],
] as const)('a load made with %s', (engine, portable) => {
  it.each(['udp', 'http'] as const)(
    'announces every peer over %s, then measures',
    async (protocol) => {
      // A seed of its own makes peers that the stand-in has not seen.
      const seed = 50 + 100 * ['udp', 'http'].indexOf(protocol) + (portable ? 1 : 2);
      const before = await tracker.counts();
      const result = await runLoad(optionsFor(protocol, { portable, seed }));
      const after = await tracker.counts();
      expect(after.peers - before.peers).toBe(500);
      expect(result).toMatchObject({ engine, errors: {}, fill: { announces: 500 }, scrapes: 0 });
      expect(result.requests).toBeGreaterThan(0);
      expect(result.peersPerReply).toBe(2);
      expect(result.latencyUs.p50).toBeGreaterThan(0);
      expect(result.seconds).toBeGreaterThanOrEqual(0.3);
      expect(after[protocol] - before[protocol]).toBeGreaterThanOrEqual(500 + result.requests);
    },
  );

  it('keeps its connections, or makes one for each request', async () => {
    const start = await tracker.counts();
    await runLoad(optionsFor('http', { portable, fill: false }));
    const kept = await tracker.counts();
    expect(kept.connections - start.connections).toBeLessThan(20);
    const result = await runLoad(optionsFor('http', { portable, fill: false, close: true }));
    const closed = await tracker.counts();
    expect(closed.connections - kept.connections).toBeGreaterThanOrEqual(result.requests);
    expect(result.errors).toEqual({});
  });

  it('scrapes, and has peers come and go', async () => {
    const scrapes = await runLoad(optionsFor('udp', { portable, fill: false, scrapes: 1 }));
    expect(scrapes).toMatchObject({ announces: 0, peersPerReply: undefined, errors: {} });
    expect(scrapes.scrapes).toBeGreaterThan(0);
    const before = await tracker.counts();
    await runLoad(optionsFor('udp', { portable, fill: false, churn: 0.3 }));
    expect((await tracker.counts()).stops).toBeGreaterThan(before.stops);
  });

  it('says that nobody is there', async () => {
    const nobody = await TrackerThread.start();
    await nobody.stop();
    const url = new URL(`http://127.0.0.1:${nobody.ports.http}`);
    await expect(runLoad({ ...optionsFor('http', { portable }), url })).rejects.toThrow(LoadError);
  });

  it('ends when it is told to', async () => {
    const stop = new AbortController();
    const steps: LoadProgress['step'][] = [];
    const options = optionsFor('udp', { portable, seconds: 3_600 });
    await runLoad(options, {
      signal: stop.signal,
      onProgress: ({ step }) => {
        steps.push(step);
        if (step === 'measuring') stop.abort();
      },
    });
    expect(new Set(steps)).toEqual(new Set(['filling', 'warming up', 'measuring']));
  });
});

describe('a load that cannot be', () => {
  it.each([
    ['ftp://127.0.0.1:1/announce', {}, 'ftp: cannot be loaded'],
    ['udp://127.0.0.1', {}, 'needs a port'],
    ['http://127.0.0.1:1', { connections: 10_001 }, '10000 connections are the most for http:'],
    ['https://127.0.0.1:1', { resume: true }, 'sessions are resumed where https: makes'],
    ['http://127.0.0.1:1', { resume: true, close: true }, 'sessions are resumed where https:'],
  ])('%s with %j is refused', async (text, changed, reason) => {
    const options = { ...optionsFor('udp'), url: new URL(text), ...changed };
    await expect(runLoad(options)).rejects.toThrow(reason);
  });

  it('has fewer peers than torrents', async () => {
    await expect(runLoad(optionsFor('udp', { peers: 5 }))).rejects.toThrow('raise the peers');
  });
});
