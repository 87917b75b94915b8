import { encodeUser } from '@nats-io/jwt';
import { createAccount, createUser } from '@nats-io/nkeys';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NatsLink } from '../../../src/cluster/nats-link.js';
import { until } from '../../support/deadline.js';
import { RawClient } from './raw-client.js';
import {
  bytes,
  clock,
  connection,
  HOUR_MS,
  type Node,
  nodeId,
  TestBus,
  WAIT_MS,
} from './test-bus.js';

let bus: TestBus;
beforeAll(async () => {
  bus = await TestBus.start({ withRoutes: true });
});
afterAll(async () => {
  await bus.close();
});

const NOTHING_LOST = { stale: 0, closed: 0, unauthorized: 0, unconfirmed: 0, protocol: 0 };
const links: NatsLink[] = [];
afterEach(() => {
  for (const link of links.splice(0)) link.discard();
});

const holds = (what: string, probe: () => boolean) =>
  until(() => (probe() ? true : undefined), WAIT_MS, what, 5);

/** A connection that remembers what it was refused. */
async function link(node: Node): Promise<{ link: NatsLink; refused: string[] }> {
  const refused: string[] = [];
  const made = new NatsLink(
    {
      server: bus.url,
      name: node.id,
      tls: node.access.tls,
      credentials: node.access.credentials,
      connectTimeoutMs: WAIT_MS,
      pingIntervalMs: WAIT_MS,
      flushBytes: 1,
      flushTicksMax: 1e9,
    },
    {
      events: { down: () => {}, refused: (what, subject) => refused.push(`${what} ${subject}`) },
    },
  );
  links.push(made);
  await made.open();
  return { link: made, refused };
}

const confirmed = (of: NatsLink) =>
  new Promise<void>((resolve) => {
    of.confirm(resolve);
  });

describe('what a tracker may say and hear', () => {
  it('is its own voice and no other', async () => {
    const [self, other] = [await bus.node(), nodeId()];
    const { link: tracker, refused } = await link(self);
    const allowed = [
      `peers.${self.id}`,
      `hb.${self.id}`,
      `rep.${other}.${self.id}`,
      `ctl.minder.${self.id}`,
      `sig.${other}.${self.id}`,
    ];
    const forbidden = [
      `peers.${other}`,
      `hb.${other}`,
      `rep.${self.id}.${other}`,
      `rep.${other}.${other}`,
      'ctl.all',
      `ctl.${self.id}`,
      `ctl.${other}`,
      `ctl.minder.${other}`,
      `sig.${other}.${other}`,
      `_INBOX.${other}.x`,
      '$SYS.REQ.CLAIMS.UPDATE',
      '$SYS.REQ.ACCOUNT.PING.CONNZ',
    ];
    const before = bus.server.counters.publishViolations;
    for (const subject of [...allowed, ...forbidden]) tracker.publish(subject, bytes('x'));
    await confirmed(tracker);
    expect(refused).toEqual(forbidden.map((subject) => `publish ${subject}`));
    // The server's own word arrives on another way.
    await holds(
      'the log',
      () => bus.server.counters.publishViolations === before + forbidden.length,
    );
  });

  it('is what concerns it', async () => {
    const [self, other] = [await bus.node(), nodeId()];
    const { link: tracker, refused } = await link(self);
    const allowed = [
      'peers.*',
      'hb.*',
      `rep.${self.id}.*`,
      'ctl.all',
      `ctl.${self.id}`,
      `sig.${self.id}.*`,
      `_INBOX.${self.id}.abc.*`,
    ];
    const forbidden = [
      '>',
      'rep.>',
      `rep.${other}.*`,
      'ctl.*',
      'ctl.minder.*',
      `ctl.${other}`,
      `sig.${other}.*`,
      `_INBOX.${other}.>`,
      '_INBOX.>',
      '$SYS.>',
    ];
    const before = bus.server.counters.subscribeViolations;
    for (const subject of [...allowed, ...forbidden]) tracker.subscribe(subject, () => {});
    await confirmed(tracker);
    expect(refused).toEqual(forbidden.map((subject) => `subscription ${subject}`));
    await holds(
      'the log',
      () => bus.server.counters.subscribeViolations === before + forbidden.length,
    );
  });

  it('reaches nobody when it is refused', async () => {
    const [self, victim] = [await bus.node(), await bus.node()];
    const reader = await link(await bus.node());
    const heard: string[] = [];
    reader.link.subscribe('peers.*', (subject) => heard.push(subject));
    await confirmed(reader.link);
    const { link: liar } = await link(self);
    liar.publish(`peers.${victim.id}`, bytes('a lie'));
    liar.publish(`peers.${self.id}`, bytes('its own'));
    await confirmed(liar);
    await holds('a message', () => heard.length > 0);
    expect(heard).toEqual([`peers.${self.id}`]);
  });
});

describe('what a minder may say', () => {
  it('is no peer of any tracker', async () => {
    const { link: minder, refused } = await link(await bus.node('minder'));
    const other = nodeId();
    minder.publish(`ctl.${other}`, bytes('x'));
    minder.publish('ctl.all', bytes('x'));
    minder.publish(`peers.${other}`, bytes('x'));
    minder.publish(`hb.${other}`, bytes('x'));
    minder.publish(`rep.${other}.${other}`, bytes('x'));
    await confirmed(minder);
    expect(refused).toEqual([
      `publish peers.${other}`,
      `publish hb.${other}`,
      `publish rep.${other}.${other}`,
    ]);
  });
});

describe('who is let in', () => {
  it('is nobody without a certificate of this cluster', async () => {
    const node = await bus.node();
    const stranger = await TestBus.start();
    try {
      const before = bus.server.counters.tlsErrors;
      const foreign = await stranger.tls('tracker', node.id);
      for (const pem of [{}, { cert: foreign.cert, key: foreign.key }]) {
        const { client } = await RawClient.signIn(
          bus.server.bus.port,
          pem,
          node.access.credentials,
        );
        expect(client.said).not.toContain('PONG');
        expect(client.closed).toBe(true);
      }
      await holds('the log', () => bus.server.counters.tlsErrors === before + 2);
    } finally {
      await stranger.close();
    }
  });

  it('is nobody with a certificate alone, or with credentials that are not his', async () => {
    const node = await bus.node();
    const { tls, credentials } = node.access;
    const before = bus.server.counters.authErrors;
    const other = createUser();
    const stolen = { jwt: credentials!.jwt, seed: new TextDecoder().decode(other.getSeed()) };
    const later = {
      nodeId: node.id,
      role: 'tracker' as const,
      expiresWallMs: clock.wallMs() - 60_000,
    };
    const expired = await bus.accounts.userJwt(node.publicKey, later);
    for (const shown of [undefined, stolen, { ...credentials!, jwt: expired }]) {
      const { admitted, client } = await RawClient.signIn(bus.server.bus.port, tls!, shown);
      client.end();
      expect(admitted).toBe(false);
    }
    await holds('the log', () => bus.server.counters.authErrors >= before + 3);
    const { admitted, client } = await RawClient.signIn(bus.server.bus.port, tls!, credentials);
    client.end();
    expect(admitted).toBe(true);
  });

  it('is nobody whom another account signed', async () => {
    const node = await bus.node();
    const stranger = await TestBus.start();
    try {
      const foreign = (await stranger.node('tracker', node.id)).access.credentials;
      const { admitted, client } = await RawClient.signIn(
        bus.server.bus.port,
        node.access.tls!,
        foreign,
      );
      client.end();
      expect(admitted).toBe(false);
    } finally {
      await stranger.close();
    }
    // A user of a key that nobody trusts.
    const user = createUser();
    const jwt = await encodeUser('x', user.getPublicKey(), createAccount());
    const seed = new TextDecoder().decode(user.getSeed());
    const { admitted, client } = await RawClient.signIn(bus.server.bus.port, node.access.tls!, {
      jwt,
      seed,
    });
    client.end();
    expect(admitted).toBe(false);
  });
});

describe('the route port', () => {
  it("takes no tracker's certificate, nor a minder's for clients", async () => {
    const before = bus.server.counters.tlsErrors;
    for (const role of ['tracker', 'minder'] as const) {
      const pem = await bus.tls(role, nodeId());
      // Servers speak TLS from the first byte among themselves.
      const client = RawClient.openTls(bus.server.routes!.port, pem);
      client.send('CONNECT {"verbose":false,"tls_required":true,"name":"x"}\r\nPING\r\n');
      await client.until(() => client.closed, 'the end');
      expect(client.said).toBe('');
    }
    await holds('the log', () => bus.server.counters.tlsErrors === before + 2);
    // One that the routes' own authority signed is greeted.
    const pem = await bus.tls('minder', nodeId(), bus.routeAuthority);
    const client = RawClient.openTls(bus.server.routes!.port, pem);
    await client.until(() => client.said.startsWith('INFO '), 'a greeting');
    client.end();
  });

  it('takes the server of another minder, and the two are one bus', async () => {
    const second = await bus.secondServer();
    const [a, b] = [await bus.node(), await bus.node()];
    const to = bus.transport({
      id: b.id,
      access: { ...b.access, servers: [`tls://127.0.0.1:${second.bus.port}`] },
    });
    const heard: string[] = [];
    to.subscribe('peers.*', (subject) => heard.push(subject));
    await connection(to, true);
    const from = await bus.connected(a);
    // Interest travels between servers in its own time.
    await until(
      () => {
        from.publish(`peers.${a.id}`, bytes('x'));
        return heard.length > 0 ? true : undefined;
      },
      WAIT_MS,
      'a message from the other server',
    );
    expect(heard[0]).toBe(`peers.${a.id}`);
  });
});

describe('a revoked node', () => {
  it('is cut off live, stays out, and nobody else notices', async () => {
    const [bad, good] = [await bus.node(), await bus.node()];
    const evil = await bus.connected(bad);
    const fair = await bus.connected(good);
    const before = bus.server.counters.authErrors;
    expect(await bus.accounts.revoke(bad.publicKey)).toMatchObject({ live: true });
    await connection(evil, false);
    await holds('two more attempts', () => evil.counters.connectFailures >= 2);
    expect(evil.connected).toBe(false);
    expect(evil.counters.lost).toEqual({ ...NOTHING_LOST, unauthorized: 1 });
    // The next attempts tell as well, for a node that was away when it was revoked.
    expect(evil.counters.turnedAway).toBe(evil.counters.connectFailures);
    expect(fair.connected).toBe(true);
    expect(fair.counters.connects).toBe(1);
    await holds('the log', () => bus.server.counters.authErrors > before);
  });

  it('stays out after a restart of the server, also when it was revoked meanwhile', async () => {
    const own = await TestBus.start();
    try {
      const [early, late, good] = [await own.node(), await own.node(), await own.node()];
      await own.accounts.revoke(early.publicKey);
      await own.server.stop();
      expect(await own.accounts.revoke(late.publicKey)).toMatchObject({ live: false });
      await own.startServer();
      for (const [node, welcome] of [
        [early, false],
        [late, false],
        [good, true],
      ] as const) {
        const { tls, credentials } = node.access;
        const { admitted, client } = await RawClient.signIn(own.server.bus.port, tls!, credentials);
        client.end();
        expect(admitted).toBe(welcome);
      }
    } finally {
      await own.close();
    }
  });

  it('may not come back with a JWT that was signed before', async () => {
    const node = await bus.node();
    const grant = {
      nodeId: node.id,
      role: 'tracker' as const,
      expiresWallMs: clock.wallMs() + HOUR_MS,
    };
    const spare = await bus.accounts.userJwt(node.publicKey, grant);
    await bus.accounts.revoke(node.publicKey);
    const { tls, credentials } = node.access;
    const { admitted, client } = await RawClient.signIn(bus.server.bus.port, tls!, {
      ...credentials!,
      jwt: spare,
    });
    client.end();
    expect(admitted).toBe(false);
  });
});

describe('a user whose time is over', () => {
  it('is put out by the server', async () => {
    const node = await bus.node();
    const grant = {
      nodeId: node.id,
      role: 'tracker' as const,
      expiresWallMs: clock.wallMs() + 4000,
    };
    const jwt = await bus.accounts.userJwt(node.publicKey, grant);
    const credentials = { ...node.access.credentials!, jwt };
    const transport = await bus.connected({ ...node, access: { ...node.access, credentials } });
    await connection(transport, false);
    expect(transport.counters.lost.unauthorized).toBe(1);
    transport.update(node.access);
    await connection(transport, true);
  });
});
