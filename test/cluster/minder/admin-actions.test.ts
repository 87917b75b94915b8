/** What operators change through the admin listener, on a minder with a real bus server behind it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { enrol } from '../../../src/cluster/enrolment-client.js';
import {
  beatOf,
  busOf,
  cleanUp,
  clock,
  NODE,
  type Running,
  startMinder,
  until,
} from './running-minder.js';

afterEach(cleanUp);

const HASH = '0123456789abcdef0123456789abcdef01234567';

function admin(minder: Running) {
  const token = readFileSync(join(minder.data, 'minder', 'admin-token'), 'utf8').trim();
  return async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`http://${minder.ready.admin}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: method === 'GET' ? null : JSON.stringify(body ?? {}),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
}

it('lets a node in by the command of a new token, drains it, and throws it out', async () => {
  const minder = await startMinder();
  const ask = admin(minder);
  const made = await ask('POST', 'tokens', { uses: 1 });
  expect(made.status).toBe(201);
  const command = String(made.body.command);
  const [, url, token] = /^npx trackerbt tracker --join (\S+) --token (\S+)$/.exec(command)!;
  expect(url).toBe(`https://${minder.ready.enrol}`);
  const identity = await enrol({ url, token, role: 'tracker', node: NODE }, { clock });
  const bus = busOf(identity);
  await until(() => bus.connected);
  bus.publish(`hb.${identity.nodeId}`, beatOf(identity));
  const { nodeId } = identity;
  expect(await ask('PUT', `nodes/${nodeId}/drain`)).toMatchObject({
    status: 200,
    body: { id: nodeId, draining: true },
  });
  expect(await ask('DELETE', `nodes/${nodeId}/drain`)).toMatchObject({ body: { draining: false } });
  const minderId = minder.ready.id;
  expect(await ask('PUT', `nodes/${minderId}/drain`)).toMatchObject({
    status: 400,
    body: { code: 'action_invalid' },
  });
  expect(await ask('POST', `nodes/${nodeId}/revoke`)).toMatchObject({
    status: 200,
    body: { id: nodeId, live: true },
  });
  await until(() => !bus.connected);
  expect(await ask('POST', 'nodes/nobody/revoke')).toMatchObject({
    status: 404,
    body: { code: 'subject_not_found' },
  });
  expect(JSON.stringify(minder.lines)).not.toContain(token);
  expect(minder.lines).toContainEqual(
    expect.objectContaining({ action: 'revoke', remote: '127.0.0.1', node: nodeId }),
  );
});

it('keeps lists and settings, and worthless tokens worthless', async () => {
  const minder = await startMinder();
  const ask = admin(minder);
  const entry = { info_hash: HASH, reason: '<b>court order</b>', by: minder.ready.id };
  const put = await ask('PUT', `lists/deny/${HASH.toUpperCase()}`, { reason: entry.reason });
  expect(put).toMatchObject({ status: 200, body: entry });
  expect(await ask('GET', `lists/deny/${HASH}`)).toEqual(put);
  expect(await ask('GET', 'lists/deny')).toMatchObject({ body: { total: 1, entries: [entry] } });
  expect(await ask('DELETE', `lists/deny/${HASH}`)).toMatchObject({ body: { removed: true } });
  expect(await ask('DELETE', `lists/deny/${HASH}`)).toMatchObject({ body: { removed: false } });
  expect(await ask('GET', `lists/deny/${HASH}`)).toMatchObject({ status: 404 });
  await ask('PATCH', 'settings', { intervalSeconds: 900 });
  const changed = { intervalSeconds: 900, numwantMax: 30, listMode: null };
  expect(await ask('PATCH', 'settings', { numwantMax: 30 })).toMatchObject({ body: changed });
  expect(await ask('GET', 'settings')).toMatchObject({ body: changed });
  const { body: made } = await ask('POST', 'tokens');
  expect(await ask('DELETE', `tokens/${made.id}`)).toMatchObject({ status: 200 });
  expect(await ask('GET', 'tokens')).toMatchObject({
    body: { tokens: [{ id: made.id, state: 'revoked' }] },
  });
  expect(await ask('DELETE', 'tokens/000000000000')).toMatchObject({ status: 404 });
});
