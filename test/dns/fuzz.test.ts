import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { decode, encode, type OptAnswer, type Packet } from 'dns-packet';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { within } from '../support/deadline.js';
import { SOME_TRACKERS, startDnsServer, type TestDnsServer, ZONE } from '../support/dns-server.js';
import { fuzzInput } from '../support/mutate.js';
import { type Prng, seededPrng } from '../support/prng.js';

const ROUNDS = 10_000;
const QUERY_BYTES_MAX = 600;
const LIMIT_MS = 60_000;
/** Queries between two whose answer is certain: fewer than a socket holds. */
const BURST = 20;

const question = (type: string, name = ZONE): Packet => ({
  type: 'query',
  flags: 0x100,
  questions: [{ type: type as 'A', name }],
});
const opt = (ednsVersion = 0): OptAnswer => ({
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1_232,
  extendedRcode: 0,
  ednsVersion,
  flags: 0x8000,
  flag_do: true,
  options: [],
});
const SAMPLES = [
  ...['A', 'AAAA', 'TXT', 'NS', 'SOA', 'ANY', 'MX', 'AXFR', 'DS'].map((type) => question(type)),
  question('A', `www.${ZONE}`),
  question('A', `ns.${ZONE}`),
  question('A', 'example.com'),
  { ...question('AAAA'), additionals: [opt()] },
  { ...question('A', `${'a.'.repeat(100)}${ZONE}`), additionals: [opt()] },
  { ...question('A'), additionals: [opt(1)] },
  { ...question('SOA'), flags: 4 << 11 },
].map((packet) => encode(packet));

let dns: TestDnsServer;
beforeAll(async () => {
  const addresses6 = Array.from({ length: 64 }, (_, i) => `2001:db8::${i + 1}`);
  dns = await startDnsServer({ answersMax: 64 }, { ...SOME_TRACKERS, addresses6 });
});
afterAll(async () => {
  await dns.server.stop();
  expect(dns.fatal).toEqual([]);
});

/** An answer is a message that the library reads to its end, within the size that was asked for. */
function check(answer: Buffer): void {
  const packet = decode(answer);
  expect(packet.flag_qr).toBe(true);
  // The library says where it stopped.
  expect((decode as unknown as { bytes: number }).bytes).toBe(answer.length);
  expect(answer.length).toBeLessThanOrEqual(1_220);
}

/** A query that is always answered, with an id that tells it from the rest. */
function certain(id: number): Buffer {
  return encode({ ...question('SOA'), id });
}

function inputWithId(prng: Prng): Buffer {
  const input = fuzzInput(prng, SAMPLES, QUERY_BYTES_MAX);
  // Ids from 0x8000 on are those of the certain ones.
  if (input.length > 0) input[0] &= 0x7f;
  return input;
}

/** Checks every answer that comes; resolves when the one to a certain query has. */
class Answers {
  readonly #faults: unknown[] = [];
  #wanted = -1;
  #found = () => {};

  constructor(socket: Socket) {
    socket.on('message', (answer) => {
      try {
        check(answer);
      } catch (error) {
        this.#faults.push(error);
      }
      if (answer.readUInt16BE(0) === this.#wanted) this.#found();
    });
  }

  to(id: number): Promise<void> {
    this.#wanted = id;
    return new Promise((resolve, reject) => {
      this.#found = () => (this.#faults.length === 0 ? resolve() : reject(this.#faults[0]));
    });
  }
}

it(`answers ${ROUNDS} mutated queries over UDP validly or not at all`, async () => {
  const prng = seededPrng();
  const socket = createSocket('udp4');
  try {
    socket.connect(dns.port, '127.0.0.1');
    await once(socket, 'connect');
    const answers = new Answers(socket);
    for (let round = 0; round < ROUNDS; round += BURST) {
      for (let i = 0; i < BURST; i++) socket.send(inputWithId(prng));
      const id = 0x8000 | (round / BURST);
      const wait = within(answers.to(id), LIMIT_MS, 'the server to answer');
      socket.send(certain(id));
      await wait;
    }
  } finally {
    socket.close();
  }
  const { counters } = dns.server;
  expect(counters.queriesUdp).toBe(ROUNDS + ROUNDS / BURST);
  // The samples were mutated, not destroyed: every way out was taken.
  const outcomes = [
    ...Object.values(counters.answersByRcode),
    counters.dropped,
    counters.truncated,
  ];
  for (const count of outcomes) expect(count).toBeGreaterThan(0);
});

it('answers mutated queries over TCP validly, and stays with its framing', async () => {
  const prng = seededPrng();
  const framed = (message: Buffer) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    return Buffer.concat([length, message]);
  };
  for (let round = 0; round < 50; round++) {
    const socket = createConnection({ port: dns.port, host: '::1' });
    const queries = Array.from({ length: BURST }, () => inputWithId(prng)).filter(
      (input) => input.length > 0,
    );
    const stream = Buffer.concat([...queries, certain(0x8000)].map(framed));
    // In pieces whose ends are anywhere.
    for (let at = 0; at < stream.length; ) {
      const end = at + 1 + prng.below(200);
      socket.write(stream.subarray(at, end));
      at = end;
    }
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.end();
    await within(once(socket, 'close'), LIMIT_MS, 'the server to close');
    const received = Buffer.concat(chunks);
    let last = 0;
    for (let at = 0; at < received.length; ) {
      const length = received.readUInt16BE(at);
      const answer = received.subarray(at + 2, at + 2 + length);
      expect(decode(answer).flag_qr).toBe(true);
      last = answer.readUInt16BE(0);
      at += 2 + length;
    }
    expect(last).toBe(0x8000);
  }
});
