/**
 * The structs that we share with the kernel, 64-bit and little endian (x64, arm64).
 *
 * ```
 * sockaddr_in  (16)            sockaddr_in6 (28)
 *  0  u16   family = 2          0  u16   family = 10
 *  2  u16be port                2  u16be port
 *  4  u8[4] address             4  u32   flow info
 *  8  u8[8] zero                8  u8[16] address
 *                              24  u32   scope id (interface of a link-local address)
 *
 * iovec (16)                   mmsghdr (64)
 *  0  u64   base                0  u64   name           address of a sockaddr, or 0
 *  8  u64   length              8  u32   name length    the kernel overwrites it
 *                              12  u32   zero
 *                              16  u64   iov            address of an iovec
 *                              24  u64   iov count
 *                              32  u64   control        address of a cmsghdr, or 0
 *                              40  u64   control length the kernel overwrites it
 *                              48  u32   flags          from the kernel
 *                              52  u32   zero
 *                              56  u32   bytes received or sent
 *                              60  u32   zero
 *
 * cmsghdr (16), then its data in_pktinfo (12)                in6_pktinfo (20)
 *  0  u64   length with data    0  u32   interface            0  u8[16] address
 *  8  i32   level               4  u8[4] local address       16  u32    interface
 * 12  i32   type                8  u8[4] header's address
 *
 * epoll_event: x64 (12, packed)  arm64 (16)        rlimit (16)        linger (8)
 *  events  u32 at 0              u32 at 0           0  u64 soft        0  i32 on
 *  data    u64 at 4              u64 at 8           8  u64 hard        4  i32 seconds
 * ```
 *
 * musl declares `iov count`, `control length` and the length of a cmsghdr as 32 bits with 32 bits of
 * padding where glibc and the kernel have 64 bits. On a little endian machine both are the same
 * bytes as long as the upper half is zero, so we write the kernel's form and need not know the libc.
 */

export const SOCKADDR_IN_BYTES = 16;
export const SOCKADDR_IN6_BYTES = 28;
export const SOCKADDR_PORT = 2;
export const SOCKADDR_IN_ADDRESS = 4;
export const SOCKADDR_IN6_ADDRESS = 8;
export const SOCKADDR_IN6_SCOPE = 24;

export const IOVEC_BYTES = 16;
export const IOVEC_BASE = 0;
export const IOVEC_LENGTH = 8;

export const MMSGHDR_BYTES = 64;
export const MSGHDR_NAME = 0;
export const MSGHDR_NAME_LENGTH = 8;
export const MSGHDR_IOV = 16;
export const MSGHDR_IOV_COUNT = 24;
export const MSGHDR_CONTROL = 32;
export const MSGHDR_CONTROL_LENGTH = 40;
export const MSGHDR_FLAGS = 48;
export const MMSGHDR_LENGTH = 56;

export const CMSGHDR_BYTES = 16;
export const CMSGHDR_LENGTH = 0;
export const CMSGHDR_LEVEL = 8;
export const CMSGHDR_TYPE = 12;
export const IN_PKTINFO_BYTES = 12;
export const IN_PKTINFO_INTERFACE = 0;
export const IN_PKTINFO_LOCAL = 4;
export const IN_PKTINFO_HEADER = 8;
export const IN6_PKTINFO_BYTES = 20;
export const IN6_PKTINFO_INTERFACE = 16;
/** Room for the larger of the two packet infos, padded to 8 bytes: CMSG_SPACE(20). */
export const CONTROL_BYTES = 40;
/** A control message with a 16-bit number (UDP_SEGMENT), padded. */
export const SEGMENT_CONTROL_BYTES = 24;

export interface EpollEventLayout {
  readonly bytes: number;
  /** Where the 64 bits of the caller's data begin. */
  readonly data: number;
}

/** The kernel packs epoll_event on x64 only, so that 32-bit programs share its layout. */
export const EPOLL_EVENT_LAYOUTS: Readonly<Record<string, EpollEventLayout>> = {
  x64: { bytes: 12, data: 4 },
  arm64: { bytes: 16, data: 8 },
};

/** In tcp_info: segments without an answer; of a listener, connections that wait to be accepted. */
export const TCP_INFO_UNACKED = 24;

export const RLIMIT_BYTES = 16;
export const LINGER_BYTES = 8;
/** 1,024 processors, as glibc's cpu_set_t. */
export const CPU_SET_BYTES = 128;
