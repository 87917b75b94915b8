/** Many peers in little time: announces over UDP, a window of them in flight. */
import type { Address } from './address.js';
import { announcePacket, connectedWire, UdpEvent } from './udp-wire.js';

const WINDOW_PACKETS = 64;
const PORTS_MAX = 60_000;

export interface CrowdSwarm {
  readonly infoHash: Buffer;
  readonly seeders: number;
  readonly leechers: number;
}

/**
 * Announces the peers of every swarm, each from a port of its own, and resolves when all have been
 * answered. Seeders say `completed`, so that downloads equal seeders.
 */
export async function announceCrowd(
  tracker: Address,
  swarms: readonly CrowdSwarm[],
): Promise<void> {
  const wire = await connectedWire(tracker);
  try {
    for (const { infoHash, seeders, leechers } of swarms) {
      const count = seeders + leechers;
      if (count > PORTS_MAX) throw new Error(`${count} peers need more than one address`);
      for (let sent = 0; sent < count; sent += WINDOW_PACKETS) {
        const size = Math.min(WINDOW_PACKETS, count - sent);
        for (let i = sent; i < sent + size; i++) {
          const seeds = i < seeders;
          const announce = {
            infoHash,
            port: 1_000 + i,
            left: seeds ? 0n : 1n,
            event: seeds ? UdpEvent.completed : UdpEvent.started,
            numwant: 1,
          };
          wire.send(announcePacket(wire.id, i, announce));
        }
        for (let i = 0; i < size; i++) {
          const { bytes } = await wire.receive();
          if (bytes.readUInt32BE(0) !== 1) throw new Error('an announce was refused');
        }
      }
    }
  } finally {
    wire.close();
  }
}
