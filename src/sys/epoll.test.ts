import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { Epoll } from './epoll.js';
import { EPOLLIN, EPOLLOUT } from './linux.js';
import { testSys } from './sys.testing.js';
import { WakeFd } from './wake-fd.js';

const sys = testSys();
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function openAll(): { epoll: Epoll; first: WakeFd; second: WakeFd } {
  const epoll = new Epoll(sys, 2);
  const first = WakeFd.open(sys);
  const second = WakeFd.open(sys);
  closers.push(...[epoll, first, second].map((each) => () => each.close()));
  return { epoll, first, second };
}

describe('Epoll', () => {
  it('returns each ready descriptor with its token, negative ones too', () => {
    const { epoll, first, second } = openAll();
    expect(epoll.add(first.fd, EPOLLIN, 7)).toBe(0);
    expect(epoll.add(second.fd, EPOLLIN, -5)).toBe(0);
    expect(epoll.wait(0)).toBe(0);
    first.wake();
    second.wake();
    expect(epoll.wait(-1)).toBe(2);
    expect([epoll.token(0), epoll.token(1)].sort((a, b) => a - b)).toEqual([-5, 7]);
    expect(epoll.events(0)).toBe(EPOLLIN);
    expect(epoll.events(1)).toBe(EPOLLIN);
  });

  it('takes no more events than there is room for, and gives the rest next time', () => {
    const { epoll, first, second } = openAll();
    const third = WakeFd.open(sys);
    closers.push(() => third.close());
    for (const each of [first, second, third]) {
      epoll.add(each.fd, EPOLLIN, each.fd);
      each.wake();
    }
    expect(epoll.wait(0)).toBe(2);
    expect(epoll.eventsMax).toBe(2);
    const seen = new Set<number>();
    for (let turn = 0; turn < 3; turn++) {
      const count = epoll.wait(0);
      for (let i = 0; i < count; i++) seen.add(epoll.token(i));
    }
    expect([...seen].sort()).toEqual([first.fd, second.fd, third.fd].sort());
  });

  it('changes and forgets descriptors', () => {
    const { epoll, first } = openAll();
    epoll.add(first.fd, EPOLLIN, 1);
    expect(epoll.modify(first.fd, EPOLLOUT, 2)).toBe(0);
    expect(epoll.wait(0)).toBe(1);
    expect([epoll.events(0), epoll.token(0)]).toEqual([EPOLLOUT, 2]);
    expect(epoll.remove(first.fd)).toBe(0);
    expect(epoll.wait(0)).toBe(0);
    expect(epoll.remove(first.fd)).toBe(-2);
  });

  it('says with a number that it was closed', () => {
    const epoll = new Epoll(sys, 1);
    epoll.close();
    expect(epoll.wait(0)).toBe(-9);
  });
});

describe('WakeFd', () => {
  it('stays readable until it is cleared, however often it was woken', () => {
    const { first } = openAll();
    expect(first.clear()).toBe(false);
    first.wake();
    first.wake();
    expect(first.clear()).toBe(true);
    expect(first.clear()).toBe(false);
  });

  it('wakes a thread that is blocked in a wait', async () => {
    const { epoll, first } = openAll();
    epoll.add(first.fd, EPOLLIN, 1);
    // A thread of plain JavaScript, since workers cannot load TypeScript here: eventfds are files.
    const worker = new Worker(
      `const { writeSync } = require('node:fs');
       const { workerData } = require('node:worker_threads');
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
       writeSync(workerData, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));`,
      { eval: true, workerData: first.fd },
    );
    const online = new Promise((resolve) => worker.once('online', resolve));
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    await online;
    expect(epoll.wait(30_000)).toBe(1);
    expect(WakeFd.attach(sys, first.fd).clear()).toBe(true);
    await ended;
  });
});
