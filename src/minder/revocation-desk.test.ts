import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { createLogger } from '../lib/log.js';
import type { KnownRevocation, Upheld } from './bus-signer.js';
import { ClusterKeys } from './cluster-keys.js';
import { ControlState } from './control-state.js';
import { nodeRecord, temporaryDirectory } from './minder-rig.testing.js';
import { RevocationDesk } from './revocation-desk.js';

const NODE = `n${'a'.repeat(16)}`;
const LIFETIME_MS = 3_600_000;
const logger = createLogger({ level: 'silent', format: 'json', name: 'x' });
let directory = '';
let clock: ManualClock;
let state: ControlState;
let keys: ClusterKeys;
/** What the bus was told, with the generation of keys at that moment. */
let told: [key: string, generation: number][];

beforeEach(() => {
  directory = temporaryDirectory();
  clock = new ManualClock();
  told = [];
  load();
  state.commit([{ kind: 'node', id: NODE, value: nodeRecord('a', 'UKEY') }]);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function load(): void {
  state = new ControlState({ path: join(directory, 'state.json') }, { clock });
  keys = new ClusterKeys({ rotationSeconds: 600 }, { state, clock });
}

function desk(outcome: () => { live: boolean; effectiveWallMs: number }): RevocationDesk {
  const bus = {
    lifetimeMsMax: LIFETIME_MS,
    revoke: async (key: string) => {
      told.push([key, keys.ring.generation]);
      return outcome();
    },
    uphold: async () => ({ fresh: [], live: true, canCut: true }),
  };
  return new RevocationDesk({ state, keys, bus, clock, logger });
}

const live = () => ({ live: true, effectiveWallMs: clock.wallMs() });

describe('a revocation', () => {
  it('is recorded, then cuts off, then replaces the keys', async () => {
    const { generation } = keys.ring;
    expect(await desk(live).revoke(NODE)).toEqual({ live: true, effectiveMs: clock.wallMs() });
    expect(told).toEqual([['UKEY', generation]]);
    expect(keys.ring.generation).toBe(generation + 3);
    expect(state.get('revocation', NODE)?.effectiveMs).toBe(clock.wallMs());
  });

  it('that was interrupted is completed after the next start, and only that', async () => {
    const fails = desk(() => {
      throw new Error('killed here');
    });
    await expect(fails.revoke(NODE)).rejects.toThrow('killed here');
    const { generation } = keys.ring;
    load();
    expect(state.get('revocation', NODE)).toBeDefined();
    await desk(live).resume();
    expect(told).toHaveLength(2);
    expect(keys.ring.generation).toBe(generation + 3);
    await desk(live).resume();
    expect(told).toHaveLength(2);
  });

  it('that is not live replaces the keys again once it is', async () => {
    const endMs = clock.wallMs() + 60_000;
    const outcome = await desk(() => ({ live: false, effectiveWallMs: endMs })).revoke(NODE);
    expect(outcome).toEqual({ live: false, effectiveMs: endMs });
    const { generation } = keys.ring;
    clock.advance(60);
    expect(keys.rotateIfDue()).toBe(true);
    expect(keys.ring.generation).toBe(generation + 3);
  });
});

describe('a revocation by another minder', () => {
  const OTHER = `n${'f'.repeat(16)}`;
  /** What our bus was told, and what it answers. */
  let known: Set<string>;
  let answer: Omit<Upheld, 'fresh'>;
  let rank = 0;

  beforeEach(() => {
    known = new Set();
    answer = { live: true, canCut: true };
    rank = 0;
  });

  function follower(): RevocationDesk {
    const bus = {
      lifetimeMsMax: LIFETIME_MS,
      revoke: async () => live(),
      uphold: async (list: readonly KnownRevocation[]): Promise<Upheld> => {
        const fresh = list.map(({ publicKey }) => publicKey).filter((key) => !known.has(key));
        for (const key of fresh) known.add(key);
        return { fresh, ...answer };
      },
    };
    const order = { others: () => [OTHER], rank: () => rank };
    return new RevocationDesk({ state, keys, bus, order, clock, logger });
  }

  /** As the other minder writes it: when the node was revoked, when that took effect. */
  function hear(revokedMs: number, effectiveMs: number): void {
    const value = { revokedMs, effectiveMs, busPublicKey: 'UKEY' };
    const stamp = state.revision + 1;
    state.merge([{ kind: 'revocation', id: NODE, stamp, by: OTHER, value }]);
  }

  const beginning = () => hear(clock.wallMs(), clock.wallMs() + LIFETIME_MS);

  it('is put into our bus as soon as it is heard, or at the start when it was heard before', async () => {
    const first = follower();
    first.follow();
    await first.uphold();
    beginning();
    await first.uphold();
    expect([...known]).toEqual(['UKEY']);
    first.stop();
    known.clear();
    const second = follower();
    second.follow();
    await second.uphold();
    expect([...known]).toEqual(['UKEY']);
  });

  it('is completed by that minder: we replace no keys when it does', async () => {
    const ours = follower();
    beginning();
    await ours.uphold();
    const { generation } = keys.ring;
    clock.advance(1);
    state.commit([keys.replacement()]);
    clock.advance(60);
    ours.tick();
    keys.rotateIfDue();
    expect(keys.ring.generation).toBe(generation + 3);
  });

  it('has its keys replaced by us when that minder does not, in our turn', async () => {
    rank = 1;
    const ours = follower();
    beginning();
    await ours.uphold();
    const { generation } = keys.ring;
    clock.advance(49);
    ours.tick();
    expect(keys.ring.generation).toBe(generation);
    clock.advance(1);
    ours.tick();
    expect(keys.ring.generation).toBe(generation + 3);
    ours.tick();
    expect(keys.ring.generation).toBe(generation + 3);
  });

  it('that we hear of late has the keys replaced once more: our bus may have told the node', async () => {
    const ours = follower();
    const revokedMs = clock.wallMs();
    clock.advance(2);
    state.commit([keys.replacement()]);
    hear(revokedMs, clock.wallMs());
    clock.advance(10);
    await ours.uphold();
    const { generation } = keys.ring;
    expect(keys.rotateIfDue()).toBe(true);
    expect(keys.ring.generation).toBe(generation + 3);
    await ours.uphold();
    expect(keys.rotateIfDue()).toBe(false);
  });

  it('is offered to our bus again until it is taken', async () => {
    answer = { live: false, canCut: true };
    const ours = follower();
    const revokedMs = clock.wallMs();
    clock.advance(2);
    state.commit([keys.replacement()]);
    hear(revokedMs, clock.wallMs());
    await ours.uphold();
    const { effectiveMs } = state.get('revocation', NODE)!;
    answer = { live: true, canCut: true };
    clock.advance(4);
    ours.tick();
    clock.advance(1);
    ours.tick();
    await ours.uphold();
    // From when on it hears nothing from us.
    expect(effectiveMs).toBeLessThan(clock.wallMs());
    expect(state.get('revocation', NODE)?.effectiveMs).toBe(clock.wallMs());
  });

  it("lasts, on somebody else's bus, as long as what we signed meanwhile", async () => {
    answer = { live: true, canCut: false };
    const ours = follower();
    const revokedMs = clock.wallMs();
    const renewedMs = revokedMs + 600_000;
    state.commit([{ kind: 'node', id: NODE, value: { ...nodeRecord('a', 'UKEY'), renewedMs } }]);
    hear(revokedMs, revokedMs + LIFETIME_MS);
    await ours.uphold();
    expect(state.get('revocation', NODE)?.effectiveMs).toBe(renewedMs + LIFETIME_MS);
  });

  it('is not resumed by us, but ours is', async () => {
    beginning();
    const asked: string[] = [];
    const bus = {
      lifetimeMsMax: LIFETIME_MS,
      revoke: async (key: string) => {
        asked.push(key);
        return live();
      },
      uphold: async () => ({ fresh: [], live: true, canCut: true }),
    };
    await new RevocationDesk({ state, keys, bus, clock, logger }).resume();
    expect(asked).toEqual([]);
  });
});
