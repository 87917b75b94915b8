import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../support/deadline.js';
import { RawClient } from './raw-client.js';
import { bytes, connection, TestBus, text, WAIT_MS } from './test-bus.js';

const open: TestBus[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((bus) => bus.close()));
});

const holds = (what: string, probe: () => boolean) =>
  until(() => (probe() ? true : undefined), WAIT_MS, what, 5);

const MEGABYTE = 1024 * 1024;

describe('a reader that stops reading', () => {
  it('is cut off, and neither the writer nor the other readers lose anything', async () => {
    // Small, so that it takes megabytes and not hundreds of them.
    const bus = await TestBus.start({ limits: { pendingBytesMax: 16 * MEGABYTE } });
    open.push(bus);
    const [a, b, c] = [await bus.node(), await bus.node(), await bus.node()];
    const { tls, credentials } = c.access;
    const { client: frozen } = await RawClient.signIn(bus.server.bus.port, tls!, credentials);
    frozen.send('SUB peers.* 1\r\nPING\r\n');
    await frozen.until(() => frozen.said.split('PONG').length === 3, 'its subscription');
    frozen.freeze();

    const to = bus.transport(b);
    let received = 0;
    let receivedBytes = 0;
    to.subscribe('peers.*', (_subject, payload) => {
      received++;
      receivedBytes += payload.length;
    });
    await connection(to, true);
    const from = await bus.connected(a);
    const batch = new Uint8Array(64 * 1024);
    let sent = 0;
    // As much as it takes for the server to lose patience, written as the replicator writes.
    while (bus.server.counters.slowConsumers + bus.server.counters.staleConnections === 0) {
      await holds('room', () => from.unconfirmedBytes < MEGABYTE);
      from.publish(`peers.${a.id}`, batch);
      sent++;
    }
    await holds('every message', () => received === sent);
    expect(receivedBytes).toBe(sent * batch.length);
    expect(from.counters).toMatchObject({ publishedMessages: sent, connects: 1 });
    expect(to.counters.connects).toBe(1);
    frozen.end();

    // Whoever was cut off signs in again as if nothing had happened.
    const again = bus.transport(c);
    const heard: string[] = [];
    again.subscribe('peers.*', (_subject, payload) => heard.push(text(payload)));
    await connection(again, true);
    from.publish(`peers.${a.id}`, bytes('after'));
    await holds('a message', () => heard.includes('after'));
  });
});
