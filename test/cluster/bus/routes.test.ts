/** The bus servers of several minders, as one bus: who may be part of it, and what they agree about. */
import { join } from 'node:path';
import { createUser } from '@nats-io/nkeys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NatsTransport } from '../../../src/cluster/nats-transport.js';
import { BusAccounts, type BusSeeds } from '../../../src/minder/bus-accounts.js';
import { inboxPrefix } from '../../../src/minder/bus-permissions.js';
import { CertificateAuthority } from '../../../src/minder/certificate-authority.js';
import { MinderCertificates } from '../../../src/minder/minder-certificates.js';
import { OwnBus } from '../../../src/minder/own-bus.js';
import { OwnKeys } from '../../../src/minder/own-keys.js';
import { until } from '../../support/deadline.js';
import { IS_LONG } from '../../support/long.js';
import { removeFolder, temporaryFolder } from '../../support/tracker-process.js';
import { bytes, clock, connection, HOUR_MS, Lines, nodeId, WAIT_MS } from './test-bus.js';

const LIMITS = { certificateSeconds: 3_600 };
let authorities: { cluster: CertificateAuthority; route: CertificateAuthority };
let folder: string;
const ends: (() => Promise<unknown> | unknown)[] = [];

beforeEach(async () => {
  folder = temporaryFolder('authorities');
  ends.push(() => removeFolder(folder));
  const open = (name: string) =>
    CertificateAuthority.open({ directory: folder, name, commonName: name }, { clock });
  authorities = { cluster: await open('cluster'), route: await open('route') };
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** One minder's part of the bus. */
class Member {
  readonly id = nodeId();
  readonly directory = temporaryFolder('member');
  readonly keys = OwnKeys.open(this.directory);
  readonly lines = new Lines();
  bus!: OwnBus;

  static async start(peers: readonly Member[], pinned = peers): Promise<Member> {
    const member = new Member();
    await member.open(peers, pinned, peers[0]?.bus.seeds);
    ends.push(async () => {
      await member.bus.stop();
      removeFolder(member.directory);
    });
    return member;
  }

  /** Starts its server, on its old ports when it had some. */
  async open(
    peers: readonly Member[],
    pinned: readonly Member[] = peers,
    seeds?: BusSeeds,
    hosts = ['127.0.0.1'],
  ): Promise<void> {
    const last = (this.bus as OwnBus | undefined)?.ports ?? { bus: 0, routes: 0 };
    const directory = join(this.directory, 'bus');
    const lifetimeMsMax = HOUR_MS;
    const given = seeds === undefined ? {} : { seeds };
    await BusAccounts.open({ directory, lifetimeMsMax, ...given }, { clock });
    const options = { nodeId: this.id, ...LIMITS };
    const certificates = new MinderCertificates(options, { authorities, keys: this.keys, clock });
    this.bus = await OwnBus.start(
      {
        directory,
        lifetimeMsMax,
        nodeId: this.id,
        listen: { host: '127.0.0.1', port: last.bus },
        routes: { host: '127.0.0.1', port: last.routes },
        peers: this.peersOf(peers, pinned),
        binary: 'nats-server',
        certificates: await certificates.issue(hosts),
        ca: authorities.cluster.certificatePem,
        routeCa: authorities.route.certificatePem,
      },
      { clock, log: this.lines },
    );
  }

  /** Routes to some, and keys of some, its own included. */
  peersOf(peers: readonly Member[], pinned: readonly Member[] = peers) {
    return {
      routes: peers.flatMap(({ bus }) => bus.routeUrls(['127.0.0.1'])),
      pins: [this, ...pinned].map(({ keys }) => keys.routePin),
    };
  }

  /** A tracker's connection to this server. */
  async connect(user: User): Promise<NatsTransport> {
    const { id, pair } = user;
    const expiresWallMs = clock.wallMs() + HOUR_MS;
    const grant = { nodeId: id, role: 'tracker', expiresWallMs } as const;
    user.jwt ??= await this.bus.userJwt(pair.getPublicKey(), grant);
    const issued = await authorities.cluster.issue({ ...grant, lifetimeMs: HOUR_MS });
    const transport = new NatsTransport(
      {
        servers: [this.bus.ownUrl],
        tls: {
          ca: authorities.cluster.certificatePem,
          cert: issued.certificate,
          key: issued.key,
          minder: true,
        },
        credentials: { jwt: user.jwt, seed: new TextDecoder().decode(pair.getSeed()) },
        name: id,
        inboxPrefix: inboxPrefix(id),
        pingIntervalMs: 5_000,
      },
      { log: this.lines },
    );
    ends.push(() => transport.close());
    return transport;
  }

  async connected(user: User): Promise<NatsTransport> {
    const transport = await this.connect(user);
    await connection(transport, true);
    return transport;
  }
}

interface User {
  readonly id: string;
  readonly pair: ReturnType<typeof createUser>;
  jwt?: string;
}

function newUser(): User {
  return { id: nodeId(), pair: createUser() };
}

/** What the servers said of intruders. */
const refused = ({ bus }: Member, kind: 'tlsErrors' | 'authErrors') => bus.counters[kind] ?? 0;

const holds = (what: string, probe: () => boolean) =>
  until(() => (probe() ? true : undefined), WAIT_MS, what, 20);

/** Until what one says at `from` is heard at `to`. */
async function crosses(from: Member, to: Member): Promise<void> {
  const [speaker, listener] = [newUser(), newUser()];
  const [out, back] = [await from.connected(speaker), await to.connected(listener)];
  let heard = false;
  back.subscribe('peers.*', () => {
    heard = true;
  });
  await holds('a message of the other server', () => {
    out.publish(`peers.${speaker.id}`, bytes('x'));
    return heard;
  });
}

describe('routes', () => {
  it('lead to servers whose keys are known, and follow what is known, live', async () => {
    const a = await Member.start([]);
    // It has a certificate of the right authority, and is not known yet.
    const b = await Member.start([a]);
    await holds('a refusal', () => refused(a, 'tlsErrors') > 0);
    const client = await a.connected(newUser());
    a.bus.setPeers(a.peersOf([b]));
    await crosses(a, b);
    await crosses(b, a);
    const before = refused(a, 'tlsErrors');
    a.bus.setPeers(a.peersOf([]));
    // It was cut off, dials again, and is refused.
    await holds('another refusal', () => refused(a, 'tlsErrors') > before);
    expect(a.bus.restarts).toBe(0);
    expect(client.counters.connects).toBe(1);
  });

  it('join three servers of which each knows some address of another', async () => {
    const a = await Member.start([]);
    const b = await Member.start([a]);
    const c = await Member.start([b], [a, b]);
    a.bus.setPeers(a.peersOf([], [b, c]));
    b.bus.setPeers(b.peersOf([a], [a, c]));
    await crosses(a, c);
    await crosses(c, b);
  });

  it('go on when a server comes back, whoever dials', async () => {
    const a = await Member.start([]);
    const b = await Member.start([a]);
    a.bus.setPeers(a.peersOf([b]));
    await crosses(a, b);
    await a.bus.stop();
    await a.open([b]);
    await crosses(b, a);
    await b.bus.stop();
    await b.open([a]);
    await crosses(a, b);
  });
});

describe('a revocation', () => {
  async function pair(): Promise<[Member, Member]> {
    const a = await Member.start([]);
    const b = await Member.start([a]);
    a.bus.setPeers(a.peersOf([b]));
    await crosses(a, b);
    // Servers tell which word about the account is newer by whole seconds.
    const startSeconds = Math.floor(clock.wallMs() / 1000);
    await holds('the next second', () => Math.floor(clock.wallMs() / 1000) > startSeconds);
    return [a, b];
  }

  it('cuts off on every server, and outlives a restart of each', async () => {
    const [a, b] = await pair();
    const bad = newUser();
    const [here, there] = [await a.connected(bad), await b.connected(bad)];
    expect(await a.bus.revoke(bad.pair.getPublicKey())).toMatchObject({ live: true });
    await connection(here, false);
    await connection(there, false);
    // Its own file knows nothing of it: only its server does.
    await b.bus.stop();
    await b.open([a]);
    const refusedByB = refused(b, 'authErrors');
    await holds('a refusal', () => refused(b, 'authErrors') > refusedByB);
    await a.bus.stop();
    await a.open([b]);
    const refusedByA = refused(a, 'authErrors');
    await holds('a refusal', () => refused(a, 'authErrors') > refusedByA);
    expect([here.connected, there.connected]).toEqual([false, false]);
  });

  it.runIf(IS_LONG)('reaches a server that was away', async () => {
    const [a, b] = await pair();
    const bad = newUser();
    const there = await b.connected(bad);
    await b.bus.stop();
    await a.bus.revoke(bad.pair.getPublicKey());
    await b.open([a]);
    await holds('a refusal', () => refused(b, 'authErrors') > 0);
    await connection(there, false);
  });
});
