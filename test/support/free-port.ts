/**
 * Port numbers for programs that cannot choose one themselves. The port was free a moment ago; a
 * neighbour may take it meanwhile, which shows as a start that fails, never as a wrong result.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

export async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
