/** How a node becomes a member and stays one, at a minder's real door. */
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeBusKey } from '../cluster/enrolment-keys.js';
import { type Identity, loadIdentity, saveIdentity } from '../cluster/identity.js';
import { IdentityKeeper, joinCluster } from '../cluster/identity-keeper.js';
import { SystemClock } from '../lib/clock.js';
import { createLogger } from '../lib/log.js';
import { LoggerSink } from '../lib/log-sink.js';
import type { ClusterSettings } from '../protocol/cluster/control.js';
import { MinderRig, type RigOptions, temporaryDirectory } from './minder-rig.testing.js';

const clock = new SystemClock();
const logger = createLogger({ level: 'silent', format: 'json', name: 'x' });
const NODE = { name: 'one', software: '1', advertise: [] };
const rigs: MinderRig[] = [];
const keepers: IdentityKeeper[] = [];
let directory = '';
let path = '';

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory, 'tracker', 'identity.json');
});
afterEach(async () => {
  await Promise.all(keepers.splice(0).map((keeper) => keeper.stop()));
  await Promise.all(rigs.splice(0).map((rig) => rig.stop()));
  rmSync(directory, { recursive: true, force: true });
});

async function startRig(options: RigOptions = {}): Promise<MinderRig> {
  const rig = await MinderRig.start(options);
  rigs.push(rig);
  return rig;
}

function joinAt(url: string, token: (() => Promise<string>) | undefined): Promise<Identity> {
  return joinCluster({ path, role: 'tracker', url, token, node: NODE }, { clock, logger });
}

interface Kept {
  readonly keeper: IdentityKeeper;
  readonly renewed: Identity[];
  readonly refused: string[];
}

function keep(identity: Identity, random = () => 0): Kept {
  const renewed: Identity[] = [];
  const refused: string[] = [];
  const keeper = new IdentityKeeper(
    { path, identity, node: NODE },
    {
      clock,
      log: new LoggerSink(logger),
      random,
      onRenewed: (fresh) => renewed.push(fresh),
      onServers: (fresh) => renewed.push(fresh),
      onRefused: (refusal) => refused.push(refusal),
    },
  );
  keepers.push(keeper);
  return { keeper, renewed, refused };
}

/** Looks until something is so; the test's own limit ends it. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((done) => setTimeout(done, 10));
}

const neverRead = async () => {
  throw new Error('the token was read');
};

describe('a node that joins', () => {
  it('keeps its identity for its owner alone, and needs no token the next time', async () => {
    const rig = await startRig();
    const identity = await joinAt(rig.url, async () => rig.token());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toContain(identity.nodeId);
    expect(await joinAt(rig.url, neverRead)).toEqual(identity);
    expect(await joinAt('', undefined)).toEqual(identity);
    expect(rig.enrolment.counters.enrolled).toBe(1);
  });

  it('needs a token again when its certificate has run out', async () => {
    const rig = await startRig();
    const identity = await joinAt(rig.url, async () => rig.token());
    saveIdentity(path, { ...identity, expiresWallMs: clock.wallMs() - 1 });
    await expect(joinAt(rig.url, undefined)).rejects.toMatchObject({ code: 'identity_missing' });
    const again = await joinAt(rig.url, async () => rig.token());
    expect(again.nodeId).not.toBe(identity.nodeId);
  });

  it('waits a while for a minder that is still starting', async () => {
    const rig = await startRig();
    const { url } = rig;
    await rig.stop({ keep: true });
    const token = rig.token();
    let asked = false;
    const joining = joinAt(url, async () => {
      asked = true;
      return token;
    });
    await until(() => asked);
    await startRig({ directory: rig.directory, port: Number(new URL(url).port) });
    expect((await joining).nodeId).toMatch(/^n/);
  });

  it('does not wait when it is refused, and keeps nothing', async () => {
    const rig = await startRig();
    const token = rig.token();
    rig.tokens.revoke(rig.tokens.list()[0].id);
    await expect(joinAt(rig.url, async () => token)).rejects.toMatchObject({
      refusal: 'token_revoked',
    });
    expect(existsSync(path)).toBe(false);
  });

  it('does not start with an identity that is damaged or open to others', async () => {
    const rig = await startRig();
    await joinAt(rig.url, async () => rig.token());
    const text = readFileSync(path, 'utf8');
    for (const damaged of [
      text.slice(0, 100),
      '{}',
      text.replace('"version": 1', '"version": 2'),
    ]) {
      writeFileSync(path, damaged);
      expect(() => loadIdentity(path)).toThrow(
        expect.objectContaining({ code: 'identity_damaged' }),
      );
    }
    writeFileSync(path, text);
    chmodSync(path, 0o640);
    expect(() => loadIdentity(path)).toThrow(expect.objectContaining({ code: 'file_exposed' }));
  });
});

describe('a member', () => {
  it('renews by itself at two thirds, with another key, and saves that', async () => {
    const rig = await startRig({ certificateSeconds: 600 });
    const joined = await joinAt(rig.url, async () => rig.token());
    const nowMs = clock.wallMs();
    // Half a second before two thirds of ten minutes.
    const ageMs = 399_500;
    const times = { issuedWallMs: nowMs - ageMs, expiresWallMs: nowMs - ageMs + 600_000 };
    const identity = { ...joined, ...times };
    const { keeper, renewed } = keep(identity);
    const startMs = performance.now();
    keeper.start();
    await until(() => renewed.length > 0);
    // Not before its time; how long after is the machine's business.
    expect(performance.now() - startMs).toBeGreaterThan(400);
    expect(renewed[0].nodeId).toBe(identity.nodeId);
    expect(renewed[0].certificate).not.toBe(identity.certificate);
    expect(renewed[0].key).not.toBe(identity.key);
    expect(loadIdentity(path)).toEqual(keeper.identity);
    expect(keeper.counters.failed).toBe(0);
  });

  it('goes on trying while its minder is away', async () => {
    const rig = await startRig({ certificateSeconds: 60 });
    const identity = await joinAt(rig.url, async () => rig.token());
    const { keeper, renewed } = keep(identity);
    await rig.stop({ keep: true });
    await keeper.renewNow();
    expect([keeper.counters.failed, renewed.length]).toEqual([1, 0]);
    expect(keeper.identity).toBe(identity);
    await startRig({ directory: rig.directory, port: Number(new URL(rig.url).port) });
    await until(() => renewed.length === 1);
  });

  it('is told when it is out, and asks no more', async () => {
    const rig = await startRig();
    const identity = await joinAt(rig.url, async () => rig.token());
    const value = { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' };
    rig.state.commit([{ kind: 'revocation', id: identity.nodeId, value }]);
    const { keeper, renewed, refused } = keep(identity);
    await keeper.renewNow();
    expect([renewed.length, refused]).toEqual([0, ['node_revoked']]);
  });

  it('is not out because a minder does not understand it', async () => {
    const rig = await startRig();
    const identity = await joinAt(rig.url, async () => rig.token());
    // Another bus key is refused as a request of another version would be.
    const bus = { ...identity.bus, seed: makeBusKey().seed };
    const { keeper, refused } = keep({ ...identity, bus });
    await keeper.renewNow();
    expect(rig.lastRefusal()).toBe('request_invalid');
    expect([keeper.counters.failed, refused]).toEqual([1, []]);
  });

  it('keeps newer settings for the next start, and tells only of other buses', async () => {
    const rig = await startRig();
    const identity = await joinAt(rig.url, async () => rig.token());
    const { keeper, renewed } = keep(identity);
    const settings: ClusterSettings = {
      version: 1,
      type: 'settings',
      revision: identity.revision + 1,
      minder: rig.state.minderId,
      keyRing: { ...identity.keyRing, generation: identity.keyRing.generation + 1 },
      revoked: [],
      minders: [{ id: rig.state.minderId, urls: ['https://other:7443'], bus: [] }],
    };
    keeper.noteSettings(settings);
    expect(loadIdentity(path)).toMatchObject({
      revision: settings.revision,
      keyRing: settings.keyRing,
      minders: ['https://other:7443', ...identity.minders],
    });
    expect(renewed).toEqual([]);
    // Older than what it has.
    keeper.noteSettings({ ...settings, keyRing: identity.keyRing });
    expect(keeper.identity.keyRing).toEqual(settings.keyRing);
    const [minder] = settings.minders;
    const moved = { ...minder, bus: ['tls://other:7422'] };
    keeper.noteSettings({ ...settings, revision: settings.revision + 1, minders: [moved] });
    expect(renewed.map(({ bus }) => bus.urls)).toEqual([
      ['tls://other:7422', ...identity.bus.urls],
    ]);
  });

  it('takes keys by their own version, whatever revision a minder counts', async () => {
    const rig = await startRig();
    const identity = await joinAt(rig.url, async () => rig.token());
    const { keeper } = keep(identity);
    const [one, two] = [`n${'1'.repeat(16)}`, `n${'2'.repeat(16)}`];
    const nowMs = clock.wallMs();
    const word = (minder: string, revision: number, stamp: number, generation: number) => {
      const keyRing = { ...identity.keyRing, generation };
      return {
        version: 1,
        type: 'settings',
        revision,
        minder,
        keyRing,
        keyRingVersion: [stamp, minder] as [number, string],
        revoked: [],
        minders: [],
      } as const;
    };
    const note = (settings: ReturnType<typeof word>) =>
      keeper.noteSettings({ ...settings, revoked: [], minders: [] });
    expect(note(word(one, identity.revision + 9, nowMs, 50))).toBe(true);
    // Said by one who has not met the first: under a lower revision, but newer.
    expect(note(word(two, 1, nowMs + 1, 51))).toBe(true);
    expect(note(word(one, identity.revision + 10, nowMs, 50))).toBe(false);
    expect(keeper.identity.keyRing.generation).toBe(51);
    expect(loadIdentity(path)).toMatchObject({ keyRingVersion: [nowMs + 1, two] });
    // A clock that is days ahead has its say only until one that is right speaks.
    expect(note(word(one, 1, nowMs + 5 * 86_400_000, 60))).toBe(false);
    expect(keeper.identity.keyRing.generation).toBe(51);
  });
});
