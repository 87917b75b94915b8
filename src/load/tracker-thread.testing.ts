/**
 * A stand-in for a tracker in a thread of its own, since a load keeps the thread it runs in busy.
 * Plain JavaScript: worker threads cannot load TypeScript in tests.
 */
import { Worker } from 'node:worker_threads';

const SOURCE = `
const { parentPort } = require('node:worker_threads');
const { createSocket } = require('node:dgram');
const { createServer } = require('node:http');
const { createHash } = require('node:crypto');
const peers = new Set();
const counts = { udp: 0, http: 0, connections: 0, stops: 0 };
const udp = createSocket('udp4');
udp.on('message', (message, from) => {
  counts.udp++;
  const action = message.readInt32BE(8);
  const reply = Buffer.alloc(action === 0 ? 16 : action === 1 ? 20 + 12 : 8 + 12 * ((message.length - 16) / 20));
  reply.writeInt32BE(action, 0);
  message.copy(reply, 4, 12, 16);
  if (action === 1) {
    const key = message.toString('hex', 16, 36) + from.address + message.readUInt16BE(96);
    if (message.readInt32BE(80) === 3) { peers.delete(key); counts.stops++; } else peers.add(key);
  }
  udp.send(reply, from.port, from.address);
});
const http = createServer((request, response) => {
  counts.http++;
  const match = /info_hash=([^&]*).*&port=(\\d+)/.exec(request.url);
  if (match) peers.add(unescape(match[1]) + request.socket.remoteAddress + match[2]);
  const body = 'd8:intervali1800e5:peers12:xxxxxxxxxxxxe';
  response.setHeader('Content-Length', body.length);
  // Now and then the reply comes in pieces.
  if (counts.http % 3 !== 0) return void response.end(body);
  response.write(body.slice(0, 5));
  setImmediate(() => response.end(body.slice(5)));
});
http.on('connection', () => counts.connections++);
udp.bind(0, '127.0.0.1', () => http.listen(0, '127.0.0.1', () =>
  parentPort.postMessage({ udp: udp.address().port, http: http.address().port })));
parentPort.on('message', () => parentPort.postMessage({ ...counts, peers: peers.size }));
`;

export interface TrackerCounts {
  readonly udp: number;
  readonly http: number;
  readonly connections: number;
  readonly stops: number;
  /** Distinct peers that announced, and did not stop since. */
  readonly peers: number;
}

export class TrackerThread {
  private constructor(
    readonly ports: { readonly udp: number; readonly http: number },
    private readonly worker: Worker,
  ) {}

  static async start(): Promise<TrackerThread> {
    const worker = new Worker(SOURCE, { eval: true });
    const ports = await new Promise<TrackerThread['ports']>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    return new TrackerThread(ports, worker);
  }

  counts(): Promise<TrackerCounts> {
    return new Promise((resolve) => {
      this.worker.once('message', resolve);
      this.worker.postMessage('counts');
    });
  }

  async stop(): Promise<void> {
    await this.worker.terminate();
  }
}
