/**
 * `npm run bench -- store`: what the swarm store costs in memory and in time, with 10,000,000 peers in
 * 1,000,000 swarms. Each family runs in a process of its own, so that resident memory means something.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Prng } from '../src/lib/prng.js';
import { shuffledArrivals, zipfSizes } from '../src/load/zipf.js';
import { AnnounceReply, ScrapeEntry } from '../src/protocol/announce.js';
import { Expiry } from '../src/swarm/expiry.js';
import { RECORD_WORDS, reserveStore } from '../src/swarm/layout.js';
import { PeerQuery, WantFamily } from '../src/swarm/query.js';
import { loadSnapshot } from '../src/swarm/snapshot-reader.js';
import { saveSnapshot } from '../src/swarm/snapshot-writer.js';
import { SwarmStore } from '../src/swarm/swarm-store.js';
import { storeTotals } from '../src/swarm/totals.js';

const SWARMS = 1_000_000;
const PEERS = 10_000_000;
const LIMIT_FACTOR = 1.2;
const ZIPF_EXPONENT = 1;
const SAMPLES = 2_000_000;

interface StoreFigures {
  family: 4 | 6;
  residentBytesPerPeer: number;
  /** Everything of the store that has been touched. */
  partsBytesPerPeer: number;
  arenaBytesPerPeer: number;
  insertNs: number;
  refreshNs: number;
  reply50Ns: number;
  scrapeNs: number;
  stopNs: number;
  expiryNs: number;
  saveSeconds: number;
  loadSeconds: number;
}

/** Runs both families and prints the table. */
export function benchStore(): void {
  const figures = ([4, 6] as const).map((family) => {
    const args = ['--expose-gc', fileURLToPath(import.meta.url), String(family)];
    const run = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    return JSON.parse(run.stdout.toString()) as StoreFigures;
  });
  const [v4, v6] = figures;
  process.stdout.write(`swarm store: ${PEERS} peers in ${SWARMS} swarms (Zipf ${ZIPF_EXPONENT}), `);
  process.stdout.write(
    `limits ${LIMIT_FACTOR} times the load, one thread, node ${process.version}\n\n`,
  );
  process.stdout.write('| | IPv4 | IPv6 | target |\n|---|---|---|---|\n');
  const row = (name: string, key: keyof StoreFigures, target = '') => {
    process.stdout.write(
      `| ${name} | ${v4[key].toFixed(1)} | ${v6[key].toFixed(1)} | ${target} |\n`,
    );
  };
  row('bytes a peer: arena, records and index', 'partsBytesPerPeer', '28 / 44');
  row('of these in the arena', 'arenaBytesPerPeer');
  row('growth of resident memory, bytes a peer', 'residentBytesPerPeer', '28 / 44');
  row('insert, random order, ns', 'insertNs');
  row('refresh without reply, ns', 'refreshNs');
  row('refresh with up to 50 peers, ns', 'reply50Ns');
  row('scrape, ns', 'scrapeNs');
  row('stop, ns', 'stopNs');
  row('expiry, ns a peer looked at', 'expiryNs');
  row('saving all of it, s', 'saveSeconds');
  row('loading all of it, s', 'loadSeconds', '10');
}

function measureFamily(family: 4 | 6): StoreFigures {
  const random = new Prng(42);
  const arrivals = shuffledArrivals(zipfSizes(SWARMS, PEERS, ZIPF_EXPONENT), PEERS, random);
  const query = new PeerQuery();
  const reply = new AnnounceReply();
  reply.peers4.fill(1);
  reply.peers6.fill(1);
  const limits = { peersMax: PEERS * LIMIT_FACTOR, swarmsMax: SWARMS * LIMIT_FACTOR, shards: 64 };
  // What setting up left behind must not be given back while we count.
  globalThis.gc?.();
  const residentBefore = process.memoryUsage().rss;
  const memory = reserveStore(limits);
  const store = new SwarmStore(memory, { thread: 1, seed: 1 });
  store.setTime(1_000, Date.now());
  query.family = family;
  query.families = WantFamily.none;

  /** Fills the query with arrival number `i`, the same each time. */
  const setArrival = (i: number): void => {
    const swarm = arrivals[i];
    query.infoHash[0] = Math.imul(swarm, 0x9e3779b1);
    query.infoHash[1] = swarm;
    query.infoHash[4] = Math.imul(swarm, 0x85ebca6b);
    const host = Math.imul(i, 0x9e3779b1);
    const at = family === 4 ? 0 : 4;
    query.wireBytes[at] = host >>> 24;
    query.wireBytes[at + 1] = host >>> 16;
    query.wireBytes[at + 2] = host >>> 8;
    query.wireBytes[at + 3] = host;
    if (family === 6) query.wireBytes[15] = i;
    query.seeder = (i & 1) === 0;
  };
  const time = (count: number, each: () => void): number => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < count; i++) each();
    return Number(process.hrtime.bigint() - start) / count;
  };

  let next = 0;
  const insertNs = time(PEERS, () => {
    setArrival(next++);
    store.announce(query, reply);
  });
  if (storeTotals(store).peers !== PEERS) throw new Error('the store lost peers');
  const residentAfter = process.memoryUsage().rss;
  const { arenaBytes, swarms } = storeTotals(store);
  const parts = arenaBytes + swarms * RECORD_WORDS * 4 + memory.index.byteLength;
  const setRandom = () => setArrival(random.below(PEERS));
  const setRandomNs = time(SAMPLES, setRandom);
  const refreshNs = time(SAMPLES, () => {
    setRandom();
    store.announce(query, reply);
  });
  query.numwant = 50;
  query.families = family === 4 ? WantFamily.ipv4 : WantFamily.ipv6;
  const reply50Ns = time(SAMPLES, () => {
    setRandom();
    store.announce(query, reply);
  });
  const entry = new ScrapeEntry();
  const scrapeNs = time(SAMPLES, () => {
    setRandom();
    store.scrape(query.infoHash, entry);
  });
  const expiry = new Expiry(store, { peerTtlSeconds: 2_700, emptySwarmSeconds: 86_400 });
  const expiryStart = process.hrtime.bigint();
  while (expiry.step(1_000));
  const expiryNs = Number(process.hrtime.bigint() - expiryStart) / PEERS;
  const { saveSeconds, loadSeconds } = measureSnapshot(store);
  query.stopped = true;
  next = 0;
  const stopNs = time(SAMPLES, () => {
    setArrival(next++);
    store.announce(query, reply);
  });
  return {
    family,
    residentBytesPerPeer: (residentAfter - residentBefore) / PEERS,
    partsBytesPerPeer: parts / PEERS,
    arenaBytesPerPeer: arenaBytes / PEERS,
    insertNs,
    refreshNs: refreshNs - setRandomNs,
    reply50Ns: reply50Ns - setRandomNs,
    scrapeNs: scrapeNs - setRandomNs,
    stopNs,
    expiryNs,
    saveSeconds,
    loadSeconds,
  };
}

/** Saves the store and loads it into an empty one. */
function measureSnapshot(store: SwarmStore): { saveSeconds: number; loadSeconds: number } {
  const directory = mkdtempSync(join(tmpdir(), 'trackerbt-bench-store-'));
  try {
    const path = join(directory, 'store');
    const wallMs = Date.now();
    const start = performance.now();
    saveSnapshot(store, path, { wallMs, lockTimeoutMs: 60_000 });
    const saved = performance.now();
    const copy = new SwarmStore(reserveStore(store.limits), { thread: 2, seed: 2 });
    copy.setTime(1_000, wallMs);
    const { peers } = loadSnapshot(copy, path, { peerTtlSeconds: 2_700, wallMs });
    if (peers !== storeTotals(store).peers) throw new Error('the snapshot lost peers');
    return { saveSeconds: (saved - start) / 1000, loadSeconds: (performance.now() - saved) / 1000 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const figures = measureFamily(process.argv[2] === '6' ? 6 : 4);
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
