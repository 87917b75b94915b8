/**
 * The tracker's worker, but a UDP worker that hears a datagram `die` throws, as one with a bug would;
 * `die locked` does so while it holds a lock of the store.
 */
import { createSocket } from 'node:dgram';
import { workerData } from 'node:worker_threads';
import type { WorkerTask } from '../../src/node/task.js';
import { SwarmStore } from '../../src/swarm/swarm-store.js';

const task = workerData as WorkerTask & { diePort?: number };
if (task.kind === 'udp') {
  const socket = createSocket('udp4');
  socket.on('message', (message) => {
    if (message.toString() === 'die locked') {
      new SwarmStore(task.memory, { thread: task.thread, seed: 1 }).lockShard(0);
    }
    throw new Error('a bug in the worker');
  });
  socket.bind(Number(process.env.DYING_WORKER_PORT), '127.0.0.1');
}
await import('../../src/node/worker.js');
