/** UDP on Linux system calls: a batch of packets at a time, from a loop that does nothing else. */
import { Endpoint } from '../../lib/endpoint.js';
import { EAGAIN, EPOLLIN } from '../../sys/linux.js';
import { openUdpSocket } from '../../sys/socket.js';
import type { Sys } from '../../sys/sys.js';
import { check } from '../../sys/sys-error.js';
import { UdpBatch } from '../../sys/udp-batch.js';
import { FrontendCounter, type FrontendCounters } from '../counters.js';
import { DATAGRAM_READ_BYTES_MAX, DatagramBuffer } from '../handler.js';
import { LatencyProtocol } from '../latency.js';
import { explainBind } from '../listen-error.js';
import {
  BATCH_PACKETS_MAX,
  PACKET_IGNORED,
  type PacketBatch,
  type PacketBatchHandler,
} from '../packet-batch.js';
import type { SocketLoop, Watcher } from './socket-loop.js';

/** Batches taken from one socket before the others have their turn. */
const BATCHES_PER_TURN = 4;
/** Room for a reply: DATAGRAM_BYTES_MAX, rounded up. */
const REPLY_BYTES = 1_280;

export interface FastUdpAddress {
  readonly local: Endpoint;
  /** All addresses of a family: replies then leave from the address that was asked. */
  readonly wildcard: boolean;
  /** Interface number of a link-local address. */
  readonly scope?: number;
}

export interface FastUdpOptions {
  readonly addresses: readonly FastUdpAddress[];
  readonly receiveBufferBytes: number;
}

export interface FastUdpDependencies {
  readonly sys: Sys;
  readonly loop: SocketLoop;
  readonly handler: PacketBatchHandler;
  readonly counters: FrontendCounters;
}

export class FastUdp implements Watcher {
  readonly #sys: Sys;
  readonly #handler: PacketBatchHandler;
  readonly #counters: FrontendCounters;
  readonly #fds: number[] = [];
  /** Two kinds of batch, with and without packet info; each socket uses one of them. */
  readonly #batches: Lane[] = [];
  /** Since when the datagrams of the next batch were known of. */
  #sinceMs = performance.now();

  /** Binds and watches every address. Throws a `ListenError`, with nothing left open. */
  constructor(options: FastUdpOptions, { sys, loop, handler, counters }: FastUdpDependencies) {
    this.#sys = sys;
    this.#handler = handler;
    this.#counters = counters;
    const watcher = loop.register(this);
    const lanes = new Map<boolean, Lane>();
    try {
      for (const { local, wildcard, scope } of options.addresses) {
        const socket = {
          local,
          reusePort: true,
          packetInfo: wildcard,
          receiveBufferBytes: options.receiveBufferBytes,
          ...(scope === undefined ? {} : { scope }),
        };
        const fd = explainBind('udp', `${local}`, () => openUdpSocket(sys, socket));
        this.#fds.push(fd);
        const lane = lanes.get(wildcard) ?? new Lane(sys, wildcard);
        lanes.set(wildcard, lane);
        this.#batches.push(lane);
        check(loop.watch(watcher, fd, EPOLLIN, this.#fds.length - 1), 'epoll_ctl');
        counters.count(FrontendCounter.udpSocketsOpen);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  ready(local: number): void {
    // Closed in this very turn.
    if (local >= this.#fds.length) return;
    const fd = this.#fds[local];
    const lane = this.#batches[local];
    for (let turn = 0; turn < BATCHES_PER_TURN; turn++) {
      const count = lane.batch.receive(fd);
      if (count <= 0) {
        // A pending error of the socket, an ICMP message for instance, is read and gone.
        if (count !== -EAGAIN) this.#counters.count(FrontendCounter.udpReceiveErrors);
        return;
      }
      this.#answer(fd, lane, count);
      if (count < BATCH_PACKETS_MAX) return;
    }
  }

  /** The handler reads its clock with each batch. */
  beginTurn(nowMs: number): void {
    this.#sinceMs = nowMs;
  }

  endTurn(): void {}

  tick(): void {}

  close(): void {
    for (const fd of this.#fds.splice(0)) this.#sys.close(fd);
  }

  #answer(fd: number, lane: Lane, count: number): void {
    const { batch, view } = lane;
    const counters = this.#counters;
    view.count = count;
    let bytesIn = 0;
    let ignored = 0;
    for (let i = 0; i < count; i++) {
      const length = batch.packetBytes(i);
      bytesIn += length;
      view.lengths[i] = length;
      const source = view.sources[i];
      if (!batch.readSource(i, source)) {
        view.lengths[i] = PACKET_IGNORED;
        ignored++;
        counters.count(FrontendCounter.udpDropsSource);
      } else if (source.port === 0) {
        view.lengths[i] = PACKET_IGNORED;
        ignored++;
        counters.count(FrontendCounter.udpDropsSourcePort);
      } else if (!batch.isUnicast(i)) {
        // Each worker has a copy of it: together they would send more than was sent to them.
        view.lengths[i] = PACKET_IGNORED;
        ignored++;
        counters.count(FrontendCounter.udpDropsGroup);
      }
    }
    this.#handler.handleBatch(view);
    let bytesOut = 0;
    for (let i = 0; i < count; i++) {
      const length = view.replyLengths[i];
      if (length === 0) continue;
      bytesOut += length;
      batch.queue(i, length);
    }
    const { queued, dropped, refused } = batch;
    const sent = batch.send(fd);
    counters.add(FrontendCounter.udpPacketsIn, count);
    counters.add(FrontendCounter.udpBytesIn, bytesIn);
    counters.add(FrontendCounter.udpPacketsOut, sent);
    counters.add(FrontendCounter.udpBytesOut, bytesOut);
    counters.add(FrontendCounter.udpUnanswered, count - ignored - queued);
    const nowMs = performance.now();
    counters.latency.record(LatencyProtocol.udp, nowMs - this.#sinceMs, queued);
    this.#sinceMs = nowMs;
    if (sent === queued) return;
    counters.add(FrontendCounter.udpDropsSendQueue, batch.dropped - dropped);
    counters.add(FrontendCounter.udpSendErrors, batch.refused - refused);
  }
}

/** A batch of the system's and the handler's view of it. */
class Lane {
  readonly batch: UdpBatch;
  readonly view: PacketBatch;

  constructor(sys: Sys, packetInfo: boolean) {
    this.batch = new UdpBatch(sys, {
      slots: BATCH_PACKETS_MAX,
      readBytes: DATAGRAM_READ_BYTES_MAX,
      replyBytes: REPLY_BYTES,
      packetInfo,
    });
    this.view = {
      count: 0,
      packets: this.batch.packets,
      lengths: new Int32Array(BATCH_PACKETS_MAX),
      sources: Array.from({ length: BATCH_PACKETS_MAX }, () => new Endpoint()),
      replies: this.batch.replies.map((bytes) => new DatagramBuffer(bytes)),
      replyLengths: new Int32Array(BATCH_PACKETS_MAX),
    };
  }
}
