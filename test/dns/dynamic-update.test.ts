import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange } from '../../src/dns/dns-exchange.js';
import { DynamicUpdate } from '../../src/dns/dynamic-update.js';
import type { TrackerSet } from '../../src/dns/tracker-set.js';
import { parseTsigKey, type TsigKey } from '../../src/dns/tsig-key.js';
import { UpdateClient } from '../../src/dns/update-client.js';
import { ManualClock, SystemClock } from '../../src/lib/clock.js';
import { createLogger } from '../../src/lib/log.js';
import { dig } from '../support/dig.js';
import { makeKey, Named } from '../support/named.js';

const ZONE = 'dyn.example.net';
const NEVER = new AbortController().signal;
const clock = new SystemClock();

const key256 = makeKey('Update.Key', 'hmac-sha256');
const key384 = makeKey('key384', 'hmac-sha384');
const key512 = makeKey('key512', 'hmac-sha512');
const stranger = makeKey('stranger', 'hmac-sha256');
const key = (text: string) => parseTsigKey(text, 'the test');

let named: Named;

beforeAll(async () => {
  const keys = [key256, key384, key512, stranger];
  named = await Named.start({ zone: ZONE, keys, strangers: ['stranger'] });
});
afterAll(() => named.stop());

function client(
  tsigKey: TsigKey,
  more: { name?: string; host?: string; exchange?: typeof exchange; clock?: ManualClock } = {},
): UpdateClient {
  const server = { host: more.host ?? '127.0.0.1', port: named.port };
  return new UpdateClient(
    { name: more.name ?? ZONE, server, key: tsigKey, ttlSeconds: 30 },
    { clock: more.clock ?? clock, exchange: more.exchange ?? exchange },
  );
}

const setOf = (revision: number, addresses4: string[], addresses6: string[] = []): TrackerSet => ({
  revision,
  addresses4,
  addresses6,
  services: [{ protocol: 'udp', port: 6969 }],
});

describe('an update', () => {
  it.each([
    ['hmac-sha256', key256, '127.0.0.1'],
    ['hmac-sha384', key384, '::1'],
    ['hmac-sha512', key512, '127.0.0.1'],
  ])(
    'signed with %s replaces the addresses and the text, and nothing else',
    async (_, text, host) => {
      await client(key(text), { host }).send(
        setOf(1, ['192.0.2.1', '192.0.2.2'], ['2001:db8::1']),
        NEVER,
      );
      expect(await named.records(ZONE, 'A')).toEqual(['192.0.2.1', '192.0.2.2']);
      expect(await named.records(ZONE, 'AAAA')).toEqual(['2001:db8::1']);
      expect(await named.records(ZONE, 'TXT')).toEqual(['"BITTORRENT UDP:6969"']);
      expect(await named.records(ZONE, 'MX')).toEqual(['10 mail.example.net.']);
      expect(await named.records(ZONE, 'NS')).toEqual(['ns.example.net.']);
      await client(key(text), { host }).send(setOf(2, ['192.0.2.3']), NEVER);
      expect(await named.records(ZONE, 'A')).toEqual(['192.0.2.3']);
      expect(await named.records(ZONE, 'AAAA')).toEqual([]);
      const { answer } = await dig('127.0.0.1', named.port, ZONE, 'A');
      expect(answer[0]).toContain(` 30 IN A `);
    },
  );

  it('of a name inside a zone of the server finds the zone', async () => {
    await client(key(key256), { name: `tracker.${ZONE}` }).send(setOf(1, ['192.0.2.9']), NEVER);
    expect(await named.records(`tracker.${ZONE}`, 'A')).toEqual(['192.0.2.9']);
    expect(await named.records(`www.${ZONE}`, 'A')).toEqual(['192.0.2.251']);
  });

  it('that is large goes over TCP, and is taken as a whole', async () => {
    const addresses4 = Array.from({ length: 64 }, (_, i) => `198.51.100.${i + 1}`);
    const addresses6 = Array.from({ length: 64 }, (_, i) => `2001:db8::${(i + 1).toString(16)}`);
    await client(key(key256)).send(setOf(1, addresses4, addresses6), NEVER);
    expect(await named.records(ZONE, 'A')).toHaveLength(64);
    expect(await named.records(ZONE, 'AAAA')).toHaveLength(64);
  });
});

describe('a refused update says why:', () => {
  const send = (updates: UpdateClient) => updates.send(setOf(9, ['203.0.113.9']), NEVER);

  it('a key that the server does not know', async () => {
    const unknown = key(makeKey('nobody', 'hmac-sha256'));
    await expect(send(client(unknown))).rejects.toMatchObject({ code: 'update_key_unknown' });
  });

  it('another secret', async () => {
    const other = key(makeKey('update.key', 'hmac-sha256'));
    await expect(send(client(other))).rejects.toMatchObject({ code: 'update_key_differs' });
  });

  it('a key that may not update', async () => {
    const refused = send(client(key(stranger)));
    await expect(refused).rejects.toMatchObject({ code: 'update_refused' });
    await expect(refused).rejects.toThrow("'stranger'");
  });

  it('a zone that the server does not have', async () => {
    const refused = send(client(key(key256), { name: 'elsewhere.example' }));
    await expect(refused).rejects.toMatchObject({ code: 'update_not_authoritative' });
  });

  it('a wrong clock', async () => {
    const wrong = new ManualClock(1_000, Date.now() - 3_600_000);
    const refused = send(client(key(key256), { clock: wrong }));
    await expect(refused).rejects.toMatchObject({ code: 'update_clock' });
  });

  it('and changes nothing', async () => {
    expect(await named.records(ZONE, 'A')).not.toContain('203.0.113.9');
  });
});

describe('an answer that is not the server’s', () => {
  /** Changes the answer to the update, and leaves that to the search for the zone. */
  const forging = (change: (answer: Buffer) => Buffer): typeof exchange => {
    return async (server, message, signal) => {
      const answer = await exchange(server, message, signal);
      return (message[2] & 0x78) === 0x28 ? change(Buffer.from(answer)) : answer;
    };
  };
  const send = (change: (answer: Buffer) => Buffer) =>
    client(key(key256), { exchange: forging(change) }).send(setOf(9, ['192.0.2.1']), NEVER);

  it('is not believed, whichever byte of it was changed', async () => {
    let length = 0;
    await send((answer) => {
      length = answer.length;
      return answer;
    });
    for (let at = 2; at < length; at++) {
      const sent = send((answer) => {
        // What stands for the same name in another case is the same.
        answer[at] ^= 0x01;
        return answer;
      });
      await expect(sent, `byte ${at} of ${length}`).rejects.toMatchObject({
        code: expect.stringMatching(/^update_/),
      });
    }
  });

  it('is not believed when it is an old one, sent again', async () => {
    const hands = new ManualClock(1_000, Date.now());
    const late = forging((answer) => {
      hands.advance(301);
      return answer;
    });
    const sent = client(key(key256), { exchange: late, clock: hands });
    await expect(sent.send(setOf(9, ['192.0.2.1']), NEVER)).rejects.toMatchObject({
      code: 'update_clock',
    });
  });

  it('is not believed without its signature', async () => {
    const sent = send((answer) => {
      // Header and zone, as they came.
      const plain = Buffer.from(answer.subarray(0, 12 + ZONE.length + 2 + 4));
      plain.writeUInt16BE(0, 10);
      return plain;
    });
    await expect(sent).rejects.toMatchObject({ code: 'update_answer_unsigned' });
  });
});

it('keeps the server’s set current, waits while it is away, and never sends an empty one', async () => {
  const hands = new ManualClock(1_000, Date.now());
  const logger = createLogger(
    { level: 'silent', format: 'json', name: 'test' },
    { output: { write() {} } },
  );
  const server = { host: '127.0.0.1', port: named.port };
  let isAway = true;
  let attempts = 0;
  let set = setOf(0, []);
  const updates = new DynamicUpdate(
    { zone: ZONE, server, key: key(key256), ttlSeconds: 30 },
    {
      set: () => set,
      logger,
      clock: hands,
      exchange: (to, message, signal) => {
        attempts++;
        const port = isAway ? 1 : to.port;
        return exchange({ ...to, port }, message, signal);
      },
    },
  );
  await updates.look();
  expect(attempts).toBe(0);

  set = setOf(1, ['192.0.2.11']);
  await updates.look();
  expect(updates.status).toMatchObject({
    state: 'failing',
    failed: 1,
    lastError: { code: 'update_unreachable' },
  });
  isAway = false;
  await updates.look();
  expect(attempts).toBe(1);
  hands.advance(2);
  await updates.look();
  expect(updates.status).toMatchObject({ state: 'current', sent: 1 });
  expect(updates.status.lastError).toBeUndefined();
  expect(await named.records(ZONE, 'A')).toEqual(['192.0.2.11']);

  // Another change within two seconds waits for them.
  set = setOf(2, ['192.0.2.12'], ['2001:db8::12', 'no address']);
  await updates.look();
  expect(updates.status.sent).toBe(1);
  hands.advance(2);
  await updates.look();
  expect(await named.records(ZONE, 'A')).toEqual(['192.0.2.12']);
  expect(await named.records(ZONE, 'AAAA')).toEqual(['2001:db8::12']);

  // Unchanged: again after an hour, not before.
  hands.advance(3_598);
  await updates.look();
  expect(updates.status.sent).toBe(2);
  hands.advance(2);
  hands.epochMs = Date.now();
  await updates.look();
  expect(updates.status.sent).toBe(3);

  set = setOf(3, []);
  hands.advance(4_000);
  await updates.look();
  expect(updates.status.sent).toBe(3);
  expect(await named.records(ZONE, 'A')).toEqual(['192.0.2.12']);
  await updates.stop();
});
