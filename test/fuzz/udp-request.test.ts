import { expect, it } from 'vitest';
import { Failure } from '../../src/protocol/failure.js';
import { decodeUdpReply, InvalidReplyError } from '../../src/protocol/udp/client-reply.js';
import { encodeError } from '../../src/protocol/udp/reply.js';
import {
  connectionIdHi,
  connectionIdLo,
  decodeAnnounce,
  decodeUdpRequest,
  scrapeHashCount,
  transactionId,
  UdpAction,
  UdpAnnounceRequest,
  URL_DATA_BYTES_MAX,
} from '../../src/protocol/udp/request.js';
import { fuzzInput } from '../support/mutate.js';
import { seededPrng } from '../support/prng.js';

const ROUNDS = 100_000;
const PACKET_BYTES = 2048;

function packet(action: number, length: number, options = ''): Uint8Array {
  const head = Buffer.alloc(length);
  head.writeUInt32BE(action, 8);
  return Buffer.concat([head, Buffer.from(options, 'hex')]);
}

const REQUESTS = [
  Buffer.from('00000417271019800000000012345678', 'hex'),
  packet(1, 98),
  packet(1, 98, '02052f61626364'),
  packet(1, 98, `0102ff${'61'.repeat(255)}02ff${'62'.repeat(255)}02ff${'63'.repeat(255)}00`),
  packet(2, 36),
  packet(2, 16 + 20 * 74),
];

it(`reads ${ROUNDS} random and mutated datagrams without throwing or leaving its bounds`, () => {
  const prng = seededPrng();
  const request = new UdpAnnounceRequest();
  const actions: ReadonlySet<number> = new Set(Object.values(UdpAction));
  const input = new Uint8Array(PACKET_BYTES);
  const seen = new Set<number>();
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = fuzzInput(prng, REQUESTS, PACKET_BYTES);
    // What lies behind the datagram is left from the one before, as in a real receive buffer.
    input.set(bytes);
    const before = Buffer.from(input);
    const action = decodeUdpRequest(input, bytes.length);
    seen.add(action);
    const isAnnounce = decodeAnnounce(input, bytes.length, request);
    const hashes = scrapeHashCount(bytes.length);
    const ids = [connectionIdHi(input), connectionIdLo(input), transactionId(input)];
    const isSound =
      actions.has(action) &&
      (bytes.length >= 16 || action === UdpAction.drop) &&
      isAnnounce === bytes.length >= 98 &&
      hashes >= 0 &&
      hashes <= 74 &&
      16 + 20 * hashes <= Math.max(16, bytes.length) &&
      ids.every((id) => id === (id | 0)) &&
      isRequestSound(request) &&
      before.equals(input);
    if (!isSound) expect.fail(`unsound: ${bytes.toString('hex')}`);
  }
  expect(seen.size).toBe(actions.size);
});

function isRequestSound(request: UdpAnnounceRequest): boolean {
  const { event, port, numwant, urlDataLength, claimed4, claimed6 } = request;
  return (
    event >= 0 &&
    event <= 4 &&
    port >= 0 &&
    port <= 65535 &&
    numwant >= -1 &&
    numwant <= 0x7fffffff &&
    urlDataLength >= 0 &&
    urlDataLength <= URL_DATA_BYTES_MAX &&
    (claimed4.family === 0 || claimed4.family === 4) &&
    claimed6.family === 0
  );
}

const error = new Uint8Array(100);
const REPLIES = [
  packet(0, 16).map((byte, at) => (at === 11 ? 1 : byte)),
  Buffer.from('0000000100000001000007080000000200000003c00002011ae1', 'hex'),
  Buffer.from('0000000200000001000000010000000200000003', 'hex'),
  error.subarray(0, encodeError(error, 1, Failure.notAllowed)),
];

it(`reads ${ROUNDS} random and mutated replies, and knows the invalid ones`, () => {
  const prng = seededPrng();
  let valid = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = fuzzInput(prng, REPLIES, PACKET_BYTES);
    try {
      decodeUdpReply(bytes, prng.pick([4, 6] as const));
      valid++;
    } catch (thrown) {
      if (!(thrown instanceof InvalidReplyError)) throw thrown;
    }
  }
  expect(valid).toBeGreaterThan(0);
  expect(valid).toBeLessThan(ROUNDS);
});
