import { afterEach, describe, expect, it } from 'vitest';
import { Endpoint } from '../../lib/endpoint.js';
import { Epoll } from '../../sys/epoll.js';
import { EAGAIN, EMFILE, EPOLLIN, EPOLLOUT, MSG_NOSIGNAL } from '../../sys/linux.js';
import { PinnedMemory } from '../../sys/pinned-memory.js';
import { openTcpConnection } from '../../sys/socket.js';
import { readBoundAddress } from '../../sys/socket-address.js';
import type { Sys } from '../../sys/sys.js';
import { endpointOf, LOOPBACK, testSys } from '../../sys/sys.testing.js';
import { FrontendCounters } from '../counters.js';
import type { HttpBatchHandler } from '../handler.js';
import { LATENCY_BOUNDS, LatencyProtocol, sumLatencyCells } from '../latency.js';
import { FastHttp } from './fast-http.js';
import { Head, type HeadParser } from './head-parser.js';
import type { SocketLoop } from './socket-loop.js';

const sys = testSys();
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

const textOf = (bytes: Uint8Array, start: number, end: number) =>
  Buffer.from(bytes.slice(start, end)).toString();

/** Heads for this test: `P`, a target, a dot; with a `!`, and all else, unusual. */
class LetterParser implements HeadParser {
  targetStart = 0;
  targetEnd = 0;
  end = 0;
  keepAlive = true;

  parse(bytes: Uint8Array, start: number, limit: number): number {
    const text = textOf(bytes, start, limit);
    if (!text.startsWith('P') || text.includes('!')) return Head.unusual;
    const dot = text.indexOf('.');
    if (dot < 0) return Head.incomplete;
    this.targetStart = start + 1;
    this.targetEnd = start + dot;
    this.end = start + dot + 1;
    return Head.plain;
  }
}

/** Answers with the target. */
class EchoHandler implements HttpBatchHandler {
  draining = false;
  readonly #prepared: string[] = [];
  beginBatch(): void {}
  handle(target: Uint8Array, start: number, end: number, _: Endpoint, output: Uint8Array): number {
    output.set(target.subarray(start, end));
    return end - start;
  }
  prepare(i: number, target: Uint8Array, start: number, end: number): void {
    this.#prepared[i] = textOf(target, start, end);
  }
  warmUp(): void {}
  answer(i: number, output: Uint8Array): number {
    return Buffer.from(this.#prepared[i]).copy(output);
  }
}

const bodiesOf = (text: string): string[] =>
  text
    .split('HTTP/1.1 ')
    .slice(1)
    .map((reply) => reply.split('\r\n\r\n')[1]);

class Client {
  readonly #memory = new PinnedMemory(sys, 64 * 1024);
  readonly #fd: number;

  constructor(remote: Endpoint) {
    this.#fd = openTcpConnection(sys, { remote });
    closers.push(() => sys.close(this.#fd));
    const epoll = new Epoll(sys, 1);
    epoll.add(this.#fd, EPOLLOUT, 0);
    expect(epoll.wait(10_000)).toBe(1);
    epoll.close();
  }

  send(text: string): void {
    this.#memory.bytes.set(Buffer.from(text));
    expect(sys.send(this.#fd, this.#memory.address, text.length, MSG_NOSIGNAL)).toBe(text.length);
  }

  /** What is here and was not read yet. */
  received(): string {
    const count = sys.recv(this.#fd, this.#memory.address, 64 * 1024, 0);
    return textOf(this.#memory.bytes, 0, Math.max(count, 0));
  }

  /** The bodies of the replies that are here, and `end` when the connection is over. */
  replies(): string[] {
    const count = sys.recv(this.#fd, this.#memory.address, 64 * 1024, 0);
    const found = bodiesOf(textOf(this.#memory.bytes, 0, Math.max(count, 0)));
    if (count !== -EAGAIN && sys.recv(this.#fd, this.#memory.address, 1, 0) !== -EAGAIN) {
      found.push('end');
    }
    return found;
  }
}

type Call = (...args: number[]) => number;

/** The system with one call replaced, by what `replace` makes of it. */
function systemWith(replaced: keyof Sys, replace: (call: Call) => Call, system = sys): Sys {
  return new Proxy(system, {
    get: (target, name: keyof Sys) => {
      const value = target[name];
      if (typeof value !== 'function') return value;
      const call = value.bind(target) as Call;
      return name === replaced ? replace(call) : call;
    },
  });
}

/** A system that sends `room.bytes` bytes and no more, until there is room again. */
function narrowSystem(room: { bytes: number }): Sys {
  return systemWith('send', (call) => (fd, address, length, flags) => {
    if (room.bytes === 0) return -EAGAIN;
    const sent = call(fd, address, Math.min(length, room.bytes), flags);
    room.bytes -= sent;
    return sent;
  });
}

/** A frontend without a loop: the test says what is ready. */
function fixture(connectionsMax = 4, system: Sys = sys) {
  let listener = -1;
  /** What the listener was watched for after the start. */
  const listened: number[] = [];
  const loop = {
    register: () => 0,
    watch: (_: number, fd: number, __: number, local: number) => {
      if (local === LISTENER) listener = fd;
      return 0;
    },
    rewatch: (_: number, __: number, events: number, local: number) => {
      if (local === LISTENER) listened.push(events);
      return 0;
    },
    epoll: { remove: () => 0 },
  };
  const passed: string[] = [];
  const counters = new FrontendCounters();
  const handler = new EchoHandler();
  const http = new FastHttp(
    {
      addresses: [{ local: endpointOf(LOOPBACK[4]) }],
      connectionsMax,
      backlog: 16,
      headerBytesMax: HEADER_BYTES_MAX,
      requestTimeoutMs: 10_000,
      keepAliveMs: 10_000,
      sendTimeoutMs: 10_000,
      requestsPerConnectionMax: 1_000,
      blocksMax: BLOCKS_MAX,
    },
    {
      sys: system,
      loop: loop as unknown as SocketLoop,
      handler,
      parser: new LetterParser(),
      handOver: {
        take: (fd, bytes) => {
          passed.push(textOf(bytes, 0, bytes.length));
          sys.close(fd);
          return true;
        },
        isNeverPlain: () => false,
      },
      counters,
      open: new Int32Array(1),
    },
  );
  closers.push(() => http.close());
  const address = new Endpoint();
  readBoundAddress(sys, listener, address);
  /** A turn of the loop at which those numbers are ready to be read. */
  const turn = (nowMs: number, ...ready: number[]): void => {
    http.beginTurn(nowMs);
    for (const local of ready) http.ready(local);
    http.endTurn();
  };
  return { http, handler, counters, turn, passed, listened, client: () => new Client(address) };
}

const LISTENER = 0;
const BLOCKS_MAX = 4;
const HEADER_BYTES_MAX = 64;
/** Number of the first connection. */
const FIRST = 256;

describe('a turn of the loop', () => {
  it('answers in order though an event was for the connection that made room for this one', () => {
    const { turn, passed, client } = fixture(1);
    client();
    turn(0, LISTENER);
    const second = client();
    // More than is read at a time, and a request lies across the end of that.
    const targets = Array.from({ length: 60 }, (_, i) => `t${i}`.padEnd(5, '-'));
    second.send(targets.map((target) => `P${target}.`).join(''));
    // Half-open for long, the first one makes room; that it closed was an event of the same turn.
    turn(5_000, LISTENER, FIRST);
    const replies = second.replies();
    turn(5_001, FIRST);
    replies.push(...second.replies());
    expect(passed).toEqual([]);
    expect(replies).toEqual(targets);
  });

  it('measures each request of a batch from its beginning', () => {
    const { turn, counters, client } = fixture();
    const [one, other] = [client(), client()];
    turn(performance.now(), LISTENER);
    one.send('Pa.Pb.');
    other.send('Pc.');
    const agoMs = 300;
    turn(performance.now() - agoMs, FIRST, FIRST + 1);
    const { count, sumSeconds, counts } = sumLatencyCells([counters.latency], LatencyProtocol.http);
    expect(count).toBe(3);
    expect(sumSeconds).toBeGreaterThanOrEqual((3 * agoMs) / 1000);
    // None of them in a bucket below.
    const below = LATENCY_BOUNDS.findIndex((bound) => bound * 1000 >= agoMs);
    expect(counts.slice(0, below)).toEqual(LATENCY_BOUNDS.slice(0, below).map(() => 0));
  });

  it('may be the one in which everything is closed', () => {
    const { http, turn, client } = fixture();
    client();
    http.beginTurn(0);
    http.drain();
    http.ready(LISTENER);
    http.endTurn();
    turn(1, LISTENER);
    expect(http.connections).toBe(0);
  });
});

describe('a tracker that drains', () => {
  it('answers, and ends connections with their next reply', () => {
    const { handler, turn, client } = fixture();
    const one = client();
    one.send('Pa.');
    turn(0, LISTENER);
    expect(one.replies()).toEqual(['a']);
    handler.draining = true;
    one.send('Pb.');
    turn(1, FIRST);
    expect(one.replies()).toEqual(['b', 'end']);
    handler.draining = false;
    const two = client();
    two.send('Pc.');
    turn(2, LISTENER);
    expect(two.replies()).toEqual(['c']);
  });
});

describe('the last reply of a connection', () => {
  it('leaves with its end, as one packet', () => {
    let asker: Client | undefined;
    const before: string[][] = [];
    const system = systemWith('shutdown', (call) => (fd, how) => {
      before.push(asker?.replies() ?? []);
      return call(fd, how);
    });
    const { handler, turn, client } = fixture(4, system);
    handler.draining = true;
    asker = client();
    asker.send('Pa.');
    turn(0, LISTENER);
    expect(before).toEqual([[]]);
    expect(asker.replies()).toEqual(['a', 'end']);
  });

  it('leaves although more comes before the connection is closed', () => {
    let asker: Client | undefined;
    const system = systemWith('send', (call) => (...args) => {
      const sent = call(...args);
      asker?.send('more');
      return sent;
    });
    const { http, handler, turn, client } = fixture(4, system);
    handler.draining = true;
    asker = client();
    asker.send('Pa.');
    turn(0, LISTENER);
    expect(asker.replies()).toEqual(['a', 'end']);
    expect(http.connections).toBe(0);
  });
});

describe('a listener', () => {
  it.each([
    ['is asked for as many as wait', (call: Call): Call => call, 0],
    ['is asked until nobody waits where the system tells no number', () => () => 0, 1],
  ])('%s', (_, told, emptyHanded) => {
    let asked = 0;
    const counting = systemWith('accept4', (call) => (...args) => {
      asked++;
      return call(...args);
    });
    const { http, turn, client } = fixture(4, systemWith('getOption', told, counting));
    client();
    client();
    turn(0, LISTENER);
    expect(http.connections).toBeGreaterThan(0);
    expect(asked - http.connections).toBe(emptyHanded);
  });

  it('is left alone until the next tick when there are no descriptors', () => {
    const results = [-EMFILE];
    const system = systemWith(
      'accept4',
      (call) =>
        (...args) =>
          results.shift() ?? call(...args),
    );
    const { http, turn, listened, client } = fixture(4, system);
    const waiting = client();
    waiting.send('Pa.');
    turn(0, LISTENER);
    expect(listened).toEqual([0]);
    http.tick(1_000);
    http.tick(2_000);
    expect(listened).toEqual([0, EPOLLIN]);
    turn(2_001, LISTENER);
    expect(waiting.replies()).toEqual(['a']);
  });
});

describe('a client that reads slower than it asks', () => {
  const targets = Array.from({ length: 60 }, (_, i) => `t${i}`.padEnd(3, '-'));

  it('is answered in the end, everything and in order', () => {
    const room = { bytes: 0 };
    const { turn, passed, counters, client } = fixture(4, narrowSystem(room));
    const slow = client();
    slow.send(targets.map((target) => `P${target}.`).join(''));
    turn(0, LISTENER);
    const text: string[] = [];
    for (let nowMs = 1; text.join('').split('HTTP/1.1 ').length <= targets.length; nowMs++) {
      room.bytes = 333;
      turn(nowMs, FIRST);
      text.push(slow.received());
      expect(nowMs).toBeLessThan(100);
    }
    expect(bodiesOf(text.join(''))).toEqual(targets);
    expect(passed).toEqual([]);
    expect(counters.get('httpSlowReaders')).toBe(0);
  });

  it('is answered by a frontend that stops: what it read, and the rest of the last request', () => {
    const room = { bytes: 100 };
    const { http, turn, client } = fixture(4, narrowSystem(room));
    const slow = client();
    // Four are read at once, and the fifth in part.
    const five = targets.map((target) => target.padEnd(HEADER_BYTES_MAX - 4, '-'));
    slow.send(five.map((target) => `P${target}.`).join(''));
    turn(0, LISTENER);
    http.drain();
    room.bytes = 10_000;
    turn(1, FIRST);
    turn(2, FIRST);
    expect(slow.replies()).toEqual([...five.slice(0, 5), 'end']);
    turn(3, FIRST);
    turn(4, FIRST);
    expect(http.connections).toBe(1);
    http.tick(10_000);
    expect(http.connections).toBe(0);
  });

  it('has so much time for all that waits, however often it reads a little', () => {
    const room = { bytes: 1 };
    const { http, turn, counters, client } = fixture(4, narrowSystem(room));
    client().send('Pa.');
    turn(0, LISTENER);
    for (let nowMs = 1_000; nowMs < 10_000; nowMs += 1_000) {
      room.bytes = 1;
      turn(nowMs, FIRST);
      http.tick(nowMs);
    }
    expect(http.connections).toBe(1);
    http.tick(10_001);
    expect(http.connections).toBe(0);
    expect(counters.get('httpSlowReaders')).toBe(1);
  });

  it('leaves no block behind when it cannot even be told that it was too slow', () => {
    const room = { bytes: 0 };
    const { http, turn, passed, client } = fixture(BLOCKS_MAX, narrowSystem(room));
    for (let round = 0; round < 3; round++) {
      const nowMs = round * 100_000;
      for (let i = 0; i < BLOCKS_MAX; i++) client().send('Pa');
      turn(nowMs, LISTENER);
      expect(http.connections).toBe(BLOCKS_MAX);
      // A refusal that waits for room, and then the end of that wait.
      http.beginTurn(nowMs + 20_000);
      http.tick(nowMs + 20_000);
      expect(http.connections).toBe(BLOCKS_MAX);
      http.tick(nowMs + 40_000);
      expect(http.connections).toBe(0);
    }
    expect(passed).toEqual([]);
  });
});

describe('part of a request', () => {
  it('is kept while the frontend stops, and answered when the rest comes', () => {
    const { http, turn, client } = fixture();
    const slow = client();
    slow.send('Pa');
    turn(0, LISTENER);
    http.drain();
    slow.send('b');
    turn(1, FIRST);
    expect(http.connections).toBe(1);
    slow.send('c.');
    turn(2, FIRST);
    expect(slow.replies()).toEqual(['abc', 'end']);
    expect(http.connections).toBe(0);
  });

  it('has its own time, however long the one before it took', () => {
    const { http, turn, client } = fixture();
    const slow = client();
    slow.send('Pa');
    turn(0, LISTENER);
    slow.send('a.Pb');
    turn(9_000, FIRST);
    expect(slow.replies()).toEqual(['aa']);
    http.tick(10_000);
    slow.send('b.');
    turn(10_001, FIRST);
    expect(slow.replies()).toEqual(['bb']);
  });

  it('that turns out unusual is not handed over by a frontend that stops', () => {
    const { http, turn, passed, client } = fixture();
    const odd = client();
    odd.send('Pa');
    turn(0, LISTENER);
    http.drain();
    odd.send('b!');
    turn(1, FIRST);
    expect(passed).toEqual([]);
    expect(odd.replies()).toEqual(['end']);
    expect(http.connections).toBe(0);
  });
});
