import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type WorkerFailedError, WorkerHandle } from './worker-handle.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'worker-handle-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A worker that says that it can be woken at `wakeFd`, and ends when it is told to. */
function startWorker(wakeFd: number): WorkerHandle {
  const started = JSON.stringify({ type: 'started', started: { udp: [], http: [], wakeFd } });
  const script = `
    import { parentPort } from 'node:worker_threads';
    parentPort.postMessage(${started});
    parentPort.once('message', () => {
      parentPort.postMessage({ type: 'stopped' });
      parentPort.close();
    });`;
  const task = { kind: 'fast', name: 'fast-0', thread: 1, handOver: [] } as never;
  const listeners = {
    log: undefined as never,
    onFailed: (error: WorkerFailedError) => {
      throw error;
    },
  };
  return new WorkerHandle(task, listeners, new URL(`data:text/javascript,${encodeURI(script)}`));
}

it('wakes a worker once, however often it is stopped', async () => {
  const woken = join(folder, 'woken');
  const wakeFd = openSync(woken, 'w');
  try {
    const worker = startWorker(wakeFd);
    await worker.started;
    expect(await worker.stop(10_000)).toBe(true);
    expect(readFileSync(woken)).toEqual(Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));
    // By now the descriptor may be another's.
    expect(await worker.stop(10_000)).toBe(true);
    expect(readFileSync(woken)).toHaveLength(8);
  } finally {
    closeSync(wakeFd);
  }
});
