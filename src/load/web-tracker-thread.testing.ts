/**
 * A real tracker for WebSockets (`bittorrent-tracker`), and one with bad manners, in a thread of their
 * own, since a load keeps the thread it runs in busy. TLS is put in front of the former.
 *
 * ```
 * tls  -----> ws    bittorrent-tracker: announces, offers, answers, scrapes
 *             odd   /pings: answers once its ping was answered    /closes: after three messages, 1008
 *                   /silent: never answers                        /pieces: answers in fragments
 * ```
 *
 * Plain JavaScript: worker threads cannot load TypeScript in tests.
 */
import { Worker } from 'node:worker_threads';

const SOURCE = `
const { parentPort, workerData } = require('node:worker_threads');
const { createServer } = require('node:tls');
const { connect } = require('node:net');
const { WebSocketServer } = require('ws');
const counts = { starts: 0, updates: 0, stops: 0, connections: 0, handshakes: 0, pongs: 0 };
const port = (server) => new Promise((resolve) => server.once('listening', () => resolve(server.address().port)));
(async () => {
  const { Server } = await import('bittorrent-tracker');
  const tracker = new Server({ http: false, udp: false, ws: true, stats: false });
  tracker.on('start', () => counts.starts++);
  tracker.on('update', () => counts.updates++);
  tracker.on('stop', () => counts.stops++);
  tracker.on('warning', () => {});
  tracker.ws.on('connection', () => counts.connections++);
  tracker.listen(0, '127.0.0.1');
  const ports = { ws: await port(tracker.http), wss: 0 };
  if (workerData) {
    const front = createServer(workerData, (socket) => {
      counts.handshakes++;
      const behind = connect(ports.ws, '127.0.0.1');
      socket.on('error', () => behind.destroy());
      behind.on('error', () => socket.destroy());
      socket.pipe(behind).pipe(socket);
    });
    front.listen(0, '127.0.0.1');
    ports.wss = await port(front);
  }
  const odd = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  odd.on('connection', (socket, { url }) => {
    let messages = 0;
    let isPonged = false;
    socket.on('pong', (data) => {
      isPonged = data.toString() === 'are you there';
      counts.pongs++;
    });
    if (url === '/pings') socket.ping('are you there');
    socket.on('error', () => {});
    socket.on('message', (data) => {
      const reply = JSON.stringify({ action: 'announce', info_hash: JSON.parse(data).info_hash, interval: 1 });
      if (url === '/pings') socket.send(isPonged ? reply : '{"failure reason":"no pong"}');
      if (url === '/pieces') {
        socket.send(reply.slice(0, 9), { fin: false });
        socket.send(reply.slice(9), { fin: true });
      }
      if (url === '/closes' && ++messages < 3) socket.send(reply);
      else if (url === '/closes') socket.close(1008);
    });
  });
  ports.odd = await port(odd);
  parentPort.postMessage(ports);
  parentPort.on('message', () => {
    const swarms = Object.values(tracker.torrents);
    const peers = swarms.reduce((sum, { complete, incomplete }) => sum + complete + incomplete, 0);
    parentPort.postMessage({ ...counts, peers });
  });
})();
`;

export interface WebTrackerCounts {
  readonly starts: number;
  readonly updates: number;
  readonly stops: number;
  readonly connections: number;
  readonly handshakes: number;
  readonly pongs: number;
  /** In swarms now. */
  readonly peers: number;
}

export class WebTrackerThread {
  private constructor(
    readonly ports: { readonly ws: number; readonly wss: number; readonly odd: number },
    private readonly worker: Worker,
  ) {}

  static async start(identity?: { cert: string; key: string }): Promise<WebTrackerThread> {
    const worker = new Worker(SOURCE, { eval: true, workerData: identity });
    const ports = await new Promise<WebTrackerThread['ports']>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    return new WebTrackerThread(ports, worker);
  }

  counts(): Promise<WebTrackerCounts> {
    return new Promise((resolve) => {
      this.worker.once('message', resolve);
      this.worker.postMessage('counts');
    });
  }

  async stop(): Promise<void> {
    await this.worker.terminate();
  }
}
