import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Decoded } from './envelope.js';
import {
  ADDRESSES_MAX,
  COUNTERS_MAX,
  canTellAddress,
  decodeHeartbeat,
  encodeHeartbeat,
  HEARTBEAT_BYTES_MAX,
  type Heartbeat,
  LAG_MS_MAX,
  LINKS_MAX,
  wholeRoot,
} from './heartbeat.js';

const HEARTBEAT: Heartbeat = {
  version: 1,
  id: 'n0123456789abcdef',
  name: 'tracker one',
  role: 'tracker',
  state: 'healthy',
  reason: '',
  epoch: 1_700_000_000_000,
  sequence: 17,
  wallMs: 1_700_000_100_000,
  stamp: 4_294_967_295,
  root: '00ff00ff00ff00ff',
  peers: 12,
  swarms: 3,
  addresses: ['udp://192.0.2.1:6969', 'http://[2001:db8::1]:6969'],
  counters: { recordsIn: 5 },
  links: [['nfedcba9876543210', 4, 12]],
};

const encoded = (change: object) => Buffer.from(JSON.stringify({ ...HEARTBEAT, ...change }));

it('is read as it was written', () => {
  expect(decodeHeartbeat(encodeHeartbeat(HEARTBEAT))).toEqual(HEARTBEAT);
});

it('has a digest of all peers, that of web peers in it', () => {
  expect(wholeRoot(HEARTBEAT)).toBe(HEARTBEAT.root);
  expect(wholeRoot({ root: '00ff00ff00ff00ff', webRoot: '00ff00ff000000f0' })).toBe(
    '0000000000ff000f',
  );
});

it('ignores keys that it does not know', () => {
  expect(decodeHeartbeat(encoded({ mood: 'good' }))).toEqual(HEARTBEAT);
});

it('fits its size with the most of everything', () => {
  const largest: Heartbeat = {
    ...HEARTBEAT,
    name: '\u{ffff}'.repeat(64),
    reason: '\u{ffff}'.repeat(64),
    epoch: Number.MAX_SAFE_INTEGER,
    wallMs: Number.MAX_SAFE_INTEGER,
    sequence: 0xffff_ffff,
    peers: Number.MAX_SAFE_INTEGER,
    swarms: Number.MAX_SAFE_INTEGER,
    webRoot: 'f'.repeat(16),
    addresses: Array(ADDRESSES_MAX).fill('x'.repeat(100)),
    counters: Object.fromEntries(
      Array.from({ length: COUNTERS_MAX }, (_, i) => [
        String.fromCharCode(65 + (i % 26)).repeat(39) + (i % 10),
        Number.MAX_SAFE_INTEGER,
      ]),
    ),
    links: Array(LINKS_MAX).fill(['n0123456789abcdef', 0xffff_ffff, LAG_MS_MAX]),
  };
  const bytes = encodeHeartbeat(largest);
  expect(bytes.length).toBeLessThanOrEqual(HEARTBEAT_BYTES_MAX);
  expect(decodeHeartbeat(bytes)).toEqual(largest);
});

it.each([
  ['another version', { version: 2 }, Decoded.version],
  ['a name with a control character', { name: 'a\u001b[2J' }, Decoded.body],
  ['a name that is too long', { name: 'a'.repeat(65) }, Decoded.body],
  ['an id that is none', { id: 'n0123456789abcde*' }, Decoded.body],
  ['a number that is none', { peers: '12' }, Decoded.body],
  ['a negative number', { sequence: -1 }, Decoded.body],
  ['a number over 32 bits', { stamp: 2 ** 32 }, Decoded.body],
  ['a root that is too short', { root: '00' }, Decoded.body],
  ['an unknown state', { state: 'fine' }, Decoded.body],
  ['too many addresses', { addresses: Array(17).fill('udp://a:1') }, Decoded.body],
  ['an address with a blank', { addresses: ['udp://a b:1'] }, Decoded.body],
  [
    'too many counters',
    { counters: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`c${i}`, i])) },
    Decoded.body,
  ],
  ['too many links', { links: Array(257).fill(HEARTBEAT.links[0]) }, Decoded.body],
  ['a message that is too large', { mood: 'x'.repeat(HEARTBEAT_BYTES_MAX) }, Decoded.length],
])('refuses %s', (_what, change, code) => {
  expect(decodeHeartbeat(encoded(change))).toBe(code);
});

it.each([
  'udp://192.0.2.1:6969/announce',
  'https://[2001:db8::1]:443/announce.php',
  // The only path of a tracker whose clients all have keys.
  'http://192.0.2.1:6969/{key}/announce',
  'http://192.0.2.1:6969/~me/announce',
  `udp://${'a'.repeat(95)}`,
  '',
])('knows whether others would take the address %j', (text) => {
  const heard = decodeHeartbeat(encodeHeartbeat({ ...HEARTBEAT, addresses: [text] }));
  expect(canTellAddress(text)).toBe(typeof heard === 'object');
});

it('refuses what is cut off anywhere, or is not JSON at all', () => {
  const bytes = encodeHeartbeat(HEARTBEAT);
  for (let length = 0; length < bytes.length; length++) {
    expect(decodeHeartbeat(bytes.subarray(0, length))).toBe(Decoded.foreign);
  }
  for (const text of ['null', '[]', '1', '"version"', '{}', '{"__proto__":{"version":1}}']) {
    expect(decodeHeartbeat(Buffer.from(text))).toBe(Decoded.foreign);
  }
});

it('never throws for bytes of any kind', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.json(), (noise, json) => {
      expect(typeof decodeHeartbeat(noise)).toBe('number');
      expect(typeof decodeHeartbeat(Buffer.from(json))).toBe('number');
    }),
  );
});
