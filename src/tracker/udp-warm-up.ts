/**
 * Looks through a batch of datagrams for announces and has the store read what they will need
 * (swarm/warm-up.ts). A hint and nothing more: what is junk is found out later, packet by packet.
 */
import type { PacketBatch } from '../frontend/packet-batch.js';
import { ANNOUNCE_BYTES_MIN, decodeUdpRequest, UdpAction } from '../protocol/udp/request.js';
import { PeerKind } from '../swarm/layout.js';
import { WORDS4, WORDS6 } from '../swarm/leaf.js';
import type { WarmUp } from '../swarm/warm-up.js';

const INFO_HASH_AT = 16;
const LEFT_AT = 64;
const PORT_AT = 96;

export class UdpWarmUp {
  readonly #warmUp: WarmUp;
  readonly #wireBytes = new Uint8Array(18);
  readonly #wire = new Uint16Array(this.#wireBytes.buffer);

  constructor(warmUp: WarmUp) {
    this.#warmUp = warmUp;
  }

  run(batch: PacketBatch): void {
    const { count, packets, lengths } = batch;
    // One packet alone has nobody to share its waiting with.
    if (count < 2) return;
    const warmUp = this.#warmUp;
    for (let i = 0; i < count; i++) {
      const packet = packets[i];
      const announces =
        lengths[i] >= ANNOUNCE_BYTES_MIN &&
        decodeUdpRequest(packet, lengths[i]) === UdpAction.announce;
      if (announces) warmUp.index(i, packet, INFO_HASH_AT);
      else warmUp.skip(i);
    }
    for (let i = 0; i < count; i++) warmUp.record(i);
    for (let i = 0; i < count; i++) this.#leaf(batch, i);
    for (let i = 0; i < count; i++) warmUp.peers(i);
  }

  #leaf(batch: PacketBatch, i: number): void {
    const packet = batch.packets[i];
    const { family, bytes } = batch.sources[i];
    let left = 0;
    for (let b = LEFT_AT; b < LEFT_AT + 8; b++) left |= packet[b];
    const seeders = family === 4 ? PeerKind.seeders4 : PeerKind.seeders6;
    if (!this.#warmUp.leaf(i, left === 0 ? seeders : seeders + 1)) return;
    const length = family === 4 ? 4 : 16;
    const wire = this.#wireBytes;
    for (let b = 0; b < length; b++) wire[b] = bytes[b];
    wire[length] = packet[PORT_AT];
    wire[length + 1] = packet[PORT_AT + 1];
    this.#warmUp.directoryLeaf(i, family === 4 ? WORDS4 : WORDS6, this.#wire);
  }
}
