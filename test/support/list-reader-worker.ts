/** Reads a list as fast as it can while another thread writes it, and reports what cannot be. */
import { parentPort, workerData } from 'node:worker_threads';
import { Prng } from '../../src/lib/prng.js';
import { HashList, type HashListMemory } from '../../src/swarm/hash-list.js';
import { readInfoHashes } from '../../src/swarm/query.js';

/** What thread and test agree on: entries below `STAYING` never change, the others all the time. */
export const STAYING = 100;
export const CHANGING = 1_500;
export const READS = 1_000_000;
/** Words of `control`: reads done so far. */
export const READS_DONE = 0;

export interface ListReaderTask {
  readonly memory: HashListMemory;
  readonly control: Int32Array;
  readonly seed: number;
}

/** The two faces of an entry that changes: a mix of them is half of a change. */
export const FACES = [
  { by: 'n00000000000000aa', expiresSeconds: 1_000, letter: 'a' },
  { by: 'nffffffffffffffbb', expiresSeconds: 2_000, letter: 'b' },
] as const;

export function hashOf(number: number): Uint8Array {
  const hash = Buffer.alloc(20);
  new Prng(number + 1).fill(hash);
  return new Uint8Array(hash);
}

function problemsOf({ memory, control, seed }: ListReaderTask): string[] {
  const list = new HashList(memory);
  const random = new Prng(seed);
  const hashes = Array.from({ length: STAYING + CHANGING }, (_, i) => hashOf(i));
  const words = new Int32Array(5);
  const problems: string[] = [];
  for (let read = 1; read <= READS && problems.length < 5; read++) {
    const staying = random.below(STAYING);
    readInfoHashes(hashes[staying], 0, words, 0, 1);
    if (!list.has(words, 0, 0)) problems.push(`read ${read}: ${staying} is missing`);
    const number = STAYING + random.below(CHANGING);
    const entry = list.get(hashes[number]);
    if (entry !== undefined) {
      const face = FACES.find(({ by }) => by === entry.by);
      const fits =
        face?.expiresSeconds === entry.expiresSeconds &&
        (entry.reason === '' || entry.reason.startsWith(face.letter)) &&
        Buffer.compare(entry.hash, hashes[number]) === 0;
      if (!fits) problems.push(`read ${read}: ${JSON.stringify(entry)}`);
    }
    Atomics.store(control, READS_DONE, read);
  }
  Atomics.store(control, READS_DONE, READS);
  return problems;
}

// The test imports the constants.
if (parentPort !== null && (workerData as Partial<ListReaderTask> | null)?.control !== undefined) {
  parentPort.postMessage(problemsOf(workerData as ListReaderTask));
}
