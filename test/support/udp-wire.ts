/**
 * A raw BEP 15 client for tests, written apart from `src/protocol/udp`.
 *
 * ```
 * connect   id 8 (41727101980)  action 4 (0)  transaction 4
 * announce  id 8  action 4 (1)  transaction 4  info hash 20  peer id 20  downloaded 8  left 8
 *           uploaded 8  event 4  ip 4  key 4  numwant 4  port 2  options (BEP 41)
 * scrape    id 8  action 4 (2)  transaction 4  info hash 20, repeated
 * reply     action 4  transaction 4  then by action
 * ```
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Address } from './address.js';
import { within } from './deadline.js';
import { unpackPeers } from './peers.js';

export const UDP_MAGIC = 0x41727101980n;
export const UdpEvent = { none: 0, completed: 1, started: 2, stopped: 3, paused: 4 } as const;

export interface UdpAnnounce {
  readonly infoHash: Buffer;
  readonly port: number;
  readonly event?: number;
  readonly left?: bigint;
  readonly numwant?: number;
  readonly ip?: number;
  readonly peerId?: Buffer;
  /** Bytes after the 98 of the request. */
  readonly options?: Buffer;
}

export interface UdpAnnounceReply {
  readonly intervalSeconds: number;
  readonly leechers: number;
  readonly seeders: number;
  readonly peers: readonly string[];
  readonly packetBytes: number;
}

export interface UdpScrapeEntry {
  readonly seeders: number;
  readonly completed: number;
  readonly leechers: number;
}

export interface UdpReply {
  readonly bytes: Buffer;
  readonly from: RemoteInfo;
}

export function connectPacket(transaction: number, magic = UDP_MAGIC): Buffer {
  const packet = Buffer.alloc(16);
  packet.writeBigUInt64BE(magic, 0);
  packet.writeUInt32BE(transaction, 12);
  return packet;
}

export function announcePacket(id: Buffer, transaction: number, announce: UdpAnnounce): Buffer {
  const packet = Buffer.alloc(98);
  id.copy(packet, 0);
  packet.writeUInt32BE(1, 8);
  packet.writeUInt32BE(transaction, 12);
  announce.infoHash.copy(packet, 16);
  (announce.peerId ?? Buffer.from('-TE0001-abcdefghijkl')).copy(packet, 36);
  packet.writeBigUInt64BE(announce.left ?? 1n, 64);
  packet.writeUInt32BE(announce.event ?? UdpEvent.started, 80);
  packet.writeUInt32BE(announce.ip ?? 0, 84);
  packet.writeInt32BE(announce.numwant ?? -1, 92);
  packet.writeUInt16BE(announce.port, 96);
  return announce.options === undefined ? packet : Buffer.concat([packet, announce.options]);
}

export function scrapePacket(id: Buffer, transaction: number, hashes: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(16);
  id.copy(head, 0);
  head.writeUInt32BE(2, 8);
  head.writeUInt32BE(transaction, 12);
  return Buffer.concat([head, ...hashes]);
}

/** One socket that speaks to one tracker. Keeps the connection id that it was given. */
export class UdpWire {
  readonly #arrived: UdpReply[] = [];
  #wake: () => void = () => {};
  #transaction = 0x1000;
  id: Buffer = Buffer.alloc(8);

  private constructor(
    readonly socket: Socket,
    readonly tracker: Address,
  ) {
    socket.on('message', (bytes, from) => {
      this.#arrived.push({ bytes, from });
      this.#wake();
    });
    // A refusal (ICMP) shows as a missing reply, which is what tests ask about.
    socket.on('error', () => {});
  }

  /** Binds `local` (default: any address of the tracker's family) on a free port. */
  static async open(tracker: Address, local?: string, port = 0): Promise<UdpWire> {
    const socket = createSocket({
      type: tracker.host.includes(':') ? 'udp6' : 'udp4',
      recvBufferSize: 4 * 1024 * 1024,
    });
    if (local === undefined) socket.bind(port);
    else socket.bind(port, local);
    await once(socket, 'listening');
    return new UdpWire(socket, tracker);
  }

  close(): void {
    this.socket.close();
  }

  get port(): number {
    return this.socket.address().port;
  }

  nextTransaction(): number {
    this.#transaction = (this.#transaction + 1) >>> 0;
    return this.#transaction;
  }

  send(packet: Buffer): void {
    this.socket.send(packet, this.tracker.port, this.tracker.host);
  }

  /** The next packet that arrived, waiting at most `limitMs`. */
  async receive(limitMs = 5_000): Promise<UdpReply> {
    const arrival = async (): Promise<UdpReply> => {
      for (;;) {
        const reply = this.#arrived.shift();
        if (reply !== undefined) return reply;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    };
    return await within(arrival(), limitMs, `a datagram from ${this.tracker.host}`);
  }

  /** Sends and returns the next packet, which must carry the request's transaction id. */
  async ask(packet: Buffer): Promise<Buffer> {
    this.send(packet);
    const { bytes } = await this.receive();
    if (bytes.readUInt32BE(4) !== packet.readUInt32BE(12)) throw new Error('foreign transaction');
    return bytes;
  }

  /**
   * Sends `packets`, then a connect of its own, and returns what came back before the connect's
   * answer: nothing, when the packets were rightly ignored. Needs no waiting, because the tracker
   * answers one socket's packets in order.
   */
  async answersTo(...packets: readonly Buffer[]): Promise<Buffer[]> {
    for (const packet of packets) this.send(packet);
    const barrier = this.nextTransaction();
    this.send(connectPacket(barrier));
    const answers: Buffer[] = [];
    for (;;) {
      const { bytes } = await this.receive();
      const isBarrier = bytes.length === 16 && bytes.readUInt32BE(4) === barrier;
      if (isBarrier && bytes.readUInt32BE(0) === 0) return answers;
      answers.push(bytes);
    }
  }

  async connect(): Promise<Buffer> {
    const reply = await this.ask(connectPacket(this.nextTransaction()));
    if (reply.length !== 16 || reply.readUInt32BE(0) !== 0) throw new Error('not a connect reply');
    this.id = Buffer.from(reply.subarray(8, 16));
    return this.id;
  }

  async announce(announce: UdpAnnounce): Promise<UdpAnnounceReply> {
    const reply = await this.ask(announcePacket(this.id, this.nextTransaction(), announce));
    return decodeAnnounceReply(reply, this.tracker.host.includes(':') ? 18 : 6);
  }

  async scrape(hashes: readonly Buffer[]): Promise<UdpScrapeEntry[]> {
    const reply = await this.ask(scrapePacket(this.id, this.nextTransaction(), hashes));
    if (reply.readUInt32BE(0) !== 2) throw new Error(errorText(reply) ?? 'not a scrape reply');
    const entries: UdpScrapeEntry[] = [];
    for (let at = 8; at < reply.length; at += 12) {
      entries.push({
        seeders: reply.readUInt32BE(at),
        completed: reply.readUInt32BE(at + 4),
        leechers: reply.readUInt32BE(at + 8),
      });
    }
    return entries;
  }
}

/** Opens a wire from `local` and connects it. */
export async function connectedWire(tracker: Address, local?: string): Promise<UdpWire> {
  const wire = await UdpWire.open(tracker, local);
  await wire.connect();
  return wire;
}

export function decodeAnnounceReply(reply: Buffer, stride: 6 | 18): UdpAnnounceReply {
  if (reply.readUInt32BE(0) !== 1) throw new Error(errorText(reply) ?? 'not an announce reply');
  return {
    intervalSeconds: reply.readUInt32BE(8),
    leechers: reply.readUInt32BE(12),
    seeders: reply.readUInt32BE(16),
    peers: unpackPeers(reply.subarray(20), stride),
    packetBytes: reply.length,
  };
}

/** The message of an error packet (action 3), or undefined for any other. */
export function errorText(reply: Buffer): string | undefined {
  return reply.readUInt32BE(0) === 3 ? reply.toString('latin1', 8) : undefined;
}
