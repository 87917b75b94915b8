/**
 * A crowd in a process of its own (see crowd-load.ts), so that a test can measure beside it. Started
 * from dist/; its first argument is the JSON of `CrowdOrder`. Prints `running` when the crowd is under
 * way; told `rate` it prints how many words a second were answered since it was told last. Ends with
 * its standard input, printing what went wrong.
 */
import { createInterface } from 'node:readline';
import { CrowdLoad } from './crowd-load.js';
import { Population, type PopulationOptions } from './population.js';
import { Prng } from './prng.js';
import type { Doors } from './voices.js';

export interface CrowdOrder {
  readonly trackers: readonly Doors[];
  readonly population: PopulationOptions;
  readonly perSecond: number;
  readonly httpOneIn: number;
  readonly seed: number;
}

const order = JSON.parse(process.argv[2]) as CrowdOrder;
const { perSecond, httpOneIn } = order;
const population = new Population(order.population, new Prng(order.seed));
const load = new CrowdLoad({ perSecond, httpOneIn }, population, order.trackers);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

let sinceMs = performance.now();
let answeredBefore = 0;
const input = createInterface({ input: process.stdin });
input.on('line', () => {
  const nowMs = performance.now();
  say(`${Math.round((1_000 * (load.answered - answeredBefore)) / (nowMs - sinceMs))}`);
  sinceMs = nowMs;
  answeredBefore = load.answered;
});
input.on('close', () => {
  load.stop().then(() => say(JSON.stringify(load.errors.slice(0, 5))));
});
load.start();
// Every peer has been heard by then, as good as.
await load.progress(Math.max(perSecond, order.population.peers));
say('running');
