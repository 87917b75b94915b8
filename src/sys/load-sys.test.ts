import { describe, expect, it } from 'vitest';
import { bindLibc } from './libc.js';
import { loadSys } from './load-sys.js';
import { testSys } from './sys.testing.js';
import { check, errorName, SysError } from './sys-error.js';

const linux = { platform: 'linux', arch: process.arch, endianness: 'LE' } as const;

describe('loadSys', () => {
  it('loads here', () => {
    expect(loadSys()).toMatchObject({ ok: true });
  });

  it.each([
    [{ ...linux, platform: 'darwin' }, 'needs Linux, not darwin'],
    [{ ...linux, arch: 'riscv64' }, 'needs an x64 or arm64 processor, not riscv64'],
    [{ ...linux, endianness: 'BE' as const }, 'needs an x64 or arm64 processor'],
  ])('names what is missing on %j', (machine, reason) => {
    const loaded = loadSys(machine);
    expect(loaded.ok).toBe(false);
    if (!loaded.ok) expect(loaded.reason).toContain(reason);
  });

  it('says in one line that the binary is missing', () => {
    const loaded = loadSys(linux, () => {
      throw new Error('Cannot find the native module\nRequire stack: ...');
    });
    expect(loaded).toEqual({
      ok: false,
      reason: 'cannot reach the C library: Cannot find the native module',
    });
  });

  it('says which call a sandbox refuses', () => {
    const libc = { ...bindLibc(), sendmmsg: () => -1, errno: () => 38 };
    const loaded = loadSys(linux, () => ({ ...libc, recvmmsg: () => -1 }));
    expect(loaded).toEqual({ ok: false, reason: 'the system refuses: recvmmsg gives ENOSYS' });
  });

  it('closes what it tried when events do not arrive', () => {
    const real = bindLibc();
    let open = 0;
    const loaded = loadSys(linux, () => ({
      ...real,
      epoll_create1: (flags) => {
        open++;
        return real.epoll_create1(flags);
      },
      eventfd: (value, flags) => {
        open++;
        return real.eventfd(value, flags);
      },
      close: (fd) => {
        open--;
        return real.close(fd);
      },
      epoll_wait: () => 0,
    }));
    expect(loaded).toEqual({ ok: false, reason: 'the system refuses: epoll gives no events' });
    expect(open).toBe(0);
  });
});

describe('errors', () => {
  it('come as negative numbers from every call', () => {
    const sys = testSys();
    expect(sys.close(-1)).toBe(-9);
    expect(sys.recv(-1, 0, 0, 0)).toBe(-9);
    expect(sys.epollWait(-1, 0, 1, 0)).toBe(-9);
    expect(sys.socket(999, 1, 0)).toBe(-97);
    expect(sys.getOption(-1, 1, 2)).toBe(-9);
  });

  it('become named errors where success was expected', () => {
    expect(() => check(-98, 'bind')).toThrow(SysError);
    expect(() => check(-98, 'bind')).toThrow('bind failed: EADDRINUSE');
    expect(check(7, 'socket')).toBe(7);
    expect(new SysError('bind', 98)).toMatchObject({ code: 'EADDRINUSE', errno: 98 });
    expect(errorName(9_999)).toBe('E9999');
  });
});
