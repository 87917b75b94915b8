/** A zone and a responder to ask, for tests: queries and answers as the wire-format library has them. */
import { type DecodedPacket, decode, encode, type Packet } from 'dns-packet';
import { ManualClock } from '../lib/clock.js';
import { Prng } from '../lib/prng.js';
import { DnsCounters } from './dns-counters.js';
import { DnsResponder } from './responder.js';
import type { TrackerSet } from './tracker-set.js';
import { type NameServerAddresses, Zone, type ZoneOptions } from './zone.js';

export const ZONE = 'tracker.example.org';

export const TRACKERS: TrackerSet = {
  revision: 1,
  addresses4: ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
  addresses6: ['2001:db8::1', '2001:db8::2'],
  services: [
    { protocol: 'udp', port: 6969 },
    { protocol: 'http', port: 6969 },
    { protocol: 'https', port: 443 },
    { protocol: 'udp', port: 6969 },
    { protocol: 'http', port: 6969 },
    { protocol: 'udp', port: 1337 },
  ],
};

export class ResponderRig {
  readonly clock = new ManualClock();
  readonly counters = new DnsCounters();
  readonly zone: Zone;
  readonly responder: DnsResponder;
  set: TrackerSet;
  addresses: NameServerAddresses = new Map();

  constructor(options: Partial<ZoneOptions> = {}, set: TrackerSet = TRACKERS, seed = 1) {
    this.set = set;
    this.zone = new Zone(
      {
        zone: ZONE,
        ttlSeconds: 30,
        answersMax: 8,
        nameServers: [],
        ownAddresses: ['198.51.100.1', '2001:db8:1::1'],
        ...options,
      },
      {
        set: () => this.set,
        nameServerAddresses: () => this.addresses,
        clock: this.clock,
      },
    );
    const prng = new Prng(seed);
    const below = (bound: number) => prng.below(bound);
    this.responder = new DnsResponder({ zone: this.zone, counters: this.counters, below });
  }

  /** The answer to raw bytes; undefined when there is none. */
  raw(input: Uint8Array, bytesMax?: number, cut?: boolean): Buffer | undefined {
    this.zone.refresh();
    if (!this.responder.read(input, input.length)) return undefined;
    const output = new Uint8Array(65_535).fill(0xee);
    const max = bytesMax ?? this.responder.payloadBytes;
    const length = this.responder.write(input, output, max, cut);
    return Buffer.from(output.subarray(0, length));
  }

  packet(packet: Packet, bytesMax?: number, cut?: boolean): DecodedPacket {
    return decode(this.raw(encode(packet), bytesMax, cut) as Buffer);
  }

  /** Asks for a name and a type, the type as the library spells it. */
  ask(type: string, name = ZONE, more: Packet = {}): DecodedPacket {
    const question = { type: type as 'A', name };
    return this.packet({ type: 'query', id: 0x1234, questions: [question], ...more });
  }
}

/** The data of the records of a section, as far as they have a type. */
export function dataOf(records: DecodedPacket['answers'], type: string): unknown[] {
  return (records ?? []).flatMap((record) =>
    record.type === type && 'data' in record ? [record.data] : [],
  );
}

/** The response code, by number: what the library's types leave out. */
export function rcodeOf(packet: DecodedPacket): string {
  return (packet as unknown as { rcode: string }).rcode;
}
