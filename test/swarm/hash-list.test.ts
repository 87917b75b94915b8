/** A list under one writer and readers in threads of their own. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { Prng, testSeed } from '../../src/lib/prng.js';
import { HashList, reserveHashList } from '../../src/swarm/hash-list.js';
import {
  CHANGING,
  FACES,
  hashOf,
  type ListReaderTask,
  READS,
  READS_DONE,
  STAYING,
} from '../support/list-reader-worker.js';

const workerFile = new URL('../../dist/test/support/list-reader-worker.js', import.meta.url);

it('readers never miss what stays, nor see half of a change', async () => {
  const seed = testSeed();
  const memory = reserveHashList({ entriesMax: 2_000 });
  const list = new HashList(memory);
  const entry = { present: true, expiresSeconds: 0, by: FACES[0].by, reason: 'stays' };
  for (let i = 0; i < STAYING; i++) list.put({ ...entry, hash: hashOf(i), stamp: 1 });
  const readers = [1, 2].map((number) => {
    const control = new Int32Array(new SharedArrayBuffer(4));
    const workerData: ListReaderTask = { memory, control, seed: seed + number };
    const worker = new Worker(workerFile, { workerData });
    return { control, report: once(worker, 'message') };
  });
  const hashes = Array.from({ length: CHANGING }, (_, i) => hashOf(STAYING + i));
  const random = new Prng(seed);
  const isReading = () => readers.some(({ control }) => Atomics.load(control, READS_DONE) < READS);
  let stamp = 10;
  let forgotten = 0;
  for (let step = 0; isReading(); step++) {
    const { letter, ...face } = FACES[random.below(2)];
    const reason = `${letter}${random.below(9_999)}`;
    const hash = hashes[random.below(CHANGING)];
    list.put({ ...face, hash, reason, stamp: ++stamp, present: random.chance(0.5) });
    if (random.chance(0.2)) forgotten += list.forget(stamp - 50);
    // Lets a reader's death end the test.
    if (step % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const reports = await Promise.all(readers.map(({ report }) => report));
  expect(reports, `seed ${seed}`).toEqual([[[]], [[]]]);
  expect(forgotten).toBeGreaterThan(100);
});
