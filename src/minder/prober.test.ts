import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryBus } from '../cluster/memory-bus.js';
import { ManualClock } from '../lib/clock.js';
import { Prng } from '../lib/prng.js';
import { AttemptGate } from './attempt-gate.js';
import { Challenges } from './challenges.js';
import { HostLookup } from './host-lookup.js';
import { HttpProbes } from './http-probes.js';
import type { ProbeError, ProbeRequest, Probing } from './probe.js';
import { PROBES_PER_NODE_MAX, Prober } from './prober.js';
import { UdpProbes } from './udp-probes.js';

const MINDER = `n${'0'.repeat(15)}1`;
const A = `n${'a'.repeat(16)}`;
const B = `n${'b'.repeat(16)}`;

/** Says what it was told to say of each endpoint, at once. */
class FakeProbing implements Probing {
  readonly seen: { url: string; isAttempt: boolean; second: number }[] = [];
  readonly errors = new Map<string, ProbeError>();
  /** While it is so, nothing is answered before `end` is called. */
  hangs = false;
  readonly hanging: { url: string; end: () => void }[] = [];

  constructor(private readonly clock: ManualClock) {}

  async probe({ endpoint, isAttempt }: ProbeRequest) {
    this.seen.push({ url: endpoint.url, isAttempt, second: this.clock.seconds });
    if (this.hangs) {
      await new Promise<void>((end) => this.hanging.push({ url: endpoint.url, end }));
    }
    const error = this.errors.get(endpoint.url);
    return { error, rttMs: error === undefined ? 2 : undefined };
  }

  close(): void {}
}

/** Real probes, and how many of them are under way. */
class CountedProbing implements Probing {
  pending = 0;

  constructor(private readonly probing: Probing) {}

  async probe(request: ProbeRequest) {
    this.pending++;
    try {
      return await this.probing.probe(request);
    } finally {
      this.pending--;
    }
  }

  close(): void {
    this.probing.close();
  }
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function open({ names = {}, isReal = false, probeSeconds = 3 } = {}) {
  const clock = new ManualClock(1_000);
  const bus = new MemoryBus();
  const resolve = async (name: string) => (names as Record<string, string[]>)[name] ?? [];
  const lookup = new HostLookup({}, { clock, resolve });
  const gate = new AttemptGate({ clock, random: () => 0.5 });
  const challenges = new Challenges({ minderId: MINDER }, { transport: bus.join(MINDER), clock });
  const probing = new FakeProbing(clock);
  const real = {
    udp: new CountedProbing(new UdpProbes()),
    http: new CountedProbing(new HttpProbes()),
  };
  const { udp, http } = isReal ? real : { udp: probing, http: probing };
  const random = new Prng(1);
  const prober = new Prober(
    { probeSeconds, probeTimeoutMs: isReal ? 100 : 5 },
    {
      clock,
      lookup,
      gate,
      challenges,
      probes: { udp, http, https: http },
      random: () => random.below(1_000) / 1_000,
    },
  );
  cleanups.push(() => prober.close());
  /** Runs for so long, in steps of a tenth of a second. */
  const run = async (seconds: number, nodes: readonly { id: string; addresses: string[] }[]) => {
    for (let step = 0; step < 10 * seconds; step++) {
      if (step % 10 === 0) prober.look(nodes);
      prober.tick();
      clock.advance(0.1);
      do await new Promise((done) => setImmediate(done));
      while (real.udp.pending + real.http.pending > 0);
    }
  };
  return { clock, prober, probing, gate, run };
}

const ONE = 'udp://192.0.2.1:6969';
const TWO = 'http://192.0.2.2:80/announce';

describe('the prober', () => {
  it('tries an address once with little, and then probes it each period', async () => {
    const { probing, prober, run } = open();
    await run(32, [{ id: A, addresses: [ONE, TWO] }]);
    const ofOne = probing.seen.filter(({ url }) => url === ONE);
    expect(ofOne.map(({ isAttempt }) => isAttempt).indexOf(false)).toBe(1);
    expect(ofOne.length).toBeGreaterThanOrEqual(10);
    expect(ofOne.length).toBeLessThanOrEqual(12);
    const [report] = prober.reports(A);
    expect(report).toMatchObject({ failures: 0, rttMs: 2, error: undefined });
    expect(report.okAgeMs).toBeLessThanOrEqual(3_000);
  });

  it('looks again soon after a first failure, and counts failures in a row', async () => {
    const { probing, prober, run } = open();
    const nodes = [{ id: A, addresses: [ONE] }];
    await run(10, nodes);
    probing.errors.set(ONE, 'timeout');
    probing.seen.length = 0;
    await run(10, nodes);
    const [first, second, third] = probing.seen.map((each) => each.second);
    expect(second - first).toBeLessThan(1.3);
    expect(third - second).toBeGreaterThan(2.7);
    expect(prober.reports(A)[0]).toMatchObject({ failures: probing.seen.length, error: 'timeout' });
    expect(prober.reports(A)[0].okAgeMs).toBeGreaterThan(8_000);
    probing.errors.clear();
    await run(4, nodes);
    expect(prober.reports(A)[0]).toMatchObject({ failures: 0, error: undefined });
  });

  it('takes an address for unproven again after ten minutes, and then tries it rarely', async () => {
    const { probing, prober, run } = open({ probeSeconds: 60 });
    const nodes = [{ id: A, addresses: [ONE] }];
    await run(10, nodes);
    probing.errors.set(ONE, 'not_proven');
    await run(700, nodes);
    expect(prober.reports(A)[0].okAgeMs).toBeUndefined();
    probing.seen.length = 0;
    await run(100, nodes);
    expect(probing.seen.length).toBeLessThanOrEqual(4);
    expect(probing.seen.every(({ isAttempt }) => isAttempt)).toBe(true);
  });

  it('probes each address of a name by itself, and not before the name is known', async () => {
    const names = { 't.example': ['192.0.2.1', '2001:db8::1', '0.0.0.0'] };
    const { prober, run } = open({ names });
    await run(3, [{ id: A, addresses: ['udp://t.example:6969', 'udp://unknown.example:1'] }]);
    expect(prober.reports(A).map(({ endpoint }) => endpoint.url)).toEqual([
      'udp://192.0.2.1:6969',
      'udp://[2001:db8::1]:6969',
    ]);
  });

  it('drops addresses that are advertised no more, and nodes that are gone', async () => {
    const { probing, prober, run } = open();
    await run(3, [
      { id: A, addresses: [ONE, TWO] },
      { id: B, addresses: [ONE] },
    ]);
    expect([...prober.nodeIds()]).toEqual([A, B]);
    await run(1, [{ id: A, addresses: [TWO] }]);
    expect([...prober.nodeIds()]).toEqual([A]);
    expect(prober.reports(A).map(({ endpoint }) => endpoint.url)).toEqual([TWO]);
    probing.seen.length = 0;
    await run(10, [{ id: A, addresses: [TWO] }]);
    expect(probing.seen.map(({ url }) => url)).not.toContain(ONE);
  });

  it('bounds the addresses of a node, and counts those that cannot be probed', async () => {
    const names = Object.fromEntries(
      Array.from({ length: 16 }, (_, name) => [
        `t${name}.example`,
        Array.from({ length: 8 }, (_, i) => `192.0.${name}.${i + 1}`),
      ]),
    );
    const addresses = Object.keys(names).map((name) => `udp://${name}:6969`);
    const { prober, run } = open({ names });
    await run(12, [{ id: A, addresses: [...addresses, 'rubbish'] }]);
    expect(prober.endpoints(A)).toHaveLength(32);
    expect(prober.counters.addressesRefused).toBeGreaterThan(96);
  });

  it('has a few probes of one node under way, and those that wait come first', async () => {
    const { prober, probing, run } = open();
    const addresses = Array.from({ length: 16 }, (_, i) => `udp://192.0.2.1:${i + 1}`);
    await run(10, [{ id: A, addresses }]);
    probing.hangs = true;
    await run(10, [{ id: A, addresses }]);
    expect(probing.hanging).toHaveLength(PROBES_PER_NODE_MAX);
    const first = new Set(probing.hanging.map(({ url }) => url));
    for (const { end } of probing.hanging.splice(0)) end();
    await run(4, [{ id: A, addresses }]);
    expect(probing.hanging).toHaveLength(PROBES_PER_NODE_MAX);
    expect(probing.hanging.filter(({ url }) => first.has(url))).toEqual([]);
    for (const { end } of probing.hanging.splice(0)) end();
    expect(prober.counters.probesFailed).toBe(0);
  });

  it('spreads the probes of many over the period', async () => {
    const { prober, probing, run, gate } = open();
    const nodes = Array.from({ length: 40 }, (_, i) => ({
      id: `n${i.toString(16).padStart(16, '0')}`,
      addresses: [`udp://198.51.100.${i + 1}:6969`],
    }));
    await run(20, nodes);
    expect(gate.counters.attempts).toBe(40);
    probing.seen.length = 0;
    await run(3, nodes);
    const perSecond = new Map<number, number>();
    for (const { second } of probing.seen) {
      const whole = Math.floor(second);
      perSecond.set(whole, 1 + (perSecond.get(whole) ?? 0));
    }
    expect(prober.counters.probesFailed).toBe(0);
    expect(Math.max(...perSecond.values())).toBeLessThan(30);
  });
});

describe('a victim whose address a node advertises', () => {
  it('gets a dozen packets in an hour and is never proven', async () => {
    const { prober, run } = open({ isReal: true });
    const victim = createSocket('udp4');
    cleanups.push(() => victim.close());
    let packets = 0;
    let bytes = 0;
    victim.on('message', (packet) => {
      packets++;
      bytes += packet.length;
      // It even answers: as something that is no tracker of this cluster.
      victim.send(packet, 1);
    });
    victim.bind(0, '127.0.0.1');
    await once(victim, 'listening');
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.resume();
      socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nd5:filesdee');
    });
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const addresses = [
      `udp://127.0.0.1:${victim.address().port}`,
      `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/announce`,
    ];
    for (let minute = 0; minute < 60; minute++) {
      // Another node, and a list that comes and goes: that gains nothing.
      await run(30, [{ id: A, addresses }]);
      await run(30, [{ id: B, addresses }]);
    }
    // 0, 5, 15, 35, 75, 155, 315, 635 s, then each ten minutes.
    expect(packets).toBeGreaterThan(10);
    expect(packets).toBeLessThanOrEqual(13);
    expect(bytes).toBe(16 * packets);
    expect(connections).toBeGreaterThan(10);
    expect(connections).toBeLessThanOrEqual(13);
    for (const id of [A, B]) {
      expect(prober.reports(id).filter(({ okAgeMs }) => okAgeMs !== undefined)).toEqual([]);
    }
  });
});
