/**
 * The two socket paths side by side: the same datagrams, valid and not, to the portable frontend and
 * to the fast one. Both have their own store, and the same seeds, keys and clock, so that every reply
 * must be the same to the byte, chosen peers and connection ids included.
 */
import { afterEach, expect, it } from 'vitest';
import { FrontendCounters } from '../../src/frontend/counters.js';
import { FastUdp } from '../../src/frontend/fast/fast-udp.js';
import type { SocketLoop } from '../../src/frontend/fast/socket-loop.js';
import { BATCH_PACKETS_MAX } from '../../src/frontend/packet-batch.js';
import { PortableUdp } from '../../src/frontend/udp/portable-udp.js';
import { CidrSet } from '../../src/lib/cidr-set.js';
import { ManualClock } from '../../src/lib/clock.js';
import { Endpoint } from '../../src/lib/endpoint.js';
import { reserveStore, type StoreMemory } from '../../src/swarm/layout.js';
import { SwarmStore } from '../../src/swarm/swarm-store.js';
import { storeTotals } from '../../src/swarm/totals.js';
import { WarmUp } from '../../src/swarm/warm-up.js';
import { readBoundAddress } from '../../src/sys/socket-address.js';
import { endpointOf, LOOPBACK, testSys } from '../../src/sys/sys.testing.js';
import { ConnectionIds } from '../../src/tracker/connection-id.js';
import { TRACKER_COUNTER_COUNT } from '../../src/tracker/counters.js';
import { KEY_RING_BYTES, KeyRingReader, KeyRingWriter } from '../../src/tracker/key-ring.js';
import { Tracker } from '../../src/tracker/tracker.js';
import { UdpHandler } from '../../src/tracker/udp-handler.js';
import { UdpWarmUp } from '../../src/tracker/udp-warm-up.js';
import type { Address } from '../support/address.js';
import { fuzzInput } from '../support/mutate.js';
import { type Prng, seededPrng } from '../support/prng.js';
import { announcePacket, connectPacket, scrapePacket, UdpWire } from '../support/udp-wire.js';

const ROUNDS = 60;
const BURST_PACKETS_MAX = 70;
const SWARMS = 5;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const WILDCARD = { 4: '0.0.0.0', 6: '::' } as const;
/** The same address twice, so that two clients share ids. The third may name another address. */
const CLIENTS = {
  4: ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.1'],
  6: ['::1', '::1'],
} as const;
const TRUSTED = '127.0.0.3';
const OPTIONS = {
  intervalSeconds: 1_800,
  minIntervalSeconds: 900,
  intervalJitter: 0.1,
  numwantDefault: 50,
  numwantMax: 200,
};
/** Seconds that pass between rounds: within a slice of an id, to its end, beyond it. */
const STEPS = [0, 1, 20, 31, 100, 200, 400];

type Family = 4 | 6;

/** What both paths share. */
interface World {
  readonly family: Family;
  readonly wildcard: boolean;
  readonly clock: ManualClock;
  readonly keyRing: SharedArrayBuffer;
  readonly memory: StoreMemory;
}

/** One path, and the clients that speak to it. */
interface Path {
  readonly wires: readonly UdpWire[];
  readonly cells: Float64Array;
  readonly counters: FrontendCounters;
  readonly store: SwarmStore;
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function trackerOf({ clock, keyRing }: World, memory: StoreMemory) {
  const store = new SwarmStore(memory, { thread: 1, seed: 1 });
  const trustedIpSources = new CidrSet([TRUSTED]);
  const tracker = new Tracker(OPTIONS, { store, clock, trustedIpSources, seed: 2 });
  const cells = new Float64Array(TRACKER_COUNTER_COUNT);
  const handler = new UdpHandler(tracker, {
    ids: new ConnectionIds(new KeyRingReader(keyRing)),
    counts: cells,
    warmUp: new UdpWarmUp(new WarmUp(memory, store.index, BATCH_PACKETS_MAX)),
  });
  return { store, cells, handler, counters: new FrontendCounters() };
}

async function wiresTo(port: number, family: Family): Promise<UdpWire[]> {
  const tracker: Address = { host: LOOPBACK[family], port };
  const wires = await Promise.all(CLIENTS[family].map((host) => UdpWire.open(tracker, host)));
  for (const wire of wires) closers.push(() => wire.close());
  return wires;
}

async function openPortable(world: World): Promise<Path> {
  const { family, wildcard } = world;
  const { handler, ...path } = trackerOf(world, world.memory);
  const host = wildcard ? WILDCARD[family] : LOOPBACK[family];
  const udp = new PortableUdp(
    { listen: [{ host, port: 0 }], receiveBufferBytes: RECEIVE_BUFFER_BYTES },
    { handler, counters: path.counters, onFatal: (error) => expect.fail(error.message) },
  );
  const [{ port }] = await udp.start();
  closers.push(() => udp.stop());
  return { ...path, wires: await wiresTo(port, family) };
}

/** Without the loop, which would block this thread: it is ready each time that the thread is idle. */
async function openFast(world: World): Promise<Path> {
  const { family, wildcard } = world;
  const sys = testSys();
  // The same keys: who is in which leaf, and so who is told, hangs on them.
  const memory = { ...reserveStore(world.memory.limits), hashKeys: world.memory.hashKeys };
  const { handler, ...path } = trackerOf(world, memory);
  const bound = new Endpoint();
  const loop = {
    register: () => 0,
    watch(_: number, fd: number) {
      readBoundAddress(sys, fd, bound);
      return 0;
    },
  } as unknown as SocketLoop;
  const local = endpointOf(wildcard ? WILDCARD[family] : LOOPBACK[family]);
  const udp = new FastUdp(
    { addresses: [{ local, wildcard }], receiveBufferBytes: RECEIVE_BUFFER_BYTES },
    { sys, loop, handler, counters: path.counters },
  );
  let isOpen = true;
  const turn = (): void => {
    if (!isOpen) return;
    udp.beginTurn(performance.now());
    udp.ready(0);
    setImmediate(turn);
  };
  turn();
  closers.push(() => {
    isOpen = false;
    udp.close();
  });
  return { ...path, wires: await wiresTo(bound.port, family) };
}

function valid(prng: Prng, hashes: readonly Buffer[], id: Buffer): Buffer {
  const transaction = prng.next();
  const kind = prng.below(10);
  if (kind < 2) return connectPacket(transaction);
  if (kind === 2) {
    const count = prng.below(80);
    const asked = Array.from({ length: count }, () => prng.pick([...hashes, prng.bytes(20)]));
    return scrapePacket(id, transaction, asked);
  }
  const packet = announcePacket(id, transaction, {
    infoHash: prng.pick(hashes),
    port: prng.below(50),
    event: prng.below(7),
    left: prng.pick([0n, 0n, 1n, 1n << 32n, 1n << 63n]),
    numwant: prng.pick([-1, -0x8000_0000, 0, 1, 7, 50, 200, 1_000]),
    ip: prng.pick([0, 0, 0x7f00_0001, 0xc000_0201]),
    options: prng.bytes(prng.pick([0, 0, 0, 1, 9, 2_100])),
  });
  if (kind === 3) packet.writeUInt32BE(prng.pick([3, 4, 0x7fff_ffff, 0xffff_ffff]), 8);
  return packet;
}

/** Ids of any client and time, fresh ones more often than not, and some that nobody was given. */
function chooseId(prng: Prng, own: readonly Buffer[], all: readonly Buffer[]): Buffer {
  if (all.length === 0 || prng.below(20) === 0) return prng.bytes(8);
  return prng.below(8) === 0 ? prng.pick(all) : (own.at(-1) ?? prng.pick(all));
}

it.each([
  [4, false],
  [4, true],
  [6, false],
  [6, true],
] as const)(
  'both paths answer the same over IPv%d (all addresses: %s)',
  async (family, wildcard) => {
    const prng = seededPrng();
    const keyRing = new SharedArrayBuffer(KEY_RING_BYTES);
    const keys = new KeyRingWriter(keyRing);
    const clock = new ManualClock();
    const memory = reserveStore({ peersMax: 400, swarmsMax: 100, shards: 1 });
    const world: World = { family, wildcard, clock, keyRing, memory };
    const [portable, fast] = [await openPortable(world), await openFast(world)];
    const hashes = Array.from({ length: SWARMS }, () => prng.bytes(20));
    const ring = Array.from({ length: 16 }, () => prng.bytes(16));
    const ids = portable.wires.map((): Buffer[] => []);
    const actions = new Set<number>();
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 8 === 0) {
        const at = (step: number) => ring[(round / 8 + step) % 16];
        keys.install({ generation: round / 8, previous: at(0), current: at(1), next: at(2) });
      }
      clock.advance(prng.pick(STEPS));
      for (let burst = prng.below(BURST_PACKETS_MAX) + 1; burst > 0; burst--) {
        const client = prng.below(portable.wires.length);
        const sample = valid(prng, hashes, chooseId(prng, ids[client], ids.flat()));
        const packet = prng.below(4) === 0 ? fuzzInput(prng, [sample], 4_096) : sample;
        for (const path of [portable, fast]) path.wires[client].send(packet);
      }
      for (let client = 0; client < portable.wires.length; client++) {
        const answers = await portable.wires[client].answersTo();
        expect(texts(await fast.wires[client].answersTo()), `round ${round}`).toEqual(
          texts(answers),
        );
        for (const answer of answers) {
          actions.add(answer.readUInt32BE(0));
          if (answer.readUInt32BE(0) === 0) ids[client].push(answer.subarray(8));
        }
      }
    }
    expect([...actions].sort()).toEqual([0, 1, 2, 3]);
    expect([...fast.cells]).toEqual([...portable.cells]);
    expect(storeTotals(fast.store)).toEqual(storeTotals(portable.store));
    for (const name of ['udpPacketsIn', 'udpPacketsOut', 'udpBytesOut', 'udpUnanswered'] as const) {
      expect(fast.counters.get(name), name).toBe(portable.counters.get(name));
    }
  },
);

function texts(answers: readonly Buffer[]): string[] {
  return answers.map((bytes) => bytes.toString('hex'));
}
