/** Whether this machine lets us call its system directly, found out by doing it. */
import { endianness } from 'node:os';
import { reasonOf } from '../lib/reason.js';
import { Epoll } from './epoll.js';
import { EPOLL_EVENT_LAYOUTS } from './layout.js';
import { bindLibc, type Libc } from './libc.js';
import { EBADF, EPOLLIN } from './linux.js';
import { Sys } from './sys.js';
import { check, errorName } from './sys-error.js';
import { WakeFd } from './wake-fd.js';

export type LoadedSys =
  | { readonly ok: true; readonly sys: Sys }
  | {
      readonly ok: false;
      /** For the operator: what is missing, without a full stop. */
      readonly reason: string;
    };

export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly endianness: 'BE' | 'LE';
}

const THIS_MACHINE: Machine = {
  platform: process.platform,
  arch: process.arch,
  endianness: endianness(),
};

/** Binds and tries the system calls. Never throws. Each thread needs an instance of its own. */
export function loadSys(machine: Machine = THIS_MACHINE, bind: () => Libc = bindLibc): LoadedSys {
  if (machine.platform !== 'linux') {
    return { ok: false, reason: `needs Linux, not ${machine.platform}` };
  }
  const layout = EPOLL_EVENT_LAYOUTS[machine.arch];
  if (layout === undefined || machine.endianness !== 'LE') {
    return { ok: false, reason: `needs an x64 or arm64 processor, not ${machine.arch}` };
  }
  let libc: Libc;
  try {
    libc = bind();
  } catch (error) {
    return { ok: false, reason: `cannot reach the C library: ${firstLine(error)}` };
  }
  try {
    const sys = new Sys(libc, layout);
    probeDatagrams(sys);
    probeEvents(sys);
    return { ok: true, sys };
  } catch (error) {
    return { ok: false, reason: `the system refuses: ${firstLine(error)}` };
  }
}

/** A sandbox that knows or allows no batches says so before it looks at the descriptor. */
function probeDatagrams(sys: Sys): void {
  const tries = [
    ['recvmmsg', sys.recvmmsg(-1, 0, 1, 0)],
    ['sendmmsg', sys.sendmmsg(-1, 0, 1, 0)],
  ] as const;
  for (const [name, result] of tries) {
    if (result !== -EBADF) throw new Error(`${name} gives ${errorName(-result)}`);
  }
}

/** Sends an event through epoll, which also shows that its layout is what we think. */
function probeEvents(sys: Sys): void {
  const token = 0x12345678;
  const epoll = new Epoll(sys, 4);
  try {
    const wake = WakeFd.open(sys);
    try {
      check(epoll.add(wake.fd, EPOLLIN, token), 'epoll_ctl');
      wake.wake();
      const count = check(epoll.wait(0), 'epoll_wait');
      if (count !== 1 || epoll.token(0) !== token) throw new Error('epoll gives no events');
    } finally {
      wake.close();
    }
  } finally {
    epoll.close();
  }
}

function firstLine(error: unknown): string {
  const text = reasonOf(error);
  return text.split('\n', 1)[0] ?? '';
}
