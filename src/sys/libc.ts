/**
 * What we call in the C library, bound through koffi.
 *
 * Pointers are declared as integers and passed as plain numbers: the cheapest form that koffi
 * takes, without a conversion or an allocation for the callee. `koffi.load(null)` looks symbols up in
 * the running program, which has its C library loaded whatever the file is called.
 */
import { createRequire } from 'node:module';

/** Argument types by function. Every function returns an int; lengths we pass stay below 2^31. */
const SIGNATURES = {
  socket: ['int', 'int', 'int'],
  bind: ['int', 'intptr_t', 'uint32_t'],
  listen: ['int', 'int'],
  connect: ['int', 'intptr_t', 'uint32_t'],
  accept4: ['int', 'intptr_t', 'intptr_t', 'int'],
  getsockname: ['int', 'intptr_t', 'intptr_t'],
  getpeername: ['int', 'intptr_t', 'intptr_t'],
  setsockopt: ['int', 'int', 'int', 'intptr_t', 'uint32_t'],
  getsockopt: ['int', 'int', 'int', 'intptr_t', 'intptr_t'],
  recv: ['int', 'intptr_t', 'uintptr_t', 'int'],
  send: ['int', 'intptr_t', 'uintptr_t', 'int'],
  recvmmsg: ['int', 'intptr_t', 'uint', 'int', 'intptr_t'],
  sendmmsg: ['int', 'intptr_t', 'uint', 'int'],
  shutdown: ['int', 'int'],
  close: ['int'],
  read: ['int', 'intptr_t', 'uintptr_t'],
  write: ['int', 'intptr_t', 'uintptr_t'],
  epoll_create1: ['int'],
  epoll_ctl: ['int', 'int', 'int', 'intptr_t'],
  epoll_wait: ['int', 'intptr_t', 'int', 'int'],
  eventfd: ['uint', 'int'],
  getrlimit: ['int', 'intptr_t'],
  setrlimit: ['int', 'intptr_t'],
  sched_getaffinity: ['int', 'uintptr_t', 'intptr_t'],
  sched_setaffinity: ['int', 'uintptr_t', 'intptr_t'],
  madvise: ['intptr_t', 'uintptr_t', 'int'],
} as const;

type Numbers<Types extends readonly string[]> = { [Index in keyof Types]: number };

/** The bound functions: numbers in, a number out, -1 for an error whose number `errno` has. */
export type Libc = {
  readonly [Name in keyof typeof SIGNATURES]: (
    ...args: Numbers<(typeof SIGNATURES)[Name]>
  ) => number;
} & {
  /** 0 when there is no such interface. */
  readonly if_nametoindex: (name: string) => number;
  /** The calling thread's errno: the failure of the call just made. */
  readonly errno: () => number;
  /** Where the first byte of a view outside the heap lies. */
  readonly addressOf: (view: Uint8Array) => number;
};

export const LIBC_NAMES = Object.keys(SIGNATURES) as (keyof typeof SIGNATURES)[];

type Koffi = typeof import('koffi');
/** koffi declares its functions as taking and returning anything; this is what ours do. */
type Bound = (...args: never[]) => number;

/** Throws whatever koffi throws: its binary is missing, or a symbol is. */
export function bindLibc(): Libc {
  // Required late: a missing binary must not keep those from starting who need none of this.
  const koffi: Koffi = createRequire(import.meta.url)('koffi');
  const library = koffi.load(null);
  const bound = new Map<string, Bound>();
  for (const name of LIBC_NAMES) {
    bound.set(name, library.func(name, 'int', [...SIGNATURES[name]]));
  }
  return {
    ...(Object.fromEntries(bound) as unknown as Libc),
    if_nametoindex: library.func('if_nametoindex', 'uint', ['str']),
    errno: () => koffi.errno(),
    addressOf: (view) => Number(koffi.address(view)),
  };
}
