/**
 * Datagrams by the batch: one `recvmmsg` for up to `slots` packets, one `sendmmsg` for the replies.
 *
 * ```
 * slot i:  packet  [readBytes]    what came            | iovec in, mmsghdr in: written once, the
 *          source  sockaddr       who sent it          | kernel's changes undone before reuse
 *          control cmsg + pktinfo where it was sent to |
 *          reply   [replyBytes]   what is to go back
 * place j: iovec out, in the order in which replies are queued; mmsghdr out, filled by `send`
 * ```
 *
 * Replies of one length to one client that follow each other leave as one message, which the kernel
 * cuts (UDP_SEGMENT): one trip through its network stack for all of them. That is what clients with
 * many torrents get. Where the system refuses that, the same replies leave one by one, for a while.
 *
 * A loop:
 *
 * ```
 * const count = batch.receive(fd);
 * for (let i = 0; i < count; i++) {
 *   if (!batch.readSource(i, source)) continue;
 *   const length = handle(batch.packets[i], batch.packetBytes(i), source, batch.replies[i]);
 *   if (length > 0) batch.queue(i, length);
 * }
 * batch.send(fd);
 * ```
 *
 * Everything is allocated by the constructor. Packets and sources are good until the next receive,
 * replies may be written until send. One batch may serve many sockets of a thread in turn.
 */
import type { Endpoint } from '../lib/endpoint.js';
import {
  CMSGHDR_BYTES,
  CMSGHDR_LENGTH,
  CMSGHDR_LEVEL,
  CMSGHDR_TYPE,
  CONTROL_BYTES,
  IOVEC_BASE,
  IOVEC_BYTES,
  IOVEC_LENGTH,
  MMSGHDR_BYTES,
  MMSGHDR_LENGTH,
  MSGHDR_CONTROL,
  MSGHDR_CONTROL_LENGTH,
  MSGHDR_FLAGS,
  MSGHDR_IOV,
  MSGHDR_IOV_COUNT,
  MSGHDR_NAME,
  MSGHDR_NAME_LENGTH,
  SEGMENT_CONTROL_BYTES,
} from './layout.js';
import {
  AF_INET,
  EAGAIN,
  IPPROTO_UDP,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  UDP_SEGMENT,
} from './linux.js';
import { copyPacketInfo, isUnicast } from './packet-info.js';
import { PinnedMemory, roundUp } from './pinned-memory.js';
import { readSocketAddress } from './socket-address.js';
import type { Sys } from './sys.js';

export interface UdpBatchOptions {
  /** Packets at a time. 32 keeps what a batch touches in the first-level cache. */
  readonly slots: number;
  /** Longest packet that is read in full; a multiple of 64. */
  readonly readBytes: number;
  /** Longest reply; a multiple of 64. */
  readonly replyBytes: number;
  /** For sockets with `packetInfo`: each reply leaves from the address that was asked. */
  readonly packetInfo?: boolean;
  /** For connected sockets: no addresses are read or written. */
  readonly connected?: boolean;
}

/** Room for a sockaddr of either family. */
const SOURCE_BYTES = 32;
/** Packet info and, behind it, the length at which a message is cut. */
const CONTROL_STRIDE = roundUp(CONTROL_BYTES + SEGMENT_CONTROL_BYTES, 64);
/** The kernel takes 64 pieces of at most 65,507 bytes together. */
const PIECES_MAX = 32;
const MERGED_BYTES_MAX = 40 * 1024;
const HEADER_WORDS = MMSGHDR_BYTES >>> 2;
/**
 * Batches without merging after one that was refused. The reason may be one client's path (a tunnel,
 * a small MTU) or one moment (no memory), and must not slow down all others for good.
 */
const PAUSE_BATCHES = 1_024;

export class UdpBatch {
  /** What came in slot i; valid for the first `packetBytes(i)` bytes. */
  readonly packets: readonly Uint8Array[];
  /** Room for the reply of slot i. */
  readonly replies: readonly Uint8Array[];
  /** Replies that the system took, since the start. */
  sent = 0;
  /** Replies dropped since the socket's send buffer was full. */
  dropped = 0;
  /** Replies that the system refused (no route, a firewall). */
  refused = 0;
  readonly slots: number;
  readonly #sys: Sys;
  readonly #options: UdpBatchOptions;
  readonly #in: PinnedMemory;
  readonly #out: PinnedMemory;
  readonly #sources: PinnedMemory;
  readonly #controls: PinnedMemory;
  readonly #packets: PinnedMemory;
  readonly #replies: PinnedMemory;
  /** The address of each reply as two words, lower first. */
  readonly #replyAddresses: Int32Array;
  // Their addresses are taken once: a field of type number would be boxed again for each call.
  readonly #receive: (fd: number) => number;
  readonly #send: (fd: number, count: number) => number;
  #received = 0;
  #queued = 0;
  /** By place: the slot that is answered, and the length of the reply. */
  readonly #slotOf: Int32Array;
  readonly #lengthOf: Int32Array;
  /** The first place of each message that leaves, and behind the last one what was queued. */
  readonly #firstOf: Int32Array;
  /** Whether the system knows how to cut; one that does not may send the pieces as one datagram. */
  readonly #canMerge: boolean;
  /** Batches that are still to leave unmerged. */
  #pause = 0;

  constructor(sys: Sys, options: UdpBatchOptions) {
    const { slots, readBytes, replyBytes } = options;
    const connected = options.connected ?? false;
    this.#sys = sys;
    this.#options = options;
    this.#canMerge = !connected && knowsSegments(sys);
    this.slots = slots;
    const structs = slots * (MMSGHDR_BYTES + IOVEC_BYTES);
    this.#in = new PinnedMemory(sys, structs);
    this.#out = new PinnedMemory(sys, structs);
    this.#sources = new PinnedMemory(sys, slots * SOURCE_BYTES);
    this.#controls = new PinnedMemory(sys, slots * CONTROL_STRIDE);
    this.#packets = new PinnedMemory(sys, slots * readBytes);
    this.#replies = new PinnedMemory(sys, slots * replyBytes);
    this.#replyAddresses = new Int32Array(2 * slots);
    this.#slotOf = new Int32Array(slots);
    this.#lengthOf = new Int32Array(slots);
    this.#firstOf = new Int32Array(slots + 1);
    const cut = (memory: PinnedMemory, stride: number) =>
      Array.from({ length: slots }, (_, i) => memory.bytes.subarray(i * stride, (i + 1) * stride));
    this.packets = cut(this.#packets, readBytes);
    this.replies = cut(this.#replies, replyBytes);
    for (let i = 0; i < slots; i++) {
      const header = i * MMSGHDR_BYTES;
      this.#writeHeader(this.#in, i, this.#packets.address + i * readBytes, readBytes);
      this.#writeHeader(this.#out, i, this.#replies.address + i * replyBytes, 0);
      const iovec = (slots * MMSGHDR_BYTES + i * IOVEC_BYTES + IOVEC_BASE) >>> 2;
      this.#replyAddresses.set(this.#out.words.subarray(iovec, iovec + 2), 2 * i);
      if (connected) continue;
      this.#in.writeAddress(header + MSGHDR_NAME, this.#sources.address + i * SOURCE_BYTES);
      if (!options.packetInfo) continue;
      this.#in.writeAddress(header + MSGHDR_CONTROL, this.#controls.address + i * CONTROL_STRIDE);
    }
    this.#received = slots;
    this.#resetHeaders();
    const [incoming, outgoing] = [this.#in.address, this.#out.address];
    this.#receive = (fd) => sys.recvmmsg(fd, incoming, slots, MSG_DONTWAIT);
    this.#send = (fd, count) => sys.sendmmsg(fd, outgoing, count, SEND_FLAGS);
  }

  /**
   * Reads what waits at `fd`. Returns the number of packets, from slot 0 on; -EAGAIN when there is
   * none; another negative errno (-ECONNREFUSED on a connected socket: nobody listens there).
   */
  receive(fd: number): number {
    this.#resetHeaders();
    this.#queued = 0;
    const count = this.#receive(fd);
    this.#received = Math.max(count, 0);
    return count;
  }

  /** Bytes of slot i, at most `readBytes`. */
  packetBytes(i: number): number {
    return this.#in.words[i * HEADER_WORDS + (MMSGHDR_LENGTH >>> 2)];
  }

  /** Whether slot i holds the beginning only of a longer packet. */
  isTruncated(i: number): boolean {
    return (this.#in.words[i * HEADER_WORDS + (MSGHDR_FLAGS >>> 2)] & MSG_TRUNC) !== 0;
  }

  /** Reads who sent slot i, port included. False for an address of neither family. */
  readSource(i: number, source: Endpoint): boolean {
    return readSocketAddress(this.#sources.bytes, i * SOURCE_BYTES, source);
  }

  /**
   * Whether slot i was sent to an address of ours alone. A copy of what was sent to a group or a
   * broadcast address may be at each socket of the port. Without packet info always true.
   */
  isUnicast(i: number): boolean {
    if (!this.#options.packetInfo) return true;
    const bytes = this.#in.words[i * HEADER_WORDS + CONTROL_LENGTH];
    return isUnicast(this.#controls, i * CONTROL_STRIDE, bytes);
  }

  /** Has `replies[i][0..length)` sent to where slot i came from. Each slot once a batch. */
  queue(i: number, length: number): void {
    const j = this.#queued++;
    this.#slotOf[j] = i;
    this.#lengthOf[j] = length;
    const { words } = this.#out;
    const iovec = this.slots * HEADER_WORDS + j * (IOVEC_BYTES >>> 2);
    words[iovec] = this.#replyAddresses[2 * i];
    words[iovec + 1] = this.#replyAddresses[2 * i + 1];
    words[iovec + (IOVEC_LENGTH >>> 2)] = length;
    if (!this.#options.packetInfo) return;
    const incoming = this.#in.words;
    const control = i * HEADER_WORDS + CONTROL_LENGTH;
    incoming[control] = copyPacketInfo(this.#controls, i * CONTROL_STRIDE, incoming[control]);
  }

  get queued(): number {
    return this.#queued;
  }

  /**
   * Sends what was queued. Never waits: when the socket's buffer is full the rest is dropped, and a
   * packet that the system refuses is skipped. Returns how many were sent.
   */
  send(fd: number): number {
    const queued = this.#queued;
    if (queued === 0) return 0;
    this.#queued = 0;
    if (this.#pause > 0) this.#pause--;
    const messages = this.#writeMessages(0, queued);
    const result = this.#send(fd, messages);
    const sent = result === messages ? queued : this.#sendRest(fd, queued, messages, result);
    this.sent += sent;
    return sent;
  }

  /** Goes on after the first call did not take all `messages`; `result` is what it returned. */
  #sendRest(fd: number, queued: number, messages: number, result: number): number {
    const firstOf = this.#firstOf;
    let at = 0;
    let sent = 0;
    let suspected = false;
    while (true) {
      // A merged message was refused: was it for that? Its first reply, sent alone, tells.
      if (suspected && result <= 0) this.#pause = 0;
      suspected = false;
      if (result > 0) {
        sent += firstOf[at + result] - firstOf[at];
        at += result;
      } else if (result === -EAGAIN) {
        this.dropped += queued - firstOf[at];
        return sent;
      } else if (firstOf[at + 1] - firstOf[at] > 1) {
        this.#pause = PAUSE_BATCHES;
        suspected = true;
        messages = this.#writeMessages(firstOf[at], queued);
        at = 0;
      } else {
        this.refused++;
        at++;
      }
      if (at >= messages) return sent;
      const address = this.#out.address + at * MMSGHDR_BYTES;
      result = this.#sys.sendmmsg(fd, address, messages - at, SEND_FLAGS);
    }
  }

  /** Fills headers for the replies in places `from` to `queued` - 1; returns how many there are. */
  #writeMessages(from: number, queued: number): number {
    const { connected } = this.#options;
    const merges = this.#canMerge && this.#pause === 0;
    const { words, address } = this.#out;
    const incoming = this.#in.words;
    let count = 0;
    for (let j = from; j < queued; count++) {
      const end = merges ? this.#runEnd(j, queued) : j + 1;
      const header = count * HEADER_WORDS;
      const iovec = address + this.slots * MMSGHDR_BYTES + j * IOVEC_BYTES;
      words[header + IOV] = iovec | 0;
      words[header + IOV + 1] = Math.floor(iovec / 4_294_967_296);
      words[header + IOV_COUNT] = end - j;
      this.#firstOf[count] = j;
      if (!connected) {
        const slot = this.#slotOf[j] * HEADER_WORDS;
        words[header + NAME] = incoming[slot + NAME];
        words[header + NAME + 1] = incoming[slot + NAME + 1];
        words[header + NAME_LENGTH] = incoming[slot + NAME_LENGTH];
        this.#writeControl(header, this.#slotOf[j], end - j > 1 ? this.#lengthOf[j] : 0);
      }
      j = end;
    }
    this.#firstOf[count] = queued;
    return count;
  }

  /** Behind the last reply that may leave together with the one in place `j`. */
  #runEnd(j: number, queued: number): number {
    const length = this.#lengthOf[j];
    const most = Math.min(queued, j + PIECES_MAX, j + ((MERGED_BYTES_MAX / length) | 0));
    let end = j + 1;
    while (end < most && this.#lengthOf[end] === length && this.#isSameWay(j, end)) end++;
    return end;
  }

  /** Whether two replies leave from the same address for the same client. */
  #isSameWay(j: number, other: number): boolean {
    const a = this.#slotOf[j];
    const b = this.#slotOf[other];
    const sources = this.#sources.words;
    const sourceA = a * (SOURCE_BYTES >>> 2);
    const sourceB = b * (SOURCE_BYTES >>> 2);
    // Family and port with the address; of IPv6 also the flow and the scope.
    const sourceWords = (sources[sourceA] & 0xffff) === AF_INET ? 2 : 7;
    for (let w = 0; w < sourceWords; w++) {
      if (sources[sourceA + w] !== sources[sourceB + w]) return false;
    }
    if (!this.#options.packetInfo) return true;
    const controls = this.#controls.words;
    const bytes = this.#in.words[a * HEADER_WORDS + CONTROL_LENGTH];
    if (this.#in.words[b * HEADER_WORDS + CONTROL_LENGTH] !== bytes) return false;
    if (bytes === 0) return true;
    const controlA = a * (CONTROL_STRIDE >>> 2);
    const controlB = b * (CONTROL_STRIDE >>> 2);
    // Without the padding behind it, which nobody writes.
    const controlWords = controls[controlA + (CMSGHDR_LENGTH >>> 2)] >>> 2;
    for (let w = 0; w < controlWords; w++) {
      if (controls[controlA + w] !== controls[controlB + w]) return false;
    }
    return true;
  }

  /** Packet info of slot `i`, and for a merged message (`pieceBytes` over 0) where to cut it. */
  #writeControl(header: number, i: number, pieceBytes: number): void {
    const { words } = this.#out;
    let bytes = this.#options.packetInfo ? this.#in.words[i * HEADER_WORDS + CONTROL_LENGTH] : 0;
    if (pieceBytes > 0) {
      const controls = this.#controls.words;
      const at = (i * CONTROL_STRIDE + bytes) >>> 2;
      controls[at + (CMSGHDR_LENGTH >>> 2)] = CMSGHDR_BYTES + 2;
      controls[at + (CMSGHDR_LENGTH >>> 2) + 1] = 0;
      controls[at + (CMSGHDR_LEVEL >>> 2)] = IPPROTO_UDP;
      controls[at + (CMSGHDR_TYPE >>> 2)] = UDP_SEGMENT;
      controls[at + (CMSGHDR_BYTES >>> 2)] = pieceBytes;
      bytes += SEGMENT_CONTROL_BYTES;
    }
    const address = this.#controls.address + i * CONTROL_STRIDE;
    words[header + CONTROL] = address | 0;
    words[header + CONTROL + 1] = Math.floor(address / 4_294_967_296);
    words[header + CONTROL_LENGTH] = bytes;
  }

  /** The kernel wrote lengths over those that say how much room there is. */
  #resetHeaders(): void {
    const { connected, packetInfo } = this.#options;
    if (connected) return;
    const { words } = this.#in;
    for (let i = 0; i < this.#received; i++) {
      words[i * HEADER_WORDS + NAME_LENGTH] = SOURCE_BYTES;
      if (packetInfo) words[i * HEADER_WORDS + CONTROL_LENGTH] = CONTROL_BYTES;
    }
  }

  #writeHeader(memory: PinnedMemory, i: number, base: number, length: number): void {
    const header = i * MMSGHDR_BYTES;
    const iovec = this.slots * MMSGHDR_BYTES + i * IOVEC_BYTES;
    memory.writeAddress(header + MSGHDR_IOV, memory.address + iovec);
    memory.words[(header + MSGHDR_IOV_COUNT) >>> 2] = 1;
    memory.writeAddress(iovec + IOVEC_BASE, base);
    memory.words[(iovec + IOVEC_LENGTH) >>> 2] = length;
  }
}

/** Linux does from 4.18 on; before, it passes over what it does not know. */
function knowsSegments(sys: Sys): boolean {
  const fd = sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const known = sys.getOption(fd, IPPROTO_UDP, UDP_SEGMENT) >= 0;
  sys.close(fd);
  return known;
}

const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;
const NAME = MSGHDR_NAME >>> 2;
const NAME_LENGTH = MSGHDR_NAME_LENGTH >>> 2;
const CONTROL = MSGHDR_CONTROL >>> 2;
const CONTROL_LENGTH = MSGHDR_CONTROL_LENGTH >>> 2;
const IOV = MSGHDR_IOV >>> 2;
const IOV_COUNT = MSGHDR_IOV_COUNT >>> 2;
