import { expect, it } from 'vitest';
import { CidrSet } from '../../src/lib/cidr-set.js';
import { Endpoint } from '../../src/lib/endpoint.js';
import {
  decodeProxyHeader,
  PROXY_HEADER_BYTES_MAX,
  PROXY_MALFORMED,
  PROXY_MORE,
} from '../../src/protocol/proxy/proxy-header.js';
import { clientFromForwardedFor } from '../../src/protocol/proxy/x-forwarded-for.js';
import { fuzzInput } from '../support/mutate.js';
import { seededPrng } from '../support/prng.js';

const ROUNDS = 100_000;

const V2 = '0d0a0d0a000d0a515549540a';
const HEADERS = [
  Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 56324 6969\r\nGET /'),
  Buffer.from('PROXY TCP6 2001:db8::1 ::1 56324 6969\r\nGET /'),
  Buffer.from('PROXY UNKNOWN\r\nGET /'),
  Buffer.from(`${V2}2111000cc0000201c6336401dc041b39474554`, 'hex'),
  Buffer.from(`${V2}21210027${'20'.repeat(32)}dc041b39040000474554`, 'hex'),
  Buffer.from(`${V2}20000000474554`, 'hex'),
];

it(`reads ${ROUNDS} random and mutated PROXY headers, the same however they arrive`, () => {
  const prng = seededPrng();
  const endpoint = new Endpoint();
  const early = new Endpoint();
  let complete = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = fuzzInput(prng, HEADERS, 700);
    const consumed = decodeProxyHeader(bytes, bytes.length, endpoint);
    if (consumed > 0) complete++;
    const cut = prng.below(bytes.length + 1);
    const first = decodeProxyHeader(bytes, cut, early);
    const isSound =
      consumed >= PROXY_MALFORMED &&
      consumed <= Math.min(bytes.length, PROXY_HEADER_BYTES_MAX) &&
      (consumed > 0 || endpoint.family === 0) &&
      (consumed !== PROXY_MORE || bytes.length < PROXY_HEADER_BYTES_MAX) &&
      (first === PROXY_MORE || first === consumed) &&
      (first !== PROXY_MORE || consumed <= 0 || cut < consumed);
    if (!isSound) expect.fail(`unsound at ${cut}: ${bytes.toString('hex')}`);
  }
  expect(complete).toBeGreaterThan(0);
});

const FORWARDED = [
  '192.0.2.1, 10.0.0.1, 10.0.0.2',
  '[2001:db8::1]:80, ::ffff:10.0.0.1',
  'unknown, 192.0.2.1:8080,10.0.0.1',
].map((text) => Buffer.from(text));

it(`reads ${ROUNDS} random and mutated X-Forwarded-For headers without throwing`, () => {
  const prng = seededPrng();
  const trusted = new CidrSet(['10.0.0.0/8']);
  const out = new Endpoint();
  let found = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const header = fuzzInput(prng, FORWARDED, 300).toString('latin1');
    const isFound = clientFromForwardedFor(header, (hop) => trusted.has(hop), out);
    if (isFound) found++;
    const isSound = isFound ? out.family !== 0 && out.port === 0 : out.family === 0;
    if (!isSound) expect.fail(`unsound: ${JSON.stringify(header)}`);
  }
  expect(found).toBeGreaterThan(0);
});
