import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryBus } from '../cluster/memory-bus.js';
import { SystemClock } from '../lib/clock.js';
import type { ControlState } from './control-state.js';
import { HealthDesk } from './health-desk.js';
import { nodeRecord, temporaryDirectory } from './minder-rig.testing.js';
import type { NodeRegistry } from './node-registry.js';
import { heartbeatOf, openRegistry } from './registry-rig.testing.js';
import { TrackerStand } from './tracker-stand.testing.js';

const A = `n${'a'.repeat(16)}`;
const B = `n${'b'.repeat(16)}`;

let directory = '';
let bus: MemoryBus;
let isLost: (from: string, to: string) => boolean = () => false;
const systemClock = new SystemClock();
const clock = systemClock;
const lines: string[] = [];
const log = {
  log: (level: string, msg: string) => {
    lines.push(`${level} ${msg}`);
  },
};
const cleanups: (() => unknown)[] = [];

beforeEach(() => {
  directory = temporaryDirectory();
  lines.length = 0;
  isLost = () => false;
  const delivery = (from: string, to: string) => (isLost(from, to) ? [] : [0]);
  bus = new MemoryBus({ nowMs: clock.monotonicMs(), delivery });
  const pump = setInterval(() => bus.advance(clock.monotonicMs()), 5);
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  cleanups.push(() => clearInterval(pump));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A minder's part that judges, with its own files. */
function minder(name: string, clock = systemClock) {
  const folder = join(directory, name);
  const { state, registry } = openRegistry(folder, clock, name);
  const desk = new HealthDesk(
    {
      probeSeconds: 1,
      probeTimeoutMs: 1_000,
      flapSeconds: 60,
      zone: 'tracker.example.org',
      setPath: join(folder, 'tracker-set.json'),
    },
    { state, registry, clock, log },
  );
  const transport = bus.join(state.minderId);
  cleanups.push(() => desk.stop());
  return { state, registry, desk, transport };
}

/** What a tracker says each second, to all these minders. */
function beating(
  nodeId: string,
  addresses: () => readonly string[],
  minders: readonly { registry: NodeRegistry; state: ControlState }[],
  software: () => string | undefined = () => '1',
) {
  for (const { state } of minders) {
    state.commit([{ kind: 'node', id: nodeId, value: nodeRecord(nodeId) }]);
  }
  const beat = () => {
    const heartbeat = heartbeatOf(nodeId, clock, {
      addresses: [...addresses()],
      software: software(),
    });
    for (const { registry } of minders) registry.note(nodeId, heartbeat);
  };
  beat();
  const timer = setInterval(beat, 500);
  cleanups.push(() => clearInterval(timer));
}

async function stand(nodeId: string, hosts: readonly string[]): Promise<TrackerStand> {
  const made = await TrackerStand.start({ nodeId, hosts }, bus.join(nodeId));
  cleanups.push(() => made.stop());
  return made;
}

/** Until something is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((done) => setTimeout(done, 20));
}

function shown({ registry }: { registry: NodeRegistry }, id: string) {
  return registry.nodes().find((node) => node.id === id)!;
}

describe('the health desk', () => {
  it('publishes trackers that answer, lets go of one that does not, and takes it back', async () => {
    const one = minder('one');
    const a = await stand(A, ['127.0.0.1', '::1']);
    let b = await stand(B, ['127.0.0.2']);
    beating(A, () => a.addresses, [one]);
    beating(B, () => b.addresses, [one]);
    one.desk.start(one.transport);
    await until(() => one.desk.set().addresses4.length === 2);
    await until(() => one.desk.set().addresses6.length === 1);
    expect(one.desk.dns()).toMatchObject({
      zone: 'tracker.example.org',
      addresses4: ['127.0.0.1', '127.0.0.2'],
      addresses6: ['::1'],
      trackers: [
        { id: A, state: 'healthy' },
        { id: B, state: 'healthy' },
      ],
    });
    expect(shown(one, A).probes).toHaveLength(4);
    expect(one.desk.stats()).toMatchObject({
      dns: { trackers: 2, addresses4: 2, addresses6: 1 },
      probes: { failed: 0 },
    });
    // Its heartbeats go on: only probes find out.
    await b.stop();
    await until(() => !one.desk.set().addresses4.includes('127.0.0.2'));
    await until(() => shown(one, B).state === 'unreachable');
    expect(shown(one, B)).toMatchObject({ state: 'unreachable', reason: 'probes' });
    expect(shown(one, A).state).toBe('healthy');
    expect(lines).toContain('warn a tracker is unreachable');
    b = await stand(B, ['127.0.0.2']);
    await until(() => one.desk.set().addresses4.includes('127.0.0.2'));
    expect(shown(one, B).state).toBe('healthy');
  });

  it('never publishes an address that is somebody else’s', async () => {
    const one = minder('one');
    const a = await stand(A, ['127.0.0.1']);
    beating(A, () => a.addresses, [one]);
    // B advertises what is A's.
    bus.join(B);
    beating(B, () => a.addresses, [one]);
    one.desk.start(one.transport);
    await until(() => one.desk.set().addresses4.length === 1);
    await until(() => one.desk.counters().probe_attempts_failed >= 2);
    one.desk.judge();
    expect(one.desk.dns().trackers.map(({ id }) => id)).toEqual([A]);
    expect(shown(one, B).probes?.map(({ state, error }) => [state, error])).toEqual([
      ['unverified', 'not_proven'],
      ['unverified', 'not_proven'],
    ]);
  });

  it('leaves a tracker of the version before in peace, and takes it in once it is upgraded', async () => {
    const one = minder('one');
    const [a, b] = [await stand(A, ['127.0.0.1']), await stand(B, ['127.0.0.2'])];
    let software: string | undefined;
    beating(A, () => a.addresses, [one]);
    beating(
      B,
      () => b.addresses,
      [one],
      () => software,
    );
    one.desk.start(one.transport);
    await until(() => one.desk.set().addresses4.length === 1);
    one.desk.judge();
    expect(shown(one, B)).toMatchObject({ state: 'healthy', reason: null });
    expect(shown(one, B).probes ?? []).toEqual([]);
    software = '1';
    await until(() => one.desk.set().addresses4.length === 2);
    expect(one.desk.counters().probe_attempts_failed).toBe(0);
  });

  it('blames nobody for the time in which it stood still itself', async () => {
    const still = new (class extends SystemClock {
      aheadMs = 0;
      override monotonicMs() {
        return super.monotonicMs() + this.aheadMs;
      }
      override monotonicSeconds() {
        return Math.floor(this.monotonicMs() / 1000);
      }
    })();
    const one = minder('one', still);
    const a = await stand(A, ['127.0.0.1']);
    beating(A, () => a.addresses, [one]);
    one.desk.start(one.transport);
    await until(() => shown(one, A).probes?.every(({ state }) => state === 'well') === true);
    one.desk.judge();
    still.aheadMs = 15_000;
    one.desk.judge();
    expect(one.desk.verdict(A)?.state).toBe('healthy');
    // It goes on as before: who is silent after that is silent.
    one.desk.judge();
    expect(one.desk.verdict(A)?.state).toBe('unreachable');
  });

  it('believes what another minder reached', async () => {
    const [one, two] = [minder('one'), minder('two')];
    for (const { state, other } of [
      { state: one.state, other: two.state.minderId },
      { state: two.state, other: one.state.minderId },
    ]) {
      state.commit([{ kind: 'node', id: other, value: { ...nodeRecord(other), role: 'minder' } }]);
    }
    const a = await stand(A, ['127.0.0.1']);
    const b = await stand(B, ['127.0.0.2']);
    beating(A, () => a.addresses, [one, two]);
    beating(B, () => b.addresses, [one, two]);
    // Challenges of the second minder never reach B, so it can prove nothing of it.
    isLost = (from, to) => from === two.state.minderId && to === B;
    one.desk.start(one.transport);
    two.desk.start(two.transport);
    await until(() => two.desk.set().addresses4.length === 2);
    expect(two.desk.counters().health_messages_heard).toBeGreaterThan(0);
    await b.stop();
    await until(() => two.desk.set().addresses4.length === 1);
    expect(two.desk.set().addresses4).toEqual(['127.0.0.1']);
  });
});
