import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { AdminRig, BEARER, expectProblem, raw } from './admin-rig.testing.js';

const rig = new AdminRig();
afterEach(() => rig.stopAll());

const WRONG = { authorization: 'Bearer wrong-token-of-this-test' };
const SETTINGS = '/api/v1/settings';
const desk = { ask: async () => ({}), joinUrl: () => 'https://192.0.2.1:7443' };

describe('requests of one address', () => {
  it('are bounded, told when to come again, and counted; health is not', async () => {
    const clock = new ManualClock();
    const { ask, source } = await rig.start({ readsPerSecond: 1, clock });
    for (let i = 0; i < 10; i++) expect((await ask('/api/v1/digest')).status).toBe(200);
    const refused = await ask('/api/v1/digest');
    expect(refused.headers.get('retry-after')).toBe('1');
    await expectProblem(refused, 'too_many_requests');
    await expectProblem(await ask('/nothing'), 'too_many_requests');
    source.isReady = true;
    for (let i = 0; i < 20; i++) expect((await ask('/readyz')).status).toBe(200);
    clock.advance(2);
    const { admin } = (await (await ask('/stats.json')).json()) as { admin: object };
    expect(admin).toMatchObject({ limitedReads: 2 });
  });

  it('that change something are counted apart from those that read', async () => {
    const clock = new ManualClock();
    const { ask } = await rig.start({ desk, changesPerSecond: 1, clock });
    const change = () => ask(SETTINGS, { method: 'PATCH', headers: BEARER });
    for (let i = 0; i < 10; i++) expect((await change()).status).toBe(200);
    await expectProblem(await change(), 'too_many_requests');
    expect((await ask(SETTINGS)).status).toBe(200);
  });

  it('are not used up by a page of another site', async () => {
    const clock = new ManualClock();
    const { ask, port } = await rig.start({ desk, readsPerSecond: 1, clock });
    const evil = 'GET /stats.json HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n';
    for (let i = 0; i < 15; i++) {
      await raw(port, `${evil}Authorization: Bearer x\r\n\r\n`);
      await ask(SETTINGS, { method: 'PATCH', headers: { ...WRONG, origin: 'http://evil.test' } });
    }
    expect((await ask('/stats.json')).status).toBe(200);
    expect((await ask(SETTINGS, { method: 'PATCH', headers: BEARER })).status).toBe(200);
  });
});

describe('wrong tokens', () => {
  it('are few: after ten an address is told to stop, and the log has one line', async () => {
    const clock = new ManualClock();
    const { ask, logged } = await rig.start({ desk, clock });
    const change = (headers: Record<string, string>) => ask(SETTINGS, { method: 'PATCH', headers });
    for (let i = 0; i < 10; i++) await expectProblem(await change(WRONG), 'unauthorized');
    const refused = await change(WRONG);
    expect(refused.headers.get('retry-after')).toBe('6');
    await expectProblem(refused, 'too_many_tokens');
    // Who sends none is told as before.
    await expectProblem(await change({}), 'unauthorized');
    clock.advance(6);
    await expectProblem(await change(WRONG), 'unauthorized');
    const lines = logged.filter(({ msg }) => msg === 'a wrong admin token');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ remote: '127.0.0.1' });
    expect(JSON.stringify(logged)).not.toContain('wrong-token-of-this-test');
  });

  it('do not lock out who has the right one and comes from the same address', async () => {
    const clock = new ManualClock();
    const { ask } = await rig.start({ desk, clock, readsPerSecond: 1, changesPerSecond: 1 });
    const change = (headers: Record<string, string>) => ask(SETTINGS, { method: 'PATCH', headers });
    for (let i = 0; i < 30; i++) expect((await change(WRONG)).status).not.toBe(200);
    for (let i = 0; i < 30; i++) await ask('/nothing');
    await expectProblem(await change({}), 'too_many_requests');
    expect((await change(BEARER)).status).toBe(200);
    expect((await ask('/stats.json', { headers: BEARER })).status).toBe(200);
  });

  it('cost nothing where reading is free', async () => {
    const clock = new ManualClock();
    const { ask } = await rig.start({ desk, clock });
    for (let i = 0; i < 20; i++) {
      expect((await ask('/stats.json', { headers: WRONG })).status).toBe(200);
    }
    expect((await ask(SETTINGS, { method: 'PATCH', headers: BEARER })).status).toBe(200);
  });

  it('tried at the health of a listener for all are counted too', async () => {
    const clock = new ManualClock();
    const { ask, source } = await rig.start({ host: '', clock });
    source.health = { ok: false, reason: 'worker udp-0 is gone' };
    const reason = async (headers: Record<string, string>) =>
      ((await (await ask('/healthz', { headers })).json()) as { reason?: string }).reason;
    for (let i = 0; i < 15; i++) expect(await reason(WRONG)).toBeUndefined();
    expect(await reason(BEARER)).toBe('worker udp-0 is gone');
    const stats = await (await ask('/stats.json', { headers: BEARER })).json();
    expect(stats).toMatchObject({ admin: { tokensWrong: 15, limitedTokens: 5 } });
  });
});
