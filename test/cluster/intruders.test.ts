/**
 * Who has no business in a cluster, and what becomes of him: refused, logged, counted, and nothing
 * changed. On a real minder with its bus, and real trackers.
 */
import { createUser } from '@nats-io/nkeys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enrol, renew } from '../../src/cluster/enrolment-client.js';
import type { Identity } from '../../src/cluster/identity.js';
import { SystemClock } from '../../src/lib/clock.js';
import { RENEW_PATH } from '../../src/protocol/cluster/enrolment.js';
import { parseAddressPort } from '../support/address.js';
import { until } from '../support/deadline.js';
import { announcePorts } from '../support/http-wire.js';
import {
  agreed,
  BusVoice,
  clusterOf,
  counterOf,
  type DigestAnswer,
  digestOf,
  forgeConnectionIds,
  peersOf,
  postWithoutCertificate,
  readIdentity,
  refusalsOf,
  WAIT_MS,
} from '../support/intruders.js';
import { MinderProcess } from '../support/minder-process.js';
import { newHash } from '../support/swarms.js';
import { TrackerProcess, temporaryFolder } from '../support/tracker-process.js';
import { announcePacket, connectedWire, UdpWire } from '../support/udp-wire.js';
import { RawClient } from './bus/raw-client.js';

const clock = new SystemClock();
const NODE = { name: 'intruder', software: '0.1.0', advertise: [] };
/** One worker is enough, and leaves the machine to the rest. */
const ARGS = ['--workers', '1'];

let minder: MinderProcess;
let stranger: MinderProcess;
let trackers: TrackerProcess[] = [];
let before: DigestAnswer;

beforeAll(async () => {
  [minder, stranger] = await Promise.all([MinderProcess.start(), MinderProcess.start()]);
  trackers = await Promise.all([minder.tracker({ args: ARGS }), minder.tracker({ args: ARGS })]);
  await announcePorts(trackers[0].http4, newHash(), [7001, 7002, 7003]);
  await announcePorts(trackers[1].http6, newHash(), [7004, 7005], { left: 0 });
  before = await agreed(trackers, 5);
});

afterAll(async () => {
  await Promise.all([minder, stranger, ...trackers].map((node) => node?.remove()));
});

/** Both trackers are there, speak with each other, and hold what they held. */
async function expectUnchanged(): Promise<void> {
  for (const tracker of trackers) {
    expect(await digestOf(tracker)).toEqual(before);
    const { busConnected, nodes } = await clusterOf(tracker);
    expect(busConnected).toBe(true);
    expect(nodes.filter(({ state }) => state === 'healthy').length).toBeGreaterThanOrEqual(2);
  }
}

const countOf = async (reason: string) => (await refusalsOf(minder))[reason] ?? 0;

/** The line that the minder logged about a refusal. */
const logged = (reason: string) =>
  minder.waitForLog(
    (line) => line.msg === 'a node was refused' && line.reason === reason,
    WAIT_MS,
    `a line about ${reason}`,
  );

/** A tracker that must not start; what it says last. */
async function startInVain(join: readonly string[]): Promise<Record<string, unknown>> {
  const tracker = TrackerProcess.launch({ args: [...ARGS, ...join] }, temporaryFolder('intruder'));
  const { code } = await tracker.exited;
  expect(code).toBe(1);
  await tracker.remove();
  return { ...tracker.logs.findLast(({ level }) => level === 'fatal') };
}

const joining = (token: string, at = minder) => ['--join', `https://${at.enrol}`, '--token', token];

/** Turns one character of the token's secret into another. */
function spoilt(token: string): string {
  const at = token.length - 10;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

describe('a tracker', () => {
  it('without a token does not start', async () => {
    const end = await startInVain(['--join', `https://${minder.enrol}`]);
    expect(end).toMatchObject({ code: 'identity_missing' });
    await expectUnchanged();
  });

  it('with something else for a token does not start, and asks nobody', async () => {
    const end = await startInVain(joining('tbt1.let-me-in'));
    expect(end).toMatchObject({ code: 'join_token_malformed' });
    expect(JSON.stringify(end)).not.toContain('let-me-in');
  });

  it('with a wrong secret is refused, and the token is not spent', async () => {
    const token = await minder.token();
    const end = await startInVain(joining(spoilt(token)));
    expect(end).toMatchObject({ code: 'enrolment_refused' });
    expect(String(end.msg)).toContain('token_invalid');
    expect(await countOf('token_wrong_secret')).toBe(1);
    await logged('token_wrong_secret');
    const list = JSON.parse(await minder.command('token', 'list', '--json')) as {
      state: string;
    }[];
    expect(list[0].state).toBe('valid');
    await expectUnchanged();
  });

  it('with a token that was used, or revoked, or is for another network, is refused', async () => {
    const [used, revoked] = [await minder.token(), await minder.token()];
    await enrol(
      { role: 'tracker', url: `https://${minder.enrol}`, token: used, node: NODE },
      { clock },
    );
    const [{ id }] = JSON.parse(await minder.command('token', 'list', '--json')) as {
      id: string;
    }[];
    await minder.command('token', 'revoke', id);
    const elsewhere = await minder.token('--cidr', '192.0.2.0/24');
    for (const [token, told] of [
      [used, 'token_used'],
      [revoked, 'token_revoked'],
      [elsewhere, 'token_address'],
    ]) {
      const counted = await countOf(told);
      expect(String((await startInVain(joining(token))).msg)).toContain(told);
      expect(await countOf(told)).toBe(counted + 1);
      await logged(told);
    }
    await expectUnchanged();
  });

  it('with a token that has expired is refused', async () => {
    const token = await minder.token('--ttl', '1s');
    await until(
      async () => {
        const list = JSON.parse(await minder.command('token', 'list', '--json')) as {
          state: string;
        }[];
        return list[0].state === 'expired' ? true : undefined;
      },
      WAIT_MS,
      'the end of a token',
    );
    expect(String((await startInVain(joining(token))).msg)).toContain('token_expired');
    expect(await countOf('token_expired')).toBe(1);
    await logged('token_expired');
  });

  it("with a minder's token is refused, as is a minder with a tracker's", async () => {
    const forMinder = await minder.token('--role', 'minder');
    expect(String((await startInVain(joining(forMinder))).msg)).toContain('token_role');
    const forTracker = await minder.token();
    const url = `https://${minder.enrol}`;
    await expect(
      enrol({ role: 'minder', url, token: forTracker, node: NODE }, { clock }),
    ).rejects.toMatchObject({ code: 'enrolment_refused', refusal: 'token_role' });
    expect(await countOf('token_role')).toBe(2);
    await logged('token_role');
    await expectUnchanged();
  });

  it("with another cluster's token shows it to nobody", async () => {
    const foreign = await stranger.token();
    const known = await refusalsOf(minder);
    const end = await startInVain(joining(foreign));
    expect(end).toMatchObject({ code: 'minder_not_trusted' });
    // The minder never saw a request: it had nothing to refuse.
    expect(await refusalsOf(minder)).toEqual(known);
    // And it was not spent.
    const identity = await enrol(
      { role: 'tracker', url: `https://${stranger.enrol}`, token: foreign, node: NODE },
      { clock },
    );
    expect(identity.nodeId).toMatch(/^n[0-9a-f]{16}$/);
  });
});

describe('a certificate of another authority', () => {
  let foreign: Identity;
  beforeAll(async () => {
    foreign = await enrol(
      {
        role: 'tracker',
        url: `https://${stranger.enrol}`,
        token: await stranger.token(),
        node: NODE,
      },
      { clock },
    );
  });

  it('is not renewed, and neither is none at all', async () => {
    const { ca } = readIdentity(trackers[0]);
    // Knows whom to trust, and has nothing that this minder made.
    const intruder = { ...foreign, ca, minders: [`https://${minder.enrol}`] };
    await expect(renew({ identity: intruder, node: NODE }, { clock })).rejects.toMatchObject({
      refusal: 'certificate_invalid',
    });
    const { status, text } = await postWithoutCertificate(minder.enrol, RENEW_PATH, '{}');
    expect([status, text]).toEqual([expect.any(Number), '{"error":"certificate_invalid"}']);
    expect(status).toBeGreaterThanOrEqual(400);
    const refused = Object.entries(await refusalsOf(minder));
    const counted = refused.filter(([reason]) => reason.startsWith('certificate_'));
    expect(counted.reduce((sum, [, count]) => sum + count, 0)).toBe(2);
    for (const [reason] of counted) await logged(reason);
    await expectUnchanged();
  });

  it('opens neither the bus nor, of whatever node, the port for routes', async () => {
    const own = readIdentity(trackers[0]);
    const errors = await counterOf(minder, 'bus_tls_errors');
    const { port } = parseAddressPort(minder.bus);
    const stolen = { jwt: own.bus.jwt, seed: own.bus.seed };
    for (const pem of [{}, { cert: foreign.certificate, key: foreign.key }]) {
      const { admitted, client } = await RawClient.signIn(port, pem, stolen);
      expect(admitted).toBe(false);
      client.end();
    }
    const ready = await minder.ready();
    const routes = parseAddressPort(String(ready.busCluster));
    const tracker = { cert: own.certificate, key: own.key };
    for (const pem of [tracker, { cert: foreign.certificate, key: foreign.key }]) {
      const client = RawClient.openTls(routes.port, pem);
      client.send('CONNECT {"verbose":false,"tls_required":true,"name":"x"}\r\nPING\r\n');
      await client.until(() => client.closed, 'the end');
      expect(client.said).toBe('');
    }
    await until(
      async () => ((await counterOf(minder, 'bus_tls_errors')) >= errors + 4 ? true : undefined),
      WAIT_MS,
      'the count of refused certificates',
    );
    await expectUnchanged();
  });

  it('of one node does not go with the credentials of another cluster', async () => {
    const own = readIdentity(trackers[0]);
    const errors = await counterOf(minder, 'bus_auth_errors');
    const { port } = parseAddressPort(minder.bus);
    const pem = { cert: own.certificate, key: own.key };
    const nobody = new TextDecoder().decode(createUser().getSeed());
    for (const shown of [
      foreign.bus,
      { jwt: own.bus.jwt, seed: nobody },
      { jwt: own.bus.jwt, seed: foreign.bus.seed },
    ]) {
      const { admitted, client } = await RawClient.signIn(port, pem, shown);
      expect(admitted).toBe(false);
      client.end();
    }
    await until(
      async () => ((await counterOf(minder, 'bus_auth_errors')) >= errors + 3 ? true : undefined),
      WAIT_MS,
      'the count of refused credentials',
    );
    await expectUnchanged();
  });
});

describe('a member that speaks as another', () => {
  it('is heard by nobody', async () => {
    const [liar, victim] = trackers.map(readIdentity);
    const voice = await BusVoice.open(liar);
    try {
      const batches: Buffer[] = [];
      const settings: Buffer[] = [];
      voice.hear('peers.*', (_subject, payload) => batches.push(payload));
      voice.hear('ctl.all', (_subject, payload) => settings.push(payload));
      await voice.confirm();
      // A true batch of the victim's, to say again and to say wrongly.
      const hash = newHash();
      await announcePorts(trackers[1].http4, hash, [7100]);
      await until(() => batches[0], WAIT_MS, 'a batch');
      before = await agreed(trackers, before.peers + 1);
      await until(() => settings[0], WAIT_MS, "the minder's word");
      const violations = await counterOf(minder, 'bus_publish_violations');
      const senders = await counterOf(trackers[1], 'refused_sender');
      const all = JSON.parse(settings[0].toString());
      const minderId: string = all.minder;
      const decree = JSON.stringify({
        ...all,
        revision: all.revision + 1000,
        revoked: [victim.nodeId],
      });
      const forbidden: readonly (readonly [string, Uint8Array | string])[] = [
        [`peers.${victim.nodeId}`, batches[0]],
        [`hb.${victim.nodeId}`, '{}'],
        [`rep.${victim.nodeId}.${victim.nodeId}`, batches[0]],
        [`rep.${liar.nodeId}.${victim.nodeId}`, batches[0]],
        ['ctl.all', decree],
        [`ctl.${victim.nodeId}`, decree],
        [`ctl.minder.${victim.nodeId}`, '{}'],
        // What minders say to each other: their state, what they found, and their lists.
        [`ctl.sync.${minderId}`, '{}'],
        ['ctl.sync.health', '{}'],
        [`ctl.lists.${minderId}`, batches[0]],
        ['$SYS.REQ.CLAIMS.UPDATE', liar.bus.jwt],
      ];
      for (const [subject, payload] of forbidden) voice.say(subject, payload);
      // In its own name, what another has said: this the trackers themselves must notice.
      voice.say(`peers.${liar.nodeId}`, batches[0]);
      await voice.confirm();
      expect(voice.refused).toEqual(forbidden.map(([subject]) => `publish ${subject}`));
      await until(
        async () =>
          (await counterOf(minder, 'bus_publish_violations')) >= violations + forbidden.length &&
          (await counterOf(trackers[1], 'refused_sender')) > senders
            ? true
            : undefined,
        WAIT_MS,
        'the counts',
      );
      await minder.waitForLog((line) => /Publish Violation/.test(String(line.text)));
      await expectUnchanged();
    } finally {
      voice.end();
    }
  });
});

describe('a revoked tracker', () => {
  it('is out: cut off, not renewed, forgotten, and its keys open nothing', async () => {
    // It must not wait long for a cluster that will not have it.
    const config = { cluster: { readyWaitSeconds: 1 } };
    let bad = await minder.tracker({ args: [...ARGS, '--name', 'bad'], config });
    const members = [...trackers, bad];
    const identity = readIdentity(bad);
    const [alone, shared] = [newHash(), newHash()];
    await announcePorts(bad.http4, alone, [7201, 7202]);
    await announcePorts(bad.http4, shared, [7203, 7204]);
    await agreed(members, before.peers + 4);
    // One of them a good tracker has heard itself.
    await announcePorts(trackers[0].http4, shared, [7203]);
    await until(
      async () => {
        const peers = await peersOf(trackers[1], shared);
        return (
          peers.every(({ port, origin }) => (origin === 'bad') === (port === 7204)) || undefined
        );
      },
      WAIT_MS,
      'the other origin',
    );
    const wire = await UdpWire.open(trackers[0].udp4, '127.0.0.1');
    const hash = newHash();
    const reply = (id: Buffer) =>
      wire.answersTo(announcePacket(id, wire.nextTransaction(), { infoHash: hash, port: 7300 }));
    const forged = forgeConnectionIds(identity.keyRing, '127.0.0.1');
    // Until then they are as good as any: all trackers make them with these keys.
    for (const id of forged) expect((await reply(id))[0]?.readUInt32BE(0)).toBe(1);
    const badWire = await connectedWire(bad.udp4, '127.0.0.1');
    expect((await reply(badWire.id))[0]?.readUInt32BE(0)).toBe(1);
    await agreed(members);
    const voice = await BusVoice.open(identity);

    expect(await minder.command('revoke', 'bad')).toContain('is revoked and cut off');

    await until(() => voice.down, WAIT_MS, 'the end of its connection');
    expect(voice.down).toBe('unauthorized');
    await until(
      async () => ((await clusterOf(bad)).busConnected === false ? true : undefined),
      WAIT_MS,
      'the end of its connection',
    );
    // What it alone had said is gone from the others; what they had heard themselves is not.
    before = await agreed(trackers, before.peers + 2);
    for (const tracker of trackers) {
      expect(await peersOf(tracker, alone)).toEqual([]);
      expect((await peersOf(tracker, shared)).map(({ port }) => port)).toEqual([7203]);
      await until(
        async () => {
          const { nodes } = await clusterOf(tracker);
          const shown = nodes.find(({ id }) => id === identity.nodeId);
          return shown?.state === 'revoked' ? true : undefined;
        },
        WAIT_MS,
        'the state of the revoked one',
      );
    }
    // Ids that it made, and ids from any key that it knew, are noise now.
    await until(
      async () => ((await reply(forged[1])).length === 0 ? true : undefined),
      WAIT_MS,
      'the new keys',
    );
    for (const id of [...forged, badWire.id]) expect(await reply(id)).toEqual([]);
    await wire.connect();
    expect((await reply(wire.id))[0]?.readUInt32BE(0)).toBe(1);
    badWire.close();
    wire.close();
    // No certificate, and no way back with what it has.
    const refused = await countOf('node_revoked');
    await expect(renew({ identity, node: NODE }, { clock })).rejects.toMatchObject({
      refusal: 'node_revoked',
    });
    // Its own process asks as well.
    expect(await countOf('node_revoked')).toBeGreaterThan(refused);
    await logged('node_revoked');
    await bad.stop();
    const errors = await counterOf(minder, 'bus_auth_errors');
    bad = await bad.restart();
    await announcePorts(bad.http4, newHash(), [7205]);
    await until(
      async () => ((await counterOf(minder, 'bus_auth_errors')) > errors ? true : undefined),
      WAIT_MS,
      'its attempt to come back',
    );
    expect((await clusterOf(bad)).busConnected).toBe(false);
    await until(
      async () => {
        const { nodes } = await clusterOf(bad);
        const shown = nodes.find(({ id }) => id === identity.nodeId);
        return shown?.state === 'revoked' ? true : undefined;
      },
      WAIT_MS,
      'its knowing that it is out',
    );
    expect(readIdentity(bad).keyRing).toEqual(identity.keyRing);
    await expectUnchanged();
    await bad.remove();
  });
});
