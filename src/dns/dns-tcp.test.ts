import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { assertPortFree } from '../frontend/port-probe.js';
import { DnsCounters } from './dns-counters.js';
import { DnsTcp } from './dns-tcp.js';

const QUERIES = 3_000;
const QUERY = Buffer.from('000c123400000000000000000000', 'hex');
/** All answers together are far more than the system's buffers of a connection hold. */
const REPLY = Buffer.alloc(16 * 1_024);

it('leaves queries unanswered while their answers would wait in memory', async () => {
  const counters = new DnsCounters();
  let answered = 0;
  const tcp = new DnsTcp(
    { connectionsMax: 4, connectionsPerAddressMax: 4, idleMs: 60_000 },
    {
      answer: () => {
        answered++;
        return REPLY;
      },
      counters,
      onFatal: (error) => {
        throw error;
      },
      nowMs: () => 0,
    },
  );
  const bind = { address: '127.0.0.1', family: 4, port: 0, wildcard: false } as const;
  const port = await assertPortFree('http', bind);
  await tcp.listen([{ ...bind, port }]);
  const client = connect(port, '127.0.0.1');
  await once(client, 'connect');
  client.write(Buffer.concat(Array.from({ length: QUERIES }, () => QUERY)));
  while (counters.tcpSlowReaders === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(answered).toBeLessThan(QUERIES);
  // Nothing was lost by waiting.
  let received = 0;
  const all = new Promise<void>((resolve) => {
    client.on('data', (chunk) => {
      received += chunk.length;
      if (received === QUERIES * REPLY.length) resolve();
    });
  });
  await all;
  expect(answered).toBe(QUERIES);
  client.destroy();
  await tcp.stop();
});
