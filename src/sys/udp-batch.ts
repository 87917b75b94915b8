/**
 * Datagrams by the batch: one `recvmmsg` for up to `slots` packets, one `sendmmsg` for the replies.
 *
 * ```
 * slot i:  packet  [readBytes]    what came            | iovec in, mmsghdr in: written once, the
 *          source  sockaddr       who sent it          | kernel's changes undone before reuse
 *          control cmsg + pktinfo where it was sent to |
 *          reply   [replyBytes]   what is to go back
 * place j: iovec out, mmsghdr out, filled by `queue` in the order in which replies are queued
 * ```
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
} from './layout.js';
import { EAGAIN, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_TRUNC } from './linux.js';
import { copyPacketInfo } from './packet-info.js';
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
const CONTROL_STRIDE = roundUp(CONTROL_BYTES, 64);
const HEADER_WORDS = MMSGHDR_BYTES >>> 2;

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

  constructor(sys: Sys, options: UdpBatchOptions) {
    const { slots, readBytes, replyBytes } = options;
    const connected = options.connected ?? false;
    this.#sys = sys;
    this.#options = options;
    this.slots = slots;
    const structs = slots * (MMSGHDR_BYTES + IOVEC_BYTES);
    this.#in = new PinnedMemory(sys, structs);
    this.#out = new PinnedMemory(sys, structs);
    this.#sources = new PinnedMemory(sys, slots * SOURCE_BYTES);
    this.#controls = new PinnedMemory(sys, slots * CONTROL_STRIDE);
    this.#packets = new PinnedMemory(sys, slots * readBytes);
    this.#replies = new PinnedMemory(sys, slots * replyBytes);
    this.#replyAddresses = new Int32Array(2 * slots);
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

  /** Has `replies[i][0..length)` sent to where slot i came from. Each slot once a batch. */
  queue(i: number, length: number): void {
    const { slots, connected, packetInfo } = this.#options;
    const j = this.#queued++;
    const header = j * HEADER_WORDS;
    const { words } = this.#out;
    const iovec = slots * HEADER_WORDS + j * (IOVEC_BYTES >>> 2);
    words[iovec] = this.#replyAddresses[2 * i];
    words[iovec + 1] = this.#replyAddresses[2 * i + 1];
    words[iovec + (IOVEC_LENGTH >>> 2)] = length;
    if (connected) return;
    const from = i * HEADER_WORDS;
    const incoming = this.#in.words;
    words[header + NAME] = incoming[from + NAME];
    words[header + NAME + 1] = incoming[from + NAME + 1];
    words[header + NAME_LENGTH] = incoming[from + NAME_LENGTH];
    if (!packetInfo) return;
    words[header + CONTROL] = incoming[from + CONTROL];
    words[header + CONTROL + 1] = incoming[from + CONTROL + 1];
    words[header + CONTROL_LENGTH] = copyPacketInfo(
      this.#controls,
      i * CONTROL_STRIDE,
      incoming[from + CONTROL_LENGTH],
    );
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
    let sent = this.#send(fd, queued);
    if (sent !== queued) sent = this.#sendRest(fd, queued, sent);
    this.sent += sent;
    return sent;
  }

  /** Goes on after the first call did not take all; `result` is what it returned. */
  #sendRest(fd: number, queued: number, result: number): number {
    let at = 0;
    let sent = 0;
    while (true) {
      if (result > 0) {
        at += result;
        sent += result;
      } else if (result === -EAGAIN) {
        this.dropped += queued - at;
        return sent;
      } else {
        this.refused++;
        at++;
      }
      if (at >= queued) return sent;
      const address = this.#out.address + at * MMSGHDR_BYTES;
      result = this.#sys.sendmmsg(fd, address, queued - at, SEND_FLAGS);
    }
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

const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;
const NAME = MSGHDR_NAME >>> 2;
const NAME_LENGTH = MSGHDR_NAME_LENGTH >>> 2;
const CONTROL = MSGHDR_CONTROL >>> 2;
const CONTROL_LENGTH = MSGHDR_CONTROL_LENGTH >>> 2;
