import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Account, decode, type User } from '@nats-io/jwt';
import { createAccount, createUser } from '@nats-io/nkeys';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { BusAccounts } from './bus-accounts.js';

const DAY_MS = 86_400_000;
const ID = 'n0123456789abcdef';

let directory: string;
let clock: ManualClock;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'trackerbt-accounts-'));
  clock = new ManualClock();
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const openAccounts = () => BusAccounts.open({ directory, lifetimeMsMax: 7 * DAY_MS }, { clock });
const revocations = (accounts: BusAccounts) =>
  decode<Account>(accounts.trust.accountJwt).nats.revocations ?? {};
const userKey = () => createUser().getPublicKey();

describe('the accounts of the bus', () => {
  it('are made once and kept, in a file for their owner alone', async () => {
    const first = await openAccounts();
    const second = await openAccounts();
    expect(second.trust).toEqual(first.trust);
    expect(second.seeds).toEqual(first.seeds);
    expect(statSync(join(directory, 'accounts.json')).mode & 0o777).toBe(0o600);
  });

  it('can be had by another minder, which then signs for the same bus', async () => {
    const { seeds, trust } = await openAccounts();
    const elsewhere = join(directory, 'elsewhere');
    const options = { directory: elsewhere, lifetimeMsMax: DAY_MS, seeds };
    const other = await BusAccounts.open(options, { clock });
    expect(other.trust.account).toBe(trust.account);
    expect(other.trust.systemAccount).toBe(trust.systemAccount);
    expect(decode(other.trust.operatorJwt).iss).toBe(decode(trust.operatorJwt).iss);
  });

  it('sign a user for what its role may do, and no longer than allowed', async () => {
    const accounts = await openAccounts();
    const key = userKey();
    const grant = { nodeId: ID, role: 'tracker', expiresWallMs: clock.wallMs() + DAY_MS } as const;
    const claims = decode<User>(await accounts.userJwt(key, grant));
    expect(claims).toMatchObject({ iss: accounts.trust.account, sub: key, name: ID });
    expect(claims.exp).toBe((clock.wallMs() + DAY_MS) / 1000);
    expect(claims.nats).toMatchObject({
      allowed_connection_types: ['STANDARD'],
      bearer_token: false,
    });
    expect(claims.nats.pub?.allow).toContain(`peers.${ID}`);
    expect(claims.nats).not.toHaveProperty('resp');
    const long = { ...grant, expiresWallMs: clock.wallMs() + 30 * DAY_MS };
    const { exp } = decode(await accounts.userJwt(key, long));
    expect(exp).toBe((clock.wallMs() + 7 * DAY_MS) / 1000);
  });

  it('sign nothing but users, for node ids and no other names', async () => {
    const accounts = await openAccounts();
    const expiresWallMs = clock.wallMs() + DAY_MS;
    const grant = { nodeId: ID, role: 'tracker', expiresWallMs } as const;
    for (const key of ['', 'U', createAccount().getPublicKey(), `U${'A'.repeat(55)}`]) {
      await expect(accounts.userJwt(key, grant)).rejects.toMatchObject({
        code: 'bus_user_invalid',
      });
    }
    for (const nodeId of ['*', '>', 'a.b', 'all', '', 'n0123']) {
      await expect(accounts.userJwt(userKey(), { ...grant, nodeId })).rejects.toThrow();
    }
  });

  it('remember revocations, tell the servers, and say whether one listened', async () => {
    const accounts = await openAccounts();
    const pushed: string[] = [];
    const [first, second] = [userKey(), userKey()];
    // Whom no server cuts off, his JWT ends at the latest.
    const effectiveWallMs = clock.wallMs() + accounts.lifetimeMsMax;
    expect(await accounts.revoke(first)).toEqual({ live: false, effectiveWallMs });
    accounts.onChange(async (jwt) => {
      pushed.push(jwt);
      return true;
    });
    const live = { live: true, effectiveWallMs: clock.wallMs() };
    expect(await accounts.revoke(second)).toEqual(live);
    expect(pushed).toEqual([accounts.trust.accountJwt]);
    // What is signed later is void as well, whoever signs it.
    const until = Math.ceil((clock.wallMs() + 90 * DAY_MS) / 1000);
    expect(revocations(accounts)).toEqual({ [first]: until, [second]: until });
    expect(revocations(await openAccounts())).toEqual({ [first]: until, [second]: until });
  });

  it('offer a change again until a server takes it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const accounts = await openAccounts();
      const answers = [false, false, true];
      let offers = 0;
      accounts.onChange(async () => answers[offers++]);
      expect(await accounts.revoke(userKey())).toMatchObject({ live: false });
      for (let i = 0; i < 5; i++) await vi.advanceTimersByTimeAsync(10_000);
      expect(offers).toBe(3);
    } finally {
      vi.useRealTimers();
    }
  });

  it('lose no revocation of several at once', async () => {
    const accounts = await openAccounts();
    const keys = Array.from({ length: 10 }, userKey);
    await Promise.all(keys.map((key) => accounts.revoke(key)));
    expect(Object.keys(revocations(await openAccounts())).sort()).toEqual([...keys].sort());
  });

  it('of two minders mean the same once each has heard of the other, whoever was first', async () => {
    const one = await openAccounts();
    const elsewhere = join(directory, 'elsewhere');
    const options = { directory: elsewhere, lifetimeMsMax: 7 * DAY_MS, seeds: one.seeds };
    const two = await BusAccounts.open(options, { clock });
    const [a, b] = [userKey(), userKey()];
    const atWallMs = clock.wallMs();
    await one.revoke(a);
    await two.revoke(b);
    clock.advance(60);
    const both = [a, b].map((publicKey) => ({ publicKey, atWallMs }));
    expect(await one.uphold(both)).toMatchObject({ fresh: [b], canCut: true });
    expect(await two.uphold(both)).toMatchObject({ fresh: [a] });
    expect(revocations(one)).toEqual(revocations(two));
    expect(Object.keys(revocations(one)).sort()).toEqual([a, b].sort());
    const again = await BusAccounts.open(options, { clock });
    expect(revocations(again)).toEqual(revocations(two));
    two.close();
    one.close();
  });

  it('tell the servers of what another minder revoked, until they know, and then no more', async () => {
    const accounts = await openAccounts();
    const answers = [false, true];
    let offers = 0;
    accounts.onChange(async () => answers[Math.min(offers++, 1)]);
    const known = [{ publicKey: userKey(), atWallMs: clock.wallMs() }];
    expect(await accounts.uphold(known)).toMatchObject({ live: false });
    expect(await accounts.uphold(known)).toEqual({ fresh: [], live: true, canCut: true });
    expect(await accounts.uphold(known)).toMatchObject({ live: true });
    expect(offers).toBe(2);
    accounts.close();
  });

  it('take over nothing that is no key, or voids nothing any more, and no more than they can', async () => {
    const options = { directory, lifetimeMsMax: 7 * DAY_MS, revocationsMax: 4 };
    const accounts = await BusAccounts.open(options, { clock });
    accounts.onChange(async () => true);
    const old = { publicKey: userKey(), atWallMs: clock.wallMs() - 91 * DAY_MS };
    const none = { publicKey: 'U', atWallMs: clock.wallMs() };
    expect((await accounts.uphold([old, none])).fresh).toEqual([]);
    const keys = Array.from({ length: 6 }, (_, i) => ({
      publicKey: userKey(),
      atWallMs: clock.wallMs() - i,
    }));
    const { fresh, leftOut } = await accounts.uphold(keys);
    expect(leftOut).toBe(2);
    expect(fresh).toEqual(keys.slice(0, 4).map(({ publicKey }) => publicKey));
  });

  it('forget a revocation when everything that it voids has expired', async () => {
    const accounts = await openAccounts();
    const [old, young, next] = [userKey(), userKey(), userKey()];
    await accounts.revoke(old);
    clock.advance((80 * DAY_MS) / 1000);
    await accounts.revoke(young);
    clock.advance((20 * DAY_MS) / 1000);
    await accounts.revoke(next);
    expect(Object.keys(revocations(accounts)).sort()).toEqual([young, next].sort());
  });

  it.each([
    ['is cut short', (text: string) => text.slice(0, -100)],
    ['is of another kind', () => '{}'],
    ['was signed by another operator', (text: string) => swapOperator(text)],
  ])('refuse a file that %s', async (_what, damage) => {
    await openAccounts();
    const path = join(directory, 'accounts.json');
    writeFileSync(path, damage(readFileSync(path, 'utf8')));
    const error: unknown = await openAccounts().catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'bus_accounts_damaged' });
    expect((error as Error).message).not.toMatch(/\bS[AO][A-Z2-7]{56}\b/);
  });
});

function swapOperator(text: string): string {
  const file = JSON.parse(text) as { operatorJwt: string };
  const jwt = file.operatorJwt;
  // Another character in the signature.
  const end = jwt.endsWith('AA') ? 'BB' : 'AA';
  return JSON.stringify({ ...file, operatorJwt: jwt.slice(0, -2) + end });
}
