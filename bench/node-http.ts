/**
 * Node's own HTTP server with a reply of fixed size and no tracker behind it: what the HTTP figures
 * are compared with.
 *
 * Usage: node dist/bench/node-http.js PORT
 */
import { createServer } from 'node:http';

const PEERS = 30;
const body = Buffer.from(
  `d8:completei3e10:incompletei27e8:intervali1800e5:peers${6 * PEERS}:${'x'.repeat(6 * PEERS)}e`,
);

createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length });
  response.end(body);
}).listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('ready\n'));
