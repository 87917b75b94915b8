import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { enrol } from '../cluster/enrolment-client.js';
import type { Identity } from '../cluster/identity.js';
import { askMinder, parseMinderUrl } from '../cluster/minder-request.js';
import { SystemClock } from '../lib/clock.js';
import { createLogger } from '../lib/log.js';
import { writePrivateFile } from '../lib/private-file.js';
import type { NodeRole } from '../protocol/cluster/enrolment.js';
import { ADMISSION_VERSION, MINDER_PATH } from '../protocol/cluster/minder-admission.js';
import { BusAccounts, type BusSeeds } from './bus-accounts.js';
import { type ControlChange, ControlState } from './control-state.js';
import { layFoundation } from './foundation.js';
import { MinderCheckIn } from './minder-check-in.js';
import { joinMinders, type MinderJoinOptions, minderIdentityPath } from './minder-join.js';
import { MinderRig, nodeRecord, temporaryDirectory } from './minder-rig.testing.js';
import { MinderRoster } from './minder-roster.js';
import { OwnKeys } from './own-keys.js';

const clock = new SystemClock();
const NODE = { name: 'second', software: '0.1.0', advertise: [] };
const PIN = 'ab'.repeat(32);
const rigs: MinderRig[] = [];
const folders: string[] = [];
const written: string[] = [];
const logger = createLogger(
  { level: 'trace', format: 'json', name: 'test' },
  { output: { write: (line) => written.push(line) } },
);

afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.stop()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const path = temporaryDirectory();
  folders.push(path);
  return path;
}

async function busSeeds(): Promise<BusSeeds> {
  const options = { directory: folder(), lifetimeMsMax: 1_000 };
  return (await BusAccounts.open(options, { clock })).seeds;
}

async function startRig(options: Parameters<typeof MinderRig.start>[0] = {}): Promise<MinderRig> {
  const rig = await MinderRig.start({ busSeeds: await busSeeds(), ...options });
  rigs.push(rig);
  return rig;
}

/** Joins from a directory, as a start of the process does. */
function joinFrom(directory: string, options: Partial<MinderJoinOptions>): Promise<void> {
  const keys = OwnKeys.open(directory);
  return joinMinders(
    {
      directory,
      peer: '',
      node: NODE,
      external: false,
      lifetimeMsMax: 1_000,
      patienceMs: 0,
      ...options,
    },
    { keys, clock, logger },
  );
}

function memberOf(rig: MinderRig, role: NodeRole): Promise<Identity> {
  return enrol({ role, url: rig.url, token: rig.token({ role }), node: NODE }, { clock });
}

function ask(rig: MinderRig, { ca, certificate, key }: Identity, body: unknown): Promise<unknown> {
  const credentials = { certificate, key };
  const request = { path: MINDER_PATH, body, ca, credentials, timeoutMs: 10_000 };
  return askMinder(parseMinderUrl(rig.url), request);
}

const ALL = { version: ADMISSION_VERSION, wants: 'all', routePin: PIN, external: false } as const;

describe('a minder that joins', () => {
  it('has what the first one has, under an id of its own', async () => {
    const rig = await startRig();
    rig.state.commit([
      { kind: 'node', id: 'n0123456789abcdef', value: nodeRecord('some tracker') },
    ]);
    const directory = folder();
    const token = rig.token({ role: 'minder' });
    await joinFrom(directory, { peer: rig.url, token: async () => token });
    const state = new ControlState({ path: join(directory, 'state.json') }, { clock });
    expect(state.minderId).not.toBe(rig.state.minderId);
    expect(state.root()).toBe(rig.state.root());
    for (const name of ['cluster.key', 'cluster.crt', 'route.key', 'route.crt']) {
      const file = join(directory, 'ca', name);
      expect(readFileSync(file, 'utf8')).toBe(
        readFileSync(join(rig.directory, name.replace('route', 'cluster')), 'utf8'),
      );
      expect(statSync(file).mode & 0o077).toBe(0);
    }
    // Its server's key is known before it dials.
    const { routePin } = OwnKeys.open(directory);
    expect(rig.state.get('minder', state.minderId)).toMatchObject({ routePin, urls: [] });
    // What was handed over is in no log, on either side.
    const secrets = [/PRIVATE KEY/, /\bS[AOU][A-Z2-7]{56}\b/, /tbt1\./];
    for (const line of [...written, ...rig.lines.map((line) => JSON.stringify(line))]) {
      for (const secret of secrets) expect(line).not.toMatch(secret);
    }
  });

  it.each([
    [['own-keys.json'], 'keys alone'],
    [['own-keys.json', 'identity.json'], 'an identity'],
    [['own-keys.json', 'identity.json', 'ca'], 'authorities'],
    [['own-keys.json', 'identity.json', 'ca', 'bus'], 'all but the state'],
  ])('goes on from %s: %s', async (kept) => {
    const rig = await startRig();
    const token = rig.token({ role: 'minder' });
    const directory = folder();
    const given = { peer: rig.url, token: async () => token };
    await joinFrom(directory, given);
    const { minderId } = new ControlState({ path: join(directory, 'state.json') }, { clock });
    for (const name of ['own-keys.json', 'identity.json', 'ca', 'bus', 'state.json']) {
      if (!kept.includes(name)) rmSync(join(directory, name), { recursive: true, force: true });
    }
    // With an identity neither URL nor token is needed; without one the token is not spent twice.
    await joinFrom(directory, kept.includes('identity.json') ? {} : given);
    const state = new ControlState({ path: join(directory, 'state.json') }, { clock });
    expect(state.minderId).toBe(minderId);
    expect(rig.state.list('node').filter(([, { role }]) => role === 'minder')).toHaveLength(1);
    expect(rig.tokens.list()).toMatchObject([{ uses: 1 }]);
  });

  it('begins no cluster of its own once it has an identity', async () => {
    const rig = await startRig();
    const data = folder();
    const directory = join(data, 'minder');
    const options = {
      data,
      certificateSeconds: 3_600,
      keyRotationSeconds: 600,
      node: NODE,
      external: false,
      bound: [],
    };
    const token = rig.token({ role: 'minder' });
    const given = { peer: rig.url, token: async () => token };
    const first = await layFoundation({ ...options, ...given }, { clock, logger });
    expect(first.authorities.cluster.certificatePem).toBe(rig.authority.certificatePem);
    expect(first.keys.digestKey).toBe(rig.keys.digestKey);
    rmSync(join(directory, 'state.json'));
    await rig.stop({ keep: true });
    await expect(layFoundation({ ...options, peer: '' }, { clock, logger })).rejects.toMatchObject({
      code: 'minder_unreachable',
    });
    expect(existsSync(join(directory, 'state.json'))).toBe(false);
    expect(existsSync(minderIdentityPath(directory))).toBe(true);
  });

  it('has and keeps a cluster of its own without --peer, and then ignores --peer', async () => {
    const data = folder();
    const options = {
      data,
      certificateSeconds: 3_600,
      keyRotationSeconds: 600,
      node: NODE,
      external: false,
      bound: [],
    };
    const { state } = await layFoundation({ ...options, peer: '' }, { clock, logger });
    const token = () => Promise.reject(new Error('it was asked for'));
    const again = await layFoundation(
      { ...options, peer: 'https://192.0.2.1:1', token },
      { clock, logger },
    );
    expect(again.state.minderId).toBe(state.minderId);
    expect(again.ownKeys.routePin).toMatch(/^[0-9a-f]{64}$/);
  });

  it('and the first agree about whose bus it is, or part', async () => {
    const [own, foreign] = [await startRig(), await startRig({ busSeeds: null })];
    for (const [rig, external] of [
      [own, true],
      [foreign, false],
    ] as const) {
      const token = rig.token({ role: 'minder' });
      const directory = folder();
      const given = { peer: rig.url, token: async () => token, external };
      await expect(joinFrom(directory, given)).rejects.toMatchObject({
        code: 'minder_bus_differs',
      });
      // The same token is good for the start that is right.
      await joinFrom(directory, { external: !external });
      expect(existsSync(join(directory, 'bus', 'accounts.json'))).toBe(external);
    }
  });

  it('is told when it was revoked meanwhile', async () => {
    const rig = await startRig();
    const token = rig.token({ role: 'minder' });
    const directory = folder();
    await joinFrom(directory, { peer: rig.url, token: async () => token });
    const { minderId } = new ControlState({ path: join(directory, 'state.json') }, { clock });
    rmSync(join(directory, 'state.json'));
    revoke(rig, minderId);
    await expect(joinFrom(directory, {})).rejects.toMatchObject({ code: 'minder_revoked' });
  });

  it('takes no other authority than the one that its token names', async () => {
    const [rig, other] = [await startRig(), await startRig()];
    const directory = folder();
    const token = rig.token({ role: 'minder' });
    await joinFrom(directory, { peer: rig.url, token: async () => token });
    rmSync(join(directory, 'state.json'));
    // The one who answers there now is another's minder.
    knowOnly(directory, other.url);
    const joining = joinFrom(directory, { peer: other.url });
    await expect(joining).rejects.toMatchObject({ code: 'minder_not_trusted' });
  });
});

/** Lets an identity know of one minder alone. */
function knowOnly(directory: string, url: string): void {
  const path = minderIdentityPath(directory);
  const identity = JSON.parse(readFileSync(path, 'utf8'));
  writePrivateFile(path, JSON.stringify({ ...identity, minders: [url] }));
}

function revoke(rig: MinderRig, id: string): void {
  const value = { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' };
  rig.state.commit([{ kind: 'revocation', id, value }]);
}

describe('what makes a minder', () => {
  it('goes to no tracker, no stranger, and nobody who was revoked', async () => {
    const rig = await startRig();
    const tracker = await memberOf(rig, 'tracker');
    await expect(ask(rig, tracker, ALL)).rejects.toMatchObject({ refusal: 'certificate_invalid' });
    expect(rig.lastRefusal()).toBe('minder_role');
    const minder = await memberOf(rig, 'minder');
    expect(await ask(rig, minder, ALL)).toHaveProperty('authorities');
    revoke(rig, minder.nodeId);
    await expect(ask(rig, minder, ALL)).rejects.toMatchObject({ refusal: 'node_revoked' });
    // A certificate of ours that names a minder which never enrolled.
    const grant = { role: 'minder', nodeId: `n${'0'.repeat(16)}`, lifetimeMs: 3_600_000 } as const;
    const ghost = { ...minder, ...(await rig.authority.issue(grant)) };
    await expect(ask(rig, ghost, ALL)).rejects.toMatchObject({ refusal: 'node_unknown' });
    const stranger = await startRig();
    const foreign = await memberOf(stranger, 'minder');
    await expect(ask(rig, { ...foreign, ca: minder.ca }, ALL)).rejects.toMatchObject({
      refusal: 'certificate_invalid',
    });
  });

  it.each([{}, { ...ALL, wants: 'more' }, { ...ALL, routePin: 'x' }, { ...ALL, version: 2 }])(
    'is not given for %j',
    async (body) => {
      const rig = await startRig();
      const minder = await memberOf(rig, 'minder');
      await expect(ask(rig, minder, body)).rejects.toMatchObject({ refusal: 'request_invalid' });
    },
  );

  it('is given to a newer minder that says more than we ask', async () => {
    const rig = await startRig();
    const minder = await memberOf(rig, 'minder');
    const more = { ...ALL, wants: 'word', extra: 1 };
    expect(await ask(rig, minder, more)).toMatchObject({ nodeId: rig.state.minderId });
  });

  it('is more than a word', async () => {
    const rig = await startRig();
    const minder = await memberOf(rig, 'minder');
    expect(await ask(rig, minder, { ...ALL, wants: 'word' })).toEqual({
      version: 1,
      nodeId: rig.state.minderId,
      external: false,
    });
  });
});

describe('asking the others', () => {
  it('says that this minder is out, only when one of them does', async () => {
    const rig = await startRig();
    const minder = await memberOf(rig, 'minder');
    const directory = folder();
    const state = new ControlState(
      { path: join(directory, 'state.json'), minderId: minder.nodeId },
      { clock },
    );
    state.merge(rig.state.entries());
    const other = (id: string, urls: string[]): ControlChange[] => [
      { kind: 'node', id, value: { ...nodeRecord('m'), role: 'minder' } },
      { kind: 'minder', id, value: { urls, bus: [], routes: [] } },
    ];
    state.commit([
      ...other(rig.state.minderId, ['https://127.0.0.1:1', rig.url]),
      ...other('n1111111111111111', ['https://127.0.0.1:1']),
    ]);
    const keys = OwnKeys.open(directory);
    let revoked = 0;
    const checkIn = new MinderCheckIn(
      { ca: minder.ca, routePin: keys.routePin, external: false },
      {
        roster: new MinderRoster(NODE, { state, keys, clock }),
        credentials: () => minder,
        heard: () => 0,
        onRevoked: () => revoked++,
        clock,
      },
    );
    expect(await checkIn.ask()).toBe(false);
    expect(checkIn.counters).toEqual({ member: 1, revoked: 0, unanswered: 1 });
    revoke(rig, minder.nodeId);
    expect(await checkIn.ask()).toBe(true);
    expect(revoked).toBe(1);
  });
});
