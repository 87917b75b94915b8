/** Several minders, as operators run them: how one joins, what they share, and how one leaves. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { enrol } from '../../../src/cluster/enrolment-client.js';
import type { Identity } from '../../../src/cluster/identity.js';
import { NatsTransport } from '../../../src/cluster/nats-transport.js';
import { SystemClock } from '../../../src/lib/clock.js';
import { inboxPrefix } from '../../../src/minder/bus-permissions.js';
import { until } from '../../support/deadline.js';
import { MinderProcess } from '../../support/minder-process.js';
import { temporaryFolder } from '../../support/tracker-process.js';

const LIMIT_MS = 60_000;
const clock = new SystemClock();
const running: { remove(): Promise<void> }[] = [];
const transports: NatsTransport[] = [];
afterEach(async () => {
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
  await Promise.all(running.splice(0).map((process) => process.remove()));
});

async function first(name = 'a'): Promise<MinderProcess> {
  const minder = await MinderProcess.start({ args: ['--name', name] });
  running.push(minder);
  return minder;
}

async function joined(peer: MinderProcess, name: string): Promise<MinderProcess> {
  const minder = await peer.peer({ args: ['--name', name] });
  running.push(minder);
  return minder;
}

/** Starts a minder without waiting for it. */
function launch(args: readonly string[], data = temporaryFolder('minder')): MinderProcess {
  const minder = MinderProcess.launch({ args }, data);
  running.push(minder);
  return minder;
}

function peerArgs(peer: MinderProcess, token: string): string[] {
  return ['--name', 'b', '--peer', `https://${peer.enrol}`, '--token', token];
}

const holds = (what: string, probe: () => Promise<boolean>) =>
  until(async () => ((await probe()) ? true : undefined), LIMIT_MS, what);

/** Until `minder` lists exactly these minders, in any order, in these states. */
async function lists(minder: MinderProcess, expected: Record<string, string>): Promise<void> {
  let seen: Record<string, string> = {};
  await holds(`${JSON.stringify(expected)}`, async () => {
    const nodes = (await minder.nodes()).filter(({ role }) => role === 'minder');
    seen = Object.fromEntries(nodes.map(({ name, state }) => [name, state]));
    return nodes.length === Object.keys(expected).length && isSame(seen, expected);
  });
}

function isSame(a: Record<string, string>, b: Record<string, string>): boolean {
  return Object.keys(b).every((name) => a[name] === b[name]);
}

async function tracker(minder: MinderProcess): Promise<Identity> {
  const node = { name: 't', software: '0', advertise: [] };
  const token = await minder.token();
  return enrol({ role: 'tracker', url: `https://${minder.enrol}`, token, node }, { clock });
}

/** A tracker's connection to the bus of one minder. */
async function busOf(identity: Identity, minder: MinderProcess): Promise<NatsTransport> {
  const { ca, certificate: cert, key, nodeId, bus } = identity;
  const transport = new NatsTransport(
    {
      servers: [`tls://${minder.bus}`],
      tls: { ca, cert, key, minder: true },
      credentials: bus,
      name: nodeId,
      inboxPrefix: inboxPrefix(nodeId),
    },
    { log: { log: () => {} } },
  );
  transports.push(transport);
  await holds('the bus', async () => transport.connected);
  return transport;
}

/** Until what one says on its bus is heard on the other's. */
async function crosses(from: NatsTransport, id: string, to: NatsTransport): Promise<void> {
  let heard = false;
  to.subscribe(`peers.${id}`, () => {
    heard = true;
  });
  await holds('a message', async () => {
    from.publish(`peers.${id}`, new Uint8Array([1]));
    return heard;
  });
}

describe('a second minder', () => {
  it('joins with a token, shares the cluster, and starts again without one', async () => {
    const a = await first();
    const b = await joined(a, 'b');
    await lists(a, { a: 'healthy', b: 'healthy' });
    await lists(b, { a: 'healthy', b: 'healthy' });
    // Either lets nodes in, under the same authority, and names both.
    const [x, y] = [await tracker(a), await tracker(b)];
    expect(x.ca).toBe(y.ca);
    expect(x.digestKey).toBe(y.digestKey);
    expect(y.minders.toSorted()).toEqual([`https://${a.enrol}`, `https://${b.enrol}`].toSorted());
    expect(y.bus.urls).toEqual([`tls://${b.bus}`, `tls://${a.bus}`]);
    const [busX, busY] = [await busOf(x, a), await busOf(y, b)];
    await crosses(busX, x.nodeId, busY);
    await crosses(busY, y.nodeId, busX);

    const { enrol: enrolment, bus } = b;
    await b.stop();
    const again = launch(['--name', 'b'], b.data);
    await again.ready();
    expect([again.enrol, again.bus]).toEqual([enrolment, bus]);
    await lists(a, { a: 'healthy', b: 'healthy' });
    await crosses(busX, x.nodeId, busY);
  });

  it('does without the one that let it in', async () => {
    const a = await first();
    const b = await joined(a, 'b');
    const c = await joined(b, 'c');
    await lists(a, { a: 'healthy', b: 'healthy', c: 'healthy' });
    await lists(c, { a: 'healthy', b: 'healthy', c: 'healthy' });
    const x = await busOf(await tracker(a), c);
    const y = await tracker(c);
    await crosses(await busOf(y, a), y.nodeId, x);
    await Promise.all([a.kill9(), b.kill9()]);
    const alone = await tracker(c);
    await crosses(await busOf(alone, c), alone.nodeId, x);
    // Three become one: what is gone is taken out, and no longer told.
    await c.command('revoke', 'a');
    await c.command('revoke', 'b');
    await lists(c, { a: 'revoked', b: 'revoked', c: 'healthy' });
    const last = await tracker(c);
    expect(last.minders).toEqual([`https://${c.enrol}`]);
    expect(last.bus.urls).toEqual([`tls://${c.bus}`]);
    const config = readFileSync(join(c.data, 'minder', 'bus', 'server.conf'), 'utf8');
    expect(config).not.toContain('nats-route://');
  });

  it('is not let in with a token of another role, or of another cluster', async () => {
    const [a, other] = [await first(), await first('other')];
    const tracker = launch(peerArgs(a, await a.token()));
    expect((await tracker.exited).code).toBe(1);
    expect(tracker.output()).toContain('token_role');
    const stranger = launch(peerArgs(a, await other.token('--role', 'minder')));
    expect((await stranger.exited).code).toBe(1);
    expect(stranger.output()).toContain('nothing was sent to it');
    // Neither began a cluster of its own.
    for (const { data } of [tracker, stranger]) {
      expect(existsSync(join(data, 'minder', 'state.json'))).toBe(false);
    }
    await lists(a, { a: 'healthy' });
  });

  it('goes on joining after kill -9, without another use of the token', async () => {
    const a = await first();
    const token = await a.token('--role', 'minder');
    const killed = launch(peerArgs(a, token));
    await a.waitForLog(({ msg }) => msg === 'a node joined');
    await killed.kill9();
    const second = launch(peerArgs(a, token), killed.data);
    await second.ready();
    await second.stop();
    // As if the end had come before the last step; what it has is enough.
    rmSync(join(killed.data, 'minder', 'state.json'));
    rmSync(join(killed.data, 'minder', 'ca', 'route.crt'));
    const third = launch(['--name', 'b'], killed.data);
    await third.ready();
    await lists(a, { a: 'healthy', b: 'healthy' });
    await lists(third, { a: 'healthy', b: 'healthy' });
  });

  it('ends when another revokes it, and does not come back', async () => {
    const a = await first();
    const b = await joined(a, 'b');
    await lists(a, { a: 'healthy', b: 'healthy' });
    await lists(b, { a: 'healthy', b: 'healthy' });
    await expect(a.command('revoke', 'a')).rejects.toThrow(/does not revoke itself/);
    await a.command('revoke', 'b');
    expect((await b.exited).code).toBe(1);
    expect(b.output()).toContain('minder_revoked');
    const again = launch(['--name', 'b'], b.data);
    expect((await again.exited).code).toBe(1);
    expect(again.output()).toContain('was revoked');
    await lists(a, { a: 'healthy', b: 'revoked' });
  });

  it('learns of its revocation by asking, when it was away meanwhile', async () => {
    const a = await first();
    const b = await joined(a, 'b');
    await lists(b, { a: 'healthy', b: 'healthy' });
    await b.kill9();
    await a.command('revoke', 'b');
    const again = launch(['--name', 'b'], b.data);
    expect((await again.exited).code).toBe(1);
    expect(again.output()).toContain('was revoked');
  });
});
