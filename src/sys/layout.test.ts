import { createRequire } from 'node:module';
import { arch } from 'node:process';
import { describe, expect, it } from 'vitest';
import * as layout from './layout.js';

const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi');

/** The structs as the headers of glibc declare them, laid out by koffi for this machine. */
const sockaddrIn = koffi.struct({
  family: 'uint16_t',
  port: 'uint16_t',
  address: koffi.array('uint8_t', 4),
  zero: koffi.array('uint8_t', 8),
});
const sockaddrIn6 = koffi.struct({
  family: 'uint16_t',
  port: 'uint16_t',
  flowInfo: 'uint32_t',
  address: koffi.array('uint32_t', 4),
  scope: 'uint32_t',
});
const iovec = koffi.struct({ base: 'void *', length: 'size_t' });
const msghdr = koffi.struct({
  name: 'void *',
  nameLength: 'uint32_t',
  iov: 'void *',
  iovCount: 'size_t',
  control: 'void *',
  controlLength: 'size_t',
  flags: 'int',
});
const mmsghdr = koffi.struct({ header: msghdr, length: 'unsigned int' });
/** As musl declares it. */
const muslMsghdr = koffi.struct({
  name: 'void *',
  nameLength: 'uint32_t',
  iov: 'void *',
  iovCount: 'int',
  pad1: 'int',
  control: 'void *',
  controlLength: 'uint32_t',
  pad2: 'int',
  flags: 'int',
});
const cmsghdr = koffi.struct({ length: 'size_t', level: 'int', type: 'int' });
const inPktinfo = koffi.struct({ interface: 'int', local: 'uint32_t', address: 'uint32_t' });
const in6Pktinfo = koffi.struct({ address: koffi.array('uint8_t', 16), interface: 'uint32_t' });
const declareEvent = arch === 'x64' ? koffi.pack : koffi.struct;
const epollEvent = declareEvent({ events: 'uint32_t', data: 'uint64_t' });

describe('struct layouts', () => {
  it('have the sizes that a compiler gives them', () => {
    expect(koffi.sizeof(sockaddrIn)).toBe(layout.SOCKADDR_IN_BYTES);
    expect(koffi.sizeof(sockaddrIn6)).toBe(layout.SOCKADDR_IN6_BYTES);
    expect(koffi.sizeof(iovec)).toBe(layout.IOVEC_BYTES);
    expect(koffi.sizeof(mmsghdr)).toBe(layout.MMSGHDR_BYTES);
    expect(koffi.sizeof(cmsghdr)).toBe(layout.CMSGHDR_BYTES);
    expect(koffi.sizeof(inPktinfo)).toBe(layout.IN_PKTINFO_BYTES);
    expect(koffi.sizeof(in6Pktinfo)).toBe(layout.IN6_PKTINFO_BYTES);
    expect(layout.CONTROL_BYTES).toBe(layout.CMSGHDR_BYTES + 24);
  });

  it('have their fields where a compiler puts them', () => {
    expect(koffi.offsetof(sockaddrIn, 'port')).toBe(layout.SOCKADDR_PORT);
    expect(koffi.offsetof(sockaddrIn, 'address')).toBe(layout.SOCKADDR_IN_ADDRESS);
    expect(koffi.offsetof(sockaddrIn6, 'address')).toBe(layout.SOCKADDR_IN6_ADDRESS);
    expect(koffi.offsetof(sockaddrIn6, 'scope')).toBe(layout.SOCKADDR_IN6_SCOPE);
    expect(koffi.offsetof(iovec, 'base')).toBe(layout.IOVEC_BASE);
    expect(koffi.offsetof(iovec, 'length')).toBe(layout.IOVEC_LENGTH);
    expect(koffi.offsetof(mmsghdr, 'length')).toBe(layout.MMSGHDR_LENGTH);
    expect(koffi.offsetof(cmsghdr, 'level')).toBe(layout.CMSGHDR_LEVEL);
    expect(koffi.offsetof(cmsghdr, 'type')).toBe(layout.CMSGHDR_TYPE);
    expect(koffi.offsetof(inPktinfo, 'interface')).toBe(layout.IN_PKTINFO_INTERFACE);
    expect(koffi.offsetof(inPktinfo, 'local')).toBe(layout.IN_PKTINFO_LOCAL);
    expect(koffi.offsetof(inPktinfo, 'address')).toBe(layout.IN_PKTINFO_HEADER);
    expect(koffi.offsetof(in6Pktinfo, 'interface')).toBe(layout.IN6_PKTINFO_INTERFACE);
  });

  it.each([
    ['glibc and the kernel', msghdr],
    ['musl', muslMsghdr],
  ])('place the fields of msghdr as %s', (_who, type) => {
    expect(koffi.offsetof(type, 'name')).toBe(layout.MSGHDR_NAME);
    expect(koffi.offsetof(type, 'nameLength')).toBe(layout.MSGHDR_NAME_LENGTH);
    expect(koffi.offsetof(type, 'iov')).toBe(layout.MSGHDR_IOV);
    expect(koffi.offsetof(type, 'iovCount')).toBe(layout.MSGHDR_IOV_COUNT);
    expect(koffi.offsetof(type, 'control')).toBe(layout.MSGHDR_CONTROL);
    expect(koffi.offsetof(type, 'controlLength')).toBe(layout.MSGHDR_CONTROL_LENGTH);
    expect(koffi.offsetof(type, 'flags')).toBe(layout.MSGHDR_FLAGS);
    expect(koffi.sizeof(type)).toBe(layout.MMSGHDR_LENGTH);
  });

  it('pack epoll_event on x64 only', () => {
    const { bytes, data } = layout.EPOLL_EVENT_LAYOUTS[arch];
    expect(koffi.sizeof(epollEvent)).toBe(bytes);
    expect(koffi.offsetof(epollEvent, 'data')).toBe(data);
  });
});
