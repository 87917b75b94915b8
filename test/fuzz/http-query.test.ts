import { expect, it } from 'vitest';
import { Failure } from '../../src/protocol/failure.js';
import {
  HttpAnnounceRequest,
  parseAnnounceQuery,
  TRACKER_ID_BYTES_MAX,
} from '../../src/protocol/http/announce-query.js';
import { HttpRoute, HttpRoutes } from '../../src/protocol/http/route.js';
import { parseScrapeQuery } from '../../src/protocol/http/scrape-query.js';
import { fuzzInput } from '../support/mutate.js';
import { seededPrng } from '../support/prng.js';

const ROUNDS = 100_000;
const TARGET_BYTES_MAX = 4096;
const HASHES_MAX = 5;

const HASH = '%01%02%03%04%05%06%07%08%09%0A%0b%0c%0d%0e%0f%10%11%12%13%14';
const SAMPLES = [
  `/announce?info_hash=${HASH}&peer_id=-TR4000-abcdefghijkl&port=6881&uploaded=0&downloaded=0` +
    '&left=0&numwant=80&key=1a2b&compact=1&supportcrypto=1&event=started',
  `/announce?info_hash=${HASH}&port=1&left=18446744073709551615&event=paused&ip=192.0.2.1` +
    '&ipv4=192.0.2.1%3a80&ipv6=%5b2001:db8::1%5D:80&trackerid=a%20b&no_peer_id',
  `/secret/announce?passkey=x?info_hash=${HASH}&port=65535&event=stopped&numwant=-1`,
  `/scrape?info_hash=${HASH}&info_hash=bbbbbbbbbbbbbbbbbbbb&info_hash=aaaaaaaaaaaaaaaaaaaa`,
  `/scrape?${Array.from({ length: 9 }, (_, i) => `info_hash=${`${i}`.repeat(20)}`).join('&')}`,
  '/scrape',
  '?&&==%%&info_hash&info_hash==',
].map((text) => Buffer.from(text, 'latin1'));

it(`reads ${ROUNDS} random and mutated targets without throwing or leaving its bounds`, () => {
  const prng = seededPrng();
  const routes = new HttpRoutes({
    announcePaths: ['/announce', '/{key}/announce', '/announce.php'],
  });
  const routeNumbers: ReadonlySet<number> = new Set(Object.values(HttpRoute));
  const failures: ReadonlySet<number> = new Set(Object.values(Failure));
  const request = new HttpAnnounceRequest();
  const seen = new Set<number>();
  for (let round = 0; round < ROUNDS; round++) {
    const target = fuzzInput(prng, SAMPLES, TARGET_BYTES_MAX);
    const before = Buffer.from(target);
    const route = routes.match(target, 0, target.length);
    const { queryStart, keyStart, keyEnd } = routes;
    const failure = parseAnnounceQuery(target, queryStart, target.length, request);
    seen.add(failure);
    // A guard behind the last hash shows writes out of bounds.
    const hashes = new Uint8Array(20 * HASHES_MAX + 19).fill(0xa5);
    const count = parseScrapeQuery(target, queryStart, target.length, hashes);
    const isSound =
      routeNumbers.has(route) &&
      queryStart >= 0 &&
      queryStart <= target.length &&
      keyStart >= 0 &&
      keyStart <= keyEnd &&
      keyEnd <= target.length &&
      failures.has(failure) &&
      isRequestSound(request, failure) &&
      count <= HASHES_MAX &&
      count !== 0 &&
      (count > 0 || failures.has(-count)) &&
      isSorted(hashes, count) &&
      hashes.subarray(20 * HASHES_MAX).every((byte) => byte === 0xa5) &&
      before.equals(target);
    if (!isSound) expect.fail(`unsound: ${JSON.stringify(target.toString('latin1'))}`);
  }
  for (const failure of [Failure.none, Failure.infoHashInvalid, Failure.queryMalformed]) {
    expect(seen.has(failure)).toBe(true);
  }
});

function isRequestSound(request: HttpAnnounceRequest, failure: number): boolean {
  const { event, port, numwant, claimed4, claimed6, trackerIdLength } = request;
  return (
    event >= 0 &&
    event <= 4 &&
    port >= 0 &&
    port <= 65535 &&
    (port > 0 || event === 3 || failure !== Failure.none) &&
    numwant >= -1 &&
    numwant <= 0x7fffffff &&
    (claimed4.family === 0 || claimed4.family === 4) &&
    (claimed6.family === 0 || claimed6.family === 6) &&
    trackerIdLength >= 0 &&
    trackerIdLength <= TRACKER_ID_BYTES_MAX
  );
}

function isSorted(hashes: Uint8Array, count: number): boolean {
  for (let i = 1; i < count; i++) {
    const order = Buffer.compare(
      hashes.subarray(20 * i - 20, 20 * i),
      hashes.subarray(20 * i, 20 * i + 20),
    );
    if (order >= 0) return false;
  }
  return true;
}
