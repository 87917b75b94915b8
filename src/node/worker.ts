/** Where every worker thread begins: runs the task that it was given. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../lib/assert.js';
import { SystemClock } from '../lib/clock.js';
import { PostedLog } from '../lib/log-sink.js';
import { reasonOf } from '../lib/reason.js';
import type { MainMessage, WorkerMessage } from './message.js';
import type { FastTask, WorkerData, WorkerTask } from './task.js';
import { VERSION } from './version.js';
import type { RunningWorker, WorkerContext } from './worker-context.js';

/** Log lines that one worker may post in a second. */
const LOG_LINES_PER_SECOND = 50;

const port = parentPort;
assert(port !== null, 'a worker runs in a worker thread');
const send = (message: WorkerMessage): void => port.postMessage(message);

function fail(error: unknown): void {
  const { code } = error as { code?: unknown };
  const message = reasonOf(error);
  send({ type: 'failed', message, ...(typeof code === 'string' ? { code } : {}) });
}

function contextOf(task: WorkerTask): WorkerContext {
  const clock = new SystemClock();
  const log = new PostedLog(
    { level: task.logLevel, linesPerSecondMax: LOG_LINES_PER_SECOND },
    { post: (line) => send({ type: 'log', line }), clock },
  );
  return { log, clock, send, fail };
}

/** Done: without the port nothing holds the thread any more. */
function end(): void {
  send({ type: 'stopped' });
  port?.close();
}

async function run({ version, ...task }: WorkerData): Promise<void> {
  if (version !== VERSION) {
    throw new Error(`version ${VERSION} was installed over ${version}, which runs: restart it`);
  }
  const context = contextOf(task);
  if (task.kind === 'fast') {
    // It blocks this thread until the main thread says stop.
    assert(port !== null, 'checked above');
    const { runFast } = await import('./fast-worker.js');
    runFast(task, context, port);
    end();
    return;
  }
  const running = await start(task, context);
  port?.on('message', (message: MainMessage) => {
    if (message.type === 'stop') running.stop().then(end, fail);
    else running.hear?.(message);
  });
}

/** Each kind loads what it needs and no more: a thread's modules are its own. */
async function start(
  task: Exclude<WorkerTask, FastTask>,
  context: WorkerContext,
): Promise<RunningWorker> {
  if (task.kind === 'keeper') {
    const { startKeeper } = await import('./keeper.js');
    return startKeeper(task, context);
  }
  if (task.kind === 'cluster') {
    const { startCluster } = await import('./cluster-worker.js');
    return startCluster(task, context);
  }
  if (task.kind === 'udp') {
    const { startUdp } = await import('./udp-worker.js');
    return startUdp(task, context);
  }
  const { startHttp } = await import('./http-worker.js');
  return startHttp(task, context);
}

run(workerData as WorkerData).catch(fail);
