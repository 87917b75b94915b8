import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { endpointOf, LOOPBACK, testSys } from '../../sys/sys.testing.js';
import type { FastHttpOptions } from './fast-http-options.js';
import type { SocketLoop } from './socket-loop.js';
import { TcpListeners } from './tcp-listeners.js';

it('says which address cannot be bound', async () => {
  const holder = createServer();
  await new Promise<void>((listening) => holder.listen(0, LOOPBACK[4], listening));
  const { port } = holder.address() as AddressInfo;
  const loop = { watch: () => 0 } as unknown as SocketLoop;
  const listeners = new TcpListeners({ sys: testSys(), loop, watcher: 0 });
  const addresses = [{ local: endpointOf(LOOPBACK[4], port) }];
  const open = () => listeners.open({ addresses, backlog: 16 } as unknown as FastHttpOptions);
  const address = `${LOOPBACK[4]}:${port}`;
  expect(open).toThrow(
    expect.objectContaining({ code: 'address_in_use', protocol: 'http', address }),
  );
  listeners.close();
  holder.close();
});
