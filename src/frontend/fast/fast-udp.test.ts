import { expect, it } from 'vitest';
import { endpointOf, LOOPBACK, testSys } from '../../sys/sys.testing.js';
import { FrontendCounters } from '../counters.js';
import { FastUdp } from './fast-udp.js';
import { SocketLoop } from './socket-loop.js';

const sys = testSys();

it('takes no packets in the turn in which it was closed', () => {
  const loop = new SocketLoop({ sys, onWake: () => {} });
  const handler = { handleBatch: () => expect.unreachable() };
  const udp = new FastUdp(
    { addresses: [{ local: endpointOf(LOOPBACK[4]), wildcard: false }], receiveBufferBytes: 0 },
    { sys, loop, handler, counters: new FrontendCounters() },
  );
  udp.beginTurn();
  udp.close();
  // Ready before, and told of only now.
  udp.ready(0);
  udp.endTurn();
  loop.close();
});
