/**
 * Numbers of the Linux interface, as its headers define them. They are equal on x64 and arm64, and
 * in glibc and musl; what differs between these stands in `layout.ts`.
 */

export const AF_INET = 2;
export const AF_INET6 = 10;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

/** Levels of socket options. */
export const IPPROTO_IP = 0;
export const SOL_SOCKET = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_IPV6 = 41;

/** Options of level SOL_SOCKET. */
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_RCVBUF = 8;
export const SO_LINGER = 13;
export const SO_REUSEPORT = 15;
/** Like SO_RCVBUF, past the system's bound; only for those who may administrate the network. */
export const SO_RCVBUFFORCE = 33;

/**
 * Option of level IPPROTO_UDP, and the type of a control message with 16 bits: the length at which a
 * datagram is cut.
 */
export const UDP_SEGMENT = 103;

/** Options of level IPPROTO_TCP. */
export const TCP_NODELAY = 1;
export const TCP_INFO = 11;
export const TCP_CONGESTION = 13;

/** Options of level IPPROTO_IP, and the type of their control message. */
export const IP_PKTINFO = 8;
export const IP_BIND_ADDRESS_NO_PORT = 24;

/** Options of level IPPROTO_IPV6; IPV6_PKTINFO is the type of a control message. */
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;

/** Flags of the receive and send calls. */
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
/** More follows: what does not fill a segment waits for it, or for the end of the stream. */
export const MSG_MORE = 0x8000;

export const SHUT_WR = 1;

export const EPOLL_CLOEXEC = SOCK_CLOEXEC;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;

export const EFD_NONBLOCK = SOCK_NONBLOCK;
export const EFD_CLOEXEC = SOCK_CLOEXEC;

export const RLIMIT_NOFILE = 7;

export const MADV_HUGEPAGE = 14;

/** Error numbers that our loops tell apart. Names of all of them: `errorName`. */
export const EINTR = 4;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const ENFILE = 23;
export const EMFILE = 24;
export const EBADF = 9;
export const ENOBUFS = 105;
export const EINPROGRESS = 115;
