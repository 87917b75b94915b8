/**
 * Runs 1,000,000 announces through the UDP and the HTTP handler and reports what that did to the
 * heap. A process of its own: `node --expose-gc`, nothing else allocates. With the argument
 * `replicated`, the store tells every change to a reader as well.
 */
import { PerformanceObserver, constants as performanceConstants } from 'node:perf_hooks';
import { DatagramBuffer, HTTP_BODY_BYTES_MAX } from '../../src/frontend/handler.js';
import { BATCH_PACKETS_MAX, type PacketBatch } from '../../src/frontend/packet-batch.js';
import { CidrSet } from '../../src/lib/cidr-set.js';
import { SystemClock } from '../../src/lib/clock.js';
import { Endpoint } from '../../src/lib/endpoint.js';
import { Prng } from '../../src/lib/prng.js';
import { HttpRoutes } from '../../src/protocol/http/route.js';
import { ChangeRingReader } from '../../src/swarm/change-ring.js';
import { reserveStore } from '../../src/swarm/layout.js';
import { reserveReplication } from '../../src/swarm/replication-memory.js';
import { SwarmStore } from '../../src/swarm/swarm-store.js';
import { WarmUp } from '../../src/swarm/warm-up.js';
import { ConnectionIds } from '../../src/tracker/connection-id.js';
import { TRACKER_COUNTER_COUNT, TrackerCounter } from '../../src/tracker/counters.js';
import { HttpTrackerHandler } from '../../src/tracker/http-handler.js';
import { createKeyRing, KeyRingReader } from '../../src/tracker/key-ring.js';
import { Tracker } from '../../src/tracker/tracker.js';
import { UdpHandler } from '../../src/tracker/udp-handler.js';
import { UdpWarmUp } from '../../src/tracker/udp-warm-up.js';

export interface SteadyStateReport {
  readonly announces: number;
  readonly answered: number;
  /** Changes told; none when the store stands alone. */
  readonly changes: number;
  readonly heapGrowthBytes: number;
  readonly majorCollections: number;
}

const ANNOUNCES = 1_000_000;
const WARM_UP = 200_000;
const SWARMS = 2_000;

const limits = { peersMax: 1_000_000, swarmsMax: 10_000, shards: 16 };
const replication = reserveReplication({
  limits,
  threads: 1,
  digestKey: new Uint8Array(16),
  tombstonesMax: 100_000,
  ringRecords: 1_024,
  peerTtlSeconds: 2_700,
  remoteExtraSeconds: 1_800,
});
const isReplicated = process.argv[2] === 'replicated';
const memory = { ...reserveStore(limits), ...(isReplicated ? { replication } : {}) };
const changes = new ChangeRingReader(replication, 1);
let changesHeard = 0;
const hear = (): void => {
  changesHeard++;
};
const clock = new SystemClock();
const store = new SwarmStore(memory, { thread: 1, seed: 1 });
const options = {
  intervalSeconds: 1_800,
  minIntervalSeconds: 900,
  intervalJitter: 0.1,
  numwantDefault: 50,
  numwantMax: 200,
};
const trustedIpSources = new CidrSet([]);
const tracker = new Tracker(options, { store, clock, trustedIpSources, seed: 1 });
const counts = new Float64Array(TRACKER_COUNTER_COUNT);
const random = new Prng(7);

function udpRound(): (announces: number) => void {
  const ids = new ConnectionIds(new KeyRingReader(createKeyRing()));
  const warmUp = new UdpWarmUp(new WarmUp(memory, store.index, BATCH_PACKETS_MAX));
  const handler = new UdpHandler(tracker, { ids, counts, warmUp });
  const slots = <T>(make: () => T): T[] => Array.from({ length: BATCH_PACKETS_MAX }, make);
  const batch: PacketBatch = {
    count: BATCH_PACKETS_MAX,
    packets: slots(() => new Uint8Array(98)),
    lengths: new Int32Array(BATCH_PACKETS_MAX).fill(98),
    sources: slots(() => new Endpoint()),
    replies: slots(() => new DatagramBuffer(new Uint8Array(1_280))),
    replyLengths: new Int32Array(BATCH_PACKETS_MAX),
  };
  for (const source of batch.sources) source.setAddressText('192.0.2.1');
  ids.setTime(clock.wallMs());
  ids.issue(batch.sources[0]);
  const { hi, lo } = ids;
  for (const packet of batch.packets) {
    const view = new DataView(packet.buffer);
    view.setInt32(0, hi);
    view.setInt32(4, lo);
    view.setInt32(8, 1);
    view.setInt32(92, -1);
  }
  return (announces) => {
    for (let done = 0; done < announces; done += BATCH_PACKETS_MAX) {
      for (const packet of batch.packets) {
        const swarm = random.below(SWARMS);
        packet[16] = swarm;
        packet[17] = swarm >>> 8;
        packet[71] = random.next() & 1;
        packet[83] = random.below(4);
        packet[96] = 0x80 | random.next();
        packet[97] = random.next();
      }
      handler.handleBatch(batch);
      changes.drain(BATCH_PACKETS_MAX, hear);
    }
  };
}

function httpRound(): (announces: number) => void {
  const routes = new HttpRoutes({ announcePaths: ['/announce'] });
  const handler = new HttpTrackerHandler({ scrapeHashesMax: 100 }, { tracker, routes, counts });
  const text = `/announce?info_hash=${'%aa'.repeat(19)}x&peer_id=${'b'.repeat(20)}&port=10000&left=0`;
  const target = Uint8Array.from(Buffer.from(text, 'latin1'));
  const at = text.indexOf('x&peer_id');
  const port = text.indexOf('port=') + 5;
  const source = new Endpoint();
  source.setAddressText('2001:db8::1');
  const body = new Uint8Array(HTTP_BODY_BYTES_MAX);
  return (announces) => {
    for (let done = 0; done < announces; done++) {
      if (done % 32 === 0) handler.beginBatch();
      target[at] = 65 + random.below(26);
      for (let digit = 1; digit < 5; digit++) target[port + digit] = 48 + random.below(10);
      handler.handle(target, 0, target.length, source, body);
      changes.drain(1, hear);
    }
  };
}

async function measure(round: (announces: number) => void, answered: () => number) {
  round(WARM_UP);
  let majorCollections = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as { detail?: { kind?: number } };
      if (detail?.kind === performanceConstants.NODE_PERFORMANCE_GC_MAJOR) majorCollections++;
    }
  });
  globalThis.gc?.();
  await new Promise(setImmediate);
  const heapBefore = process.memoryUsage().heapUsed;
  const answeredBefore = answered();
  const changesBefore = changesHeard;
  observer.observe({ entryTypes: ['gc'] });
  round(ANNOUNCES);
  await new Promise(setImmediate);
  observer.disconnect();
  const collections = majorCollections;
  globalThis.gc?.();
  return {
    announces: ANNOUNCES,
    answered: answered() - answeredBefore,
    changes: changesHeard - changesBefore,
    heapGrowthBytes: process.memoryUsage().heapUsed - heapBefore,
    majorCollections: collections,
  } satisfies SteadyStateReport;
}

const udp = await measure(udpRound(), () => counts[TrackerCounter.udpAnnounces]);
const http = await measure(httpRound(), () => counts[TrackerCounter.httpAnnounces]);
process.stdout.write(JSON.stringify({ udp, http }));
