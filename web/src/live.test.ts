import { describe, expect, it } from 'vitest';
import { ApiError } from './api.js';
import { type Connection, LiveClient, type LiveClock } from './live.js';
import type { Tick } from './tick.js';

const tickText = (atMs: number) =>
  `event: tick\ndata: {"atMs":${atMs},"values":{},"stats":{"role":"tracker"},"cluster":{"nodes":[]}}\n\n`;

/** Time that moves when it is told to. */
class FakeClock implements LiveClock {
  #now = 0;
  #timers: { readonly at: number; readonly run: () => void }[] = [];

  now = () => this.#now;
  random = () => 0.5;
  setTimer = (run: () => void, ms: number) => {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  };

  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#now = next.at;
      next.run();
    }
    this.#now = end;
  }
}

/** Lets promises and streams that are due go on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

interface Opened {
  readonly signal: AbortSignal;
  send(text: string): Promise<void>;
  end(): Promise<void>;
}

function setUp() {
  const clock = new FakeClock();
  const opened: Opened[] = [];
  const states: Connection[] = [];
  const ticks: Tick[] = [];
  /** What the next connections are refused with. */
  const refusals: Error[] = [];
  const client = new LiveClient({
    clock,
    api: {
      open: async (_path, options) => {
        const refusal = refusals.shift();
        if (refusal !== undefined) throw refusal;
        const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
        const writer = writable.getWriter();
        const signal = options?.signal as AbortSignal;
        const encoder = new TextEncoder();
        opened.push({
          signal,
          send: async (text) => {
            void writer.write(encoder.encode(text)).catch(() => {});
            await settle();
          },
          end: async () => {
            void writer.close().catch(() => {});
            await settle();
          },
        });
        return new Response(readable);
      },
    },
    onTick: (tick) => ticks.push(tick),
    onConnection: (connection) => states.push(connection),
  });
  return { clock, client, opened, states, ticks, refusals };
}

describe('the live client', () => {
  it('is live with the first tick, and hands each on', async () => {
    const { client, opened, states, ticks } = setUp();
    client.start();
    await settle();
    expect(client.connection.state).toBe('connecting');
    await opened[0].send(tickText(1).slice(0, 20));
    expect(ticks).toEqual([]);
    await opened[0].send(tickText(1).slice(20) + tickText(2));
    expect(ticks.map(({ atMs }) => atMs)).toEqual([1, 2]);
    expect(states.map(({ state }) => state)).toEqual(['connecting', 'live', 'live']);
  });

  it('overlooks a tick that is none', async () => {
    const { client, opened, ticks } = setUp();
    client.start();
    await settle();
    await opened[0].send('event: tick\ndata: {"atMs":\n\nevent: tick\ndata: null\n\n');
    await opened[0].send(`event: other\ndata: {}\n\n${tickText(3)}`);
    expect(ticks.map(({ atMs }) => atMs)).toEqual([3]);
  });

  it('opens another connection when one ends, and remembers when it heard the last tick', async () => {
    const { clock, client, opened } = setUp();
    client.start();
    await clock.pass(500);
    await opened[0].send(tickText(1));
    await opened[0].end();
    expect(client.connection).toMatchObject({ state: 'lost', heardAtMs: 500, retryAtMs: 1500 });
    await clock.pass(999);
    expect(opened).toHaveLength(1);
    await clock.pass(1);
    expect(opened).toHaveLength(2);
    // Lost until a tick comes: a server that only takes connections is not back.
    expect(client.connection.state).toBe('lost');
    await opened[1].send(tickText(2));
    expect(client.connection.state).toBe('live');
  });

  it('gives up a connection that falls silent, also one that never said anything', async () => {
    const { clock, client, opened } = setUp();
    client.start();
    await settle();
    await opened[0].send(tickText(1));
    await clock.pass(3_999);
    expect(client.connection.state).toBe('live');
    await clock.pass(1);
    expect(client.connection.state).toBe('lost');
    expect(opened[0].signal.aborted).toBe(true);
    await clock.pass(1_000);
    expect(opened).toHaveLength(2);
    await clock.pass(4_000);
    expect(opened[1].signal.aborted).toBe(true);
  });

  it('waits longer after each failure, to a bound, and little again after a success', async () => {
    const { clock, client, opened, refusals } = setUp();
    refusals.push(...Array.from({ length: 7 }, () => new ApiError(0, 'unreachable', 'no answer')));
    const waits: number[] = [];
    client.start();
    await settle();
    while (client.connection.state === 'lost' && waits.length < 7) {
      const wait = (client.connection.retryAtMs ?? 0) - clock.now();
      waits.push(wait);
      await clock.pass(wait);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    await opened[0].send(tickText(1));
    await opened[0].end();
    expect((client.connection.retryAtMs ?? 0) - clock.now()).toBe(1_000);
  });

  it('waits as long as the server says', async () => {
    const { clock, client, opened, refusals } = setUp();
    client.start();
    await settle();
    await opened[0].send(`retry: 3000\n\n${tickText(1)}`);
    refusals.push(new ApiError(503, 'live_full', 'too many listen', 9));
    await opened[0].end();
    expect((client.connection.retryAtMs ?? 0) - clock.now()).toBe(3_000);
    await clock.pass(3_000);
    expect(client.connection.reason).toBe('too many listen (again in 9 s)');
    expect((client.connection.retryAtMs ?? 0) - clock.now()).toBeGreaterThanOrEqual(9_000);
  });

  it('does not try again by itself where it is not allowed to read', async () => {
    const { clock, client, opened, refusals } = setUp();
    refusals.push(new ApiError(401, 'unauthorized', 'this needs the admin token'));
    client.start();
    await clock.pass(60_000);
    expect(client.connection.state).toBe('refused');
    expect(opened).toHaveLength(0);
    client.start();
    await settle();
    expect(opened).toHaveLength(1);
  });

  it('closes its connection for a pause, and is not brought back by what comes late', async () => {
    const { clock, client, opened, ticks } = setUp();
    client.start();
    await settle();
    await opened[0].send(tickText(1));
    client.pause();
    expect(opened[0].signal.aborted).toBe(true);
    await opened[0].send(tickText(2));
    await clock.pass(60_000);
    expect(ticks).toHaveLength(1);
    expect(client.connection).toMatchObject({ state: 'paused', heardAtMs: 0 });
    client.start();
    await settle();
    await opened[1].send(tickText(3));
    expect(client.connection.state).toBe('live');
  });
});
