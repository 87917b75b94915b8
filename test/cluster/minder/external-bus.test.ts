/** A minder over a NATS server that somebody else runs. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeAccount, encodeOperator, encodeUser, fmtCreds } from '@nats-io/jwt';
import { createAccount, createOperator, createUser } from '@nats-io/nkeys';
import { afterEach, expect, it } from 'vitest';
import { revokeCommand } from '../../../src/cli/revoke.js';
import { renew } from '../../../src/cluster/enrolment-client.js';
import { findNatsServer } from '../../../src/minder/nats-binary.js';
import {
  type ClusterSettings,
  CONTROL_ALL,
  decodeSettings,
} from '../../../src/protocol/cluster/control.js';
import { temporaryFolder, watchChild } from '../../support/tracker-process.js';
import {
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

/** Somebody's server, with an account of which we get credentials and the key. */
async function startTheirs() {
  const folder = temporaryFolder('theirs');
  const [operator, system, account, user] = [
    createOperator(),
    createAccount(),
    createAccount(),
    createUser(),
  ];
  const limits = { subs: -1, data: -1, payload: -1, conn: -1, wildcards: true };
  const config = {
    host: '127.0.0.1',
    port: -1,
    ports_file_dir: folder,
    operator: await encodeOperator('somebody', operator, { system_account: system.getPublicKey() }),
    resolver: 'MEMORY',
    resolver_preload: {
      [system.getPublicKey()]: await encodeAccount('sys', system, { limits }, { signer: operator }),
      [account.getPublicKey()]: await encodeAccount('a', account, { limits }, { signer: operator }),
    },
  };
  writeFileSync(join(folder, 'server.conf'), JSON.stringify(config));
  const { path } = await findNatsServer();
  const server = spawn(path, ['-c', join(folder, 'server.conf')], { stdio: 'ignore' });
  watchChild(server);
  const ports = await until(() => readdirSync(folder).find((name) => name.endsWith('.ports')));
  const url = await until(() => {
    const text = readFileSync(join(folder, ports), 'utf8');
    return /nats:\/\/[^"]*:\d+/.exec(text)?.[0];
  });
  const credsFile = join(folder, 'user.creds');
  writeFileSync(credsFile, fmtCreds(await encodeUser('we', user, account), user));
  const keyFile = join(folder, 'account.nk');
  writeFileSync(keyFile, account.getSeed());
  return { server, url, credsFile, keyFile };
}

it('lets nodes in, and shuts them out as far as it can', async () => {
  const theirs = await startTheirs();
  const minder = await startMinder(undefined, {
    'minder.natsUrl': theirs.url,
    'minder.natsCredsFile': theirs.credsFile,
    'minder.natsAccountKeyFile': theirs.keyFile,
  });
  const good = await joinMinder(minder);
  const bad = await joinMinder(minder);
  expect(good.bus).toMatchObject({ urls: [theirs.url], external: true });
  // Bus credentials are good for an hour there, so the certificate that they go with is as well.
  expect(good.expiresWallMs - good.issuedWallMs).toBe(3_600_000);
  const bus = busOf(good);
  const heard: ClusterSettings[] = [];
  bus.subscribe(CONTROL_ALL, (_subject, payload) => heard.push(decodeSettings(payload)!));
  await until(() => bus.connected);
  const { stdout } = await command(revokeCommand, [bad.nodeId, '--data', minder.data]);
  expect(stdout).toContain(`${bad.nodeId} is revoked; the bus cuts it off at`);
  const settings = await until(() =>
    heard.find(({ keyRing }) => keyRing.generation >= good.keyRing.generation + 3),
  );
  expect(settings.revoked).toEqual([bad.nodeId]);
  await expect(renew({ identity: bad, node: NODE }, { clock })).rejects.toMatchObject({
    refusal: 'node_revoked',
  });
  theirs.server.kill('SIGKILL');
});

it('does not start without a key that the server knows', async () => {
  const theirs = await startTheirs();
  const other = await startTheirs();
  await expect(
    startMinder(undefined, {
      'minder.natsUrl': theirs.url,
      'minder.natsCredsFile': theirs.credsFile,
      'minder.natsAccountKeyFile': other.keyFile,
    }),
  ).rejects.toMatchObject({ code: 'bus_key_invalid' });
  for (const { server } of [theirs, other]) server.kill('SIGKILL');
});

it('is shared by several minders, which run none of their own', async () => {
  const theirs = await startTheirs();
  const flags = {
    'minder.natsUrl': theirs.url,
    'minder.natsCredsFile': theirs.credsFile,
    'minder.natsAccountKeyFile': theirs.keyFile,
  };
  const first = await startMinder(undefined, { ...flags, name: 'first' });
  const peerFlags = async () => ({
    'minder.peer': `https://${first.ready.enrol}`,
    'minder.token': await createToken(first.data, '--role', 'minder'),
    name: 'second',
  });
  await expect(startMinder(undefined, await peerFlags())).rejects.toMatchObject({
    code: 'minder_bus_differs',
  });
  const second = await startMinder(undefined, { ...flags, ...(await peerFlags()) });
  for (const { data } of [first, second]) {
    await until(async () => {
      const healthy = (await nodesOf(data)).filter(({ state }) => state === 'healthy');
      return healthy.length === 2;
    });
  }
  const identity = await joinMinder(second);
  expect(identity.bus).toMatchObject({ urls: [theirs.url], external: true });
  expect(identity.minders.toSorted()).toEqual(
    [first, second].map(({ ready }) => `https://${ready.enrol}`).toSorted(),
  );
  expect(existsSync(join(second.data, 'minder', 'bus'))).toBe(false);
  theirs.server.kill('SIGKILL');
});
