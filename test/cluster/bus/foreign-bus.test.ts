import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeAccount, encodeOperator, encodeUser, fmtCreds } from '@nats-io/jwt';
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/nkeys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NatsTransport } from '../../../src/cluster/nats-transport.js';
import { ForeignBus } from '../../../src/minder/bus-foreign.js';
import { findNatsServer } from '../../../src/minder/nats-binary.js';
import { NatsServer } from '../../../src/minder/nats-server.js';
import { until } from '../../support/deadline.js';
import { temporaryFolder, watchChild } from '../../support/tracker-process.js';
import { bytes, clock, connection, HOUR_MS, Lines, nodeId, TestBus, WAIT_MS } from './test-bus.js';

const seedOf = (pair: KeyPair) => new TextDecoder().decode(pair.getSeed());

describe("somebody else's bus", () => {
  // Its operator is not ours: all that we get are the files of a user and of keys.
  const [operator, system, account] = [createOperator(), createAccount(), createAccount()];
  const [signing, scoped] = [createAccount(), createAccount()];
  const folder = temporaryFolder('foreign');
  const file = (name: string, text: string | Uint8Array) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const lines = new Lines();
  let helper: TestBus;
  let server: NatsServer;
  let credsFile: string;
  let access: {
    servers: string[];
    tls: { ca: string; cert: string; key: string; minder: boolean };
  };

  beforeAll(async () => {
    helper = await TestBus.start();
    const limits = { subs: -1, data: -1, payload: -1, conn: -1, wildcards: true };
    const template = { pub: { allow: ['x'] }, sub: { allow: ['x'] } };
    const trust = {
      operatorJwt: await encodeOperator('somebody', operator, {
        system_account: system.getPublicKey(),
      }),
      systemAccount: system.getPublicKey(),
      systemJwt: await encodeAccount('sys', system, { limits }, { signer: operator }),
      account: account.getPublicKey(),
      accountJwt: await encodeAccount(
        'theirs',
        account,
        {
          limits,
          signing_keys: [
            signing.getPublicKey(),
            { kind: 'user_scope', key: scoped.getPublicKey(), role: 'reader', template },
          ],
        },
        { signer: operator },
      ),
    };
    const tls = await helper.tls('minder', nodeId());
    server = await NatsServer.start(
      {
        directory: temporaryFolder('foreign-server'),
        serverName: 'theirs',
        bus: { host: '127.0.0.1', port: 0 },
        tls,
      },
      { trust: () => trust, log: lines, clock },
    );
    access = { servers: [`tls://127.0.0.1:${server.bus.port}`], tls: { ...tls, minder: true } };
    const user = createUser();
    const jwt = await encodeUser('we', user.getPublicKey(), account, {}, { signer: signing });
    credsFile = file('user.creds', fmtCreds(jwt, user));
  });
  afterAll(async () => {
    await server.stop();
    await helper.close();
  });

  it.each([
    ['a signing key of the account', signing],
    ['the key of the account itself', account],
  ])('works with %s, and keeps nodes to their subjects', async (_what, key) => {
    const accountKeyFile = file('key.nk', `${seedOf(key)}\n`);
    const bus = await ForeignBus.open({ credsFile, accountKeyFile }, { clock });
    expect(bus.account).toBe(account.getPublicKey());
    await bus.verify(access);
    const user = createUser();
    const id = nodeId();
    const grant = { nodeId: id, role: 'tracker', expiresWallMs: clock.wallMs() + HOUR_MS } as const;
    const jwt = await bus.userJwt(user.getPublicKey(), grant);
    const credentials = { jwt, seed: seedOf(user) };
    const transport = new NatsTransport({ ...access, credentials, name: id }, { log: lines });
    try {
      await connection(transport, true);
      transport.publish(`peers.${id}`, bytes('mine'));
      transport.publish(`peers.${nodeId()}`, bytes('not mine'));
      const refused = () => transport.counters.refusedSubjects === 1 || undefined;
      await until(refused, WAIT_MS, 'a refusal', 5);
    } finally {
      await transport.close();
    }
  });

  it('refuses a key that is not of the account, or that has a role of its own', async () => {
    for (const key of [createAccount(), scoped]) {
      const accountKeyFile = file('other.nk', seedOf(key));
      const bus = await ForeignBus.open({ credsFile, accountKeyFile }, { clock });
      await expect(bus.verify(access)).rejects.toMatchObject({ code: 'bus_key_invalid' });
    }
  });

  it('says which file is missing or is none, and never what is in it', async () => {
    const good = file('good.nk', seedOf(signing));
    const secret = seedOf(createUser());
    for (const [files, code] of [
      [{ credsFile, accountKeyFile: join(folder, 'none') }, 'bus_key_missing'],
      [{ credsFile: join(folder, 'none'), accountKeyFile: good }, 'bus_key_missing'],
      [{ credsFile: good, accountKeyFile: good }, 'bus_key_invalid'],
      [{ credsFile, accountKeyFile: file('user.nk', secret) }, 'bus_key_invalid'],
    ] as const) {
      const error: unknown = await ForeignBus.open(files, { clock }).catch((e: unknown) => e);
      expect(error).toMatchObject({ code });
      expect((error as Error).message).not.toContain(secret);
    }
  });

  it('revokes by not signing again, within the hour', async () => {
    const accountKeyFile = file('key.nk', seedOf(signing));
    const bus = await ForeignBus.open({ credsFile, accountKeyFile }, { clock });
    const before = clock.wallMs();
    const { live, effectiveWallMs } = await bus.revoke(createUser().getPublicKey());
    expect(live).toBe(false);
    expect(effectiveWallMs).toBeGreaterThanOrEqual(before + bus.lifetimeMsMax);
    expect(bus.lifetimeMsMax).toBe(HOUR_MS);
  });
});

describe('a bus without TLS', () => {
  it('is spoken with where its URL says nats, and refused where it says tls', async () => {
    const folder = temporaryFolder('plain');
    const config = join(folder, 'plain.conf');
    writeFileSync(config, JSON.stringify({ host: '127.0.0.1', port: -1, ports_file_dir: folder }));
    const child = spawn((await findNatsServer()).path, ['-c', config], { stdio: 'ignore' });
    watchChild(child);
    const lines = new Lines();
    const ports = await until(
      () => readdirSync(folder).find((name) => name.endsWith('.ports')),
      WAIT_MS,
      'the ports',
    );
    const read = () => /:(\d+)"/.exec(readFileSync(join(folder, ports), 'utf8'))?.[1];
    const port = await until(read, WAIT_MS, 'a port');
    const plain = new NatsTransport(
      { servers: [`nats://127.0.0.1:${port}`], tls: {}, name: 'x' },
      { log: lines },
    );
    const strict = new NatsTransport(
      { servers: [`tls://127.0.0.1:${port}`], name: 'x' },
      { log: lines },
    );
    try {
      await connection(plain, true);
      const refused = () => strict.counters.connectFailures >= 2 || undefined;
      await until(refused, WAIT_MS, 'two refusals', 5);
      expect(strict.connected).toBe(false);
    } finally {
      await Promise.all([plain.close(), strict.close()]);
      child.kill('SIGKILL');
    }
  });
});
