/** The minder as it runs, with a real bus server behind it, in this process. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { nodesCommand } from '../../../src/cli/nodes.js';
import { revokeCommand } from '../../../src/cli/revoke.js';
import { tokenCommand } from '../../../src/cli/token.js';
import { renew } from '../../../src/cluster/enrolment-client.js';
import {
  type ClusterSettings,
  CONTROL_ALL,
  controlRequestSubject,
  controlSubject,
  decodeSettings,
  encodeControl,
} from '../../../src/protocol/cluster/control.js';
import { temporaryFolder } from '../../support/tracker-process.js';
import {
  beatOf,
  busOf,
  cleanUp,
  clock,
  command,
  createToken,
  joinMinder,
  NODE,
  nodesOf,
  startMinder,
  until,
} from './running-minder.js';

afterEach(cleanUp);

describe('a minder', () => {
  it('says where it is, and lets a node in that then speaks on its bus', async () => {
    const minder = await startMinder();
    expect(minder.ready).toMatchObject({
      id: expect.stringMatching(/^n[0-9a-f]{16}$/),
      enrol: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      bus: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      admin: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
    const identity = await joinMinder(minder);
    expect(identity.bus.urls).toEqual([`tls://${minder.ready.bus}`]);
    const bus = busOf(identity);
    const heard: ClusterSettings[] = [];
    bus.subscribe(CONTROL_ALL, (_subject, payload) => heard.push(decodeSettings(payload)!));
    bus.subscribe(controlSubject(identity.nodeId), (_subject, payload) =>
      heard.push(decodeSettings(payload)!),
    );
    const beats: string[] = [];
    bus.subscribe('hb.*', (subject) => beats.push(subject));
    await until(() => bus.connected);
    bus.publish(
      controlRequestSubject(identity.nodeId),
      encodeControl({ version: 1, type: 'settings_wanted', revision: 0 }),
    );
    const settings = await until(() => heard[0]);
    expect(settings).toMatchObject({ minder: minder.ready.id, keyRing: identity.keyRing });
    expect(settings.minders[0].bus).toEqual(identity.bus.urls);
    bus.publish(`hb.${identity.nodeId}`, beatOf(identity));
    const row = await until(async () =>
      (await nodesOf(minder.data)).find(
        ({ id, state }) => id === identity.nodeId && state === 'healthy',
      ),
    );
    expect(row).toMatchObject({ peers: 7, version: '0.1.0', recordsOut: 6 });
    await until(() => beats.includes(`hb.${minder.ready.id}`));
    const admin = await fetch(`http://${minder.ready.admin}/api/v1/cluster`);
    expect(await admin.json()).toMatchObject({ self: minder.ready.id, busConnected: true });
    const metrics = await (await fetch(`http://${minder.ready.admin}/metrics`)).text();
    expect(metrics).toContain('trackerbt');
  });

  it('shows a node with a wrong clock as unreachable, and one that fell silent', async () => {
    const minder = await startMinder();
    const identity = await joinMinder(minder);
    const bus = busOf(identity);
    await until(() => bus.connected);
    const ahead = await until(async () => {
      bus.publish(`hb.${identity.nodeId}`, beatOf(identity, { wallMs: Date.now() + 300_000 }));
      return (await nodesOf(minder.data)).find(({ reason }) => reason === 'clock');
    });
    expect(ahead.state).toBe('unreachable');
    const silent = await until(async () =>
      (await nodesOf(minder.data)).find(({ reason }) => reason === 'silent'),
    );
    expect(silent).toMatchObject({ id: identity.nodeId, state: 'unreachable' });
  });

  it('throws a node out: bus, renewal and keys', async () => {
    const minder = await startMinder();
    const bad = await joinMinder(minder);
    const good = await joinMinder(minder);
    const badBus = busOf(bad);
    const goodBus = busOf(good);
    const heard: ClusterSettings[] = [];
    const badHeard: ClusterSettings[] = [];
    goodBus.subscribe(CONTROL_ALL, (_s, payload) => heard.push(decodeSettings(payload)!));
    badBus.subscribe(CONTROL_ALL, (_s, payload) => badHeard.push(decodeSettings(payload)!));
    await until(() => badBus.connected && goodBus.connected);
    const { stdout, code } = await command(revokeCommand, [bad.nodeId, '--data', minder.data]);
    expect([stdout, code]).toEqual([`${bad.nodeId} is revoked and cut off\n`, 0]);
    await until(() => !badBus.connected);
    const settings = await until(() =>
      heard.find(({ keyRing }) => keyRing.generation >= good.keyRing.generation + 3),
    );
    expect(settings.revoked).toEqual([bad.nodeId]);
    const { previous, current, next } = settings.keyRing;
    const old = Object.values(bad.keyRing);
    for (const key of [previous, current, next]) expect(old).not.toContain(key);
    // It may have been told that it is out, never of the new keys.
    for (const { keyRing } of badHeard) expect(keyRing).toEqual(bad.keyRing);
    await expect(renew({ identity: bad, node: NODE }, { clock })).rejects.toMatchObject({
      refusal: 'node_revoked',
    });
    const rows = await nodesOf(minder.data);
    expect(rows.find(({ id }) => id === bad.nodeId)?.state).toBe('revoked');
    expect(minder.lines.map(({ msg }) => msg)).toContain('a node was revoked');
    expect(goodBus.connected).toBe(true);
    expect(badBus.counters.lost.unauthorized).toBeGreaterThan(0);
  });

  it('is itself again after a restart, and holds on to a revocation', async () => {
    const minder = await startMinder();
    const identity = await joinMinder(minder);
    const bad = await joinMinder(minder);
    await command(revokeCommand, [bad.nodeId, '--data', minder.data]);
    await minder.node.stop();
    expect(await minder.node.ended).toBe(0);
    const [, port] = minder.ready.bus.split(':');
    const again = await startMinder(minder.data, { 'minder.bus': `127.0.0.1:${port}` });
    expect(again.ready.id).toBe(minder.ready.id);
    const bus = busOf(identity);
    await until(() => bus.connected);
    const badBus = busOf(bad);
    await until(() => badBus.counters.turnedAway > 0);
    expect(badBus.connected).toBe(false);
  });

  it('renews its own certificates and goes on', async () => {
    const minder = await startMinder(undefined, { 'minder.certificateSeconds': '60' });
    const identity = await joinMinder(minder);
    const bus = busOf(identity);
    await until(() => bus.connected);
    // Two thirds of a minute.
    minder.clock.seconds += 40;
    await until(() => minder.lines.some(({ msg }) => msg === 'certificates renewed'));
    const renewed = await renew({ identity, node: NODE }, { clock });
    bus.update({
      tls: { ca: renewed.ca, cert: renewed.certificate, key: renewed.key, minder: true },
      credentials: renewed.bus,
    });
    await until(() => bus.counters.handOvers === 1 && bus.connected);
  });

  it('keeps its secrets to itself', async () => {
    const minder = await startMinder();
    const identity = await joinMinder(minder);
    const token = await createToken(minder.data);
    const open: string[] = [];
    const visit = (directory: string) => {
      for (const entry of readdirSync(directory, { withFileTypes: true })) {
        const path = join(directory, entry.name);
        if (entry.isDirectory()) visit(path);
        const { mode } = statSync(path);
        // What the bus server itself writes lies in directories that nobody else can enter.
        if ((mode & 0o077) !== 0 && !path.includes('/bus/')) open.push(path);
      }
    };
    visit(minder.data);
    expect(open).toEqual([]);
    const logs = JSON.stringify(minder.lines);
    const secrets = [token.slice(5), identity.bus.jwt, identity.keyRing.current];
    for (const secret of secrets) expect(logs).not.toContain(secret);
  });
});

describe('the commands of a minder', () => {
  it('say that no minder runs there, and make nothing', async () => {
    const data = join(temporaryFolder('none'), randomBytes(4).toString('hex'));
    for (const [make, args] of [
      [tokenCommand, ['create']],
      [tokenCommand, ['list']],
      [tokenCommand, ['revoke', '0123456789ab']],
      [nodesCommand, []],
      [revokeCommand, ['one']],
    ] as const) {
      const result = await command(make, [...args, '--data', data]);
      expect(result).toEqual({
        stdout: '',
        stderr: expect.stringContaining(`no minder runs over ${data}`),
        code: 1,
      });
    }
    expect(existsSync(data)).toBe(false);
  });

  it('say the same of a directory whose minder was killed', async () => {
    const minder = await startMinder();
    await minder.node.stop();
    const { code, stderr } = await command(nodesCommand, ['--data', minder.data]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('no minder runs')]);
  });

  it('list tokens without secrets, and revoke them', async () => {
    const minder = await startMinder(undefined, { 'admin.listen': 'off' });
    expect(minder.ready.admin).toBe('off');
    const token = await createToken(
      minder.data,
      '--uses',
      '3',
      '--ttl',
      '90s',
      '--cidr',
      '10.0.0.0/8',
    );
    const list = async () =>
      JSON.parse((await command(tokenCommand, ['list', '--json', '--data', minder.data])).stdout);
    const [shown] = await list();
    expect(shown).toMatchObject({
      role: 'tracker',
      usesMax: 3,
      cidr: '10.0.0.0/8',
      state: 'valid',
    });
    expect(shown.expiresMs - shown.createdMs).toBe(90_000);
    const text = (await command(tokenCommand, ['list', '--data', minder.data])).stdout;
    expect(text).toContain(shown.id);
    expect(text).not.toContain(token.slice(60));
    await command(tokenCommand, ['revoke', shown.id, '--data', minder.data]);
    expect((await list())[0].state).toBe('revoked');
    const unknown = await command(tokenCommand, ['revoke', '0'.repeat(12), '--data', minder.data]);
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('no token') });
    const nobody = await command(revokeCommand, ['nobody', '--data', minder.data]);
    expect(nobody).toMatchObject({ code: 1, stderr: expect.stringContaining("no node 'nobody'") });
    expect(readFileSync(join(minder.data, 'minder', 'state.json'), 'utf8')).not.toContain(
      token.slice(60),
    );
  });
});
