/**
 * Which of our addresses a packet was sent to (IP_PKTINFO, IPV6_PKTINFO; pictures in `layout.ts`).
 * What the kernel says of a packet that came is nearly what it wants to hear for the reply.
 */
import {
  CMSGHDR_BYTES,
  CMSGHDR_LENGTH,
  CMSGHDR_LEVEL,
  CMSGHDR_TYPE,
  IN_PKTINFO_BYTES,
  IN_PKTINFO_HEADER,
  IN_PKTINFO_INTERFACE,
  IN_PKTINFO_LOCAL,
  IN6_PKTINFO_BYTES,
  IN6_PKTINFO_INTERFACE,
} from './layout.js';
import { IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO } from './linux.js';
import type { PinnedMemory } from './pinned-memory.js';

/**
 * Turns the control message at `at`, of `length` bytes with padding, into the one for the reply, in
 * place. Returns the length to give to the kernel; 0 lets the kernel choose the address. May be called
 * again for the same slot.
 */
export function copyPacketInfo(memory: PinnedMemory, at: number, length: number): number {
  const { words, bytes } = memory;
  const word = at >>> 2;
  if (length < CMSGHDR_BYTES + IN_PKTINFO_BYTES) return 0;
  const level = words[word + (CMSGHDR_LEVEL >>> 2)];
  const type = words[word + (CMSGHDR_TYPE >>> 2)];
  const messageBytes = words[word + (CMSGHDR_LENGTH >>> 2)];
  const data = at + CMSGHDR_BYTES;
  if (level === IPPROTO_IP && type === IP_PKTINFO) {
    if (messageBytes !== CMSGHDR_BYTES + IN_PKTINFO_BYTES) return 0;
    // Routing chooses the interface.
    words[(data + IN_PKTINFO_INTERFACE) >>> 2] = 0;
    return length;
  }
  if (level === IPPROTO_IPV6 && type === IPV6_PKTINFO) {
    if (messageBytes !== CMSGHDR_BYTES + IN6_PKTINFO_BYTES) return 0;
    // A link-local address (fe80::/10) means nothing without its interface.
    const isLinkLocal = bytes[data] === 0xfe && (bytes[data + 1] & 0xc0) === 0x80;
    if (!isLinkLocal) words[(data + IN6_PKTINFO_INTERFACE) >>> 2] = 0;
    return length;
  }
  return 0;
}

/**
 * Whether the control message at `at`, of `length` bytes, says that the packet was sent to one of our
 * addresses; not to a group or a broadcast address, whose packets each socket of a shared port gets.
 * True when it says neither.
 */
export function isUnicast(memory: PinnedMemory, at: number, length: number): boolean {
  if (length < CMSGHDR_BYTES + IN_PKTINFO_BYTES) return true;
  const { words, bytes } = memory;
  const level = words[(at + CMSGHDR_LEVEL) >>> 2];
  const data = at + CMSGHDR_BYTES;
  if (level === IPPROTO_IPV6) return bytes[data] !== 0xff;
  return words[(data + IN_PKTINFO_LOCAL) >>> 2] === words[(data + IN_PKTINFO_HEADER) >>> 2];
}
