/**
 * `npm run bench`: every tracker that is here, one beside the other. For each world all of them are
 * started and filled; then, round by round, each does each kind of work in turn while the others
 * are idle. The machine's bad minutes so fall on all of them.
 */

import { dealTorrents } from '../src/load/crowd.js';
import { LOAD_DEFAULTS, LoadError, type LoadOptions } from '../src/load/load-options.js';
import { runLoad } from '../src/load/run-load.js';
import { infoHashText } from '../src/load/torrent-names.js';
import { type Contender, type RunningContender, startContender } from './contender.js';
import { Cores } from './cores.js';
import { type Figure, type MemoryFigure, medianOf, type Sample } from './figures.js';
import { measureLoad } from './measure-load.js';
import type { Workload, World } from './workloads.js';

export interface CompareOptions {
  readonly contenders: readonly Contender[];
  readonly worlds: readonly World[];
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly fillSecondsMax: number;
}

export interface Comparison {
  readonly figures: readonly Figure[];
  readonly memory: readonly MemoryFigure[];
  /** Who could not take part, and why; what else a reader should know. */
  readonly notes: readonly string[];
  readonly pinned: boolean;
}

/** Kept within 32 bits; any other would do. */
const SEED = 20_260_101;

/** Below this on both cores a measurement is somebody else's fault, and a note says so. */
const BUSY_MIN = 0.9;

export type Say = (text: string) => void;

export async function compare(options: CompareOptions, say: Say): Promise<Comparison> {
  const cores = new Cores();
  const figures: Figure[] = [];
  const memory: MemoryFigure[] = [];
  const notes = new Set<string>();
  for (const world of options.worlds) {
    const stage = new Stage(world, options, cores, say);
    try {
      await stage.open(memory, notes);
      figures.push(...(await stage.run(notes)));
    } finally {
      await stage.close();
    }
  }
  cores.release();
  return { figures, memory, notes: [...notes], pinned: cores.pinned };
}

/** One world with everybody in it. */
class Stage {
  readonly #world: World;
  readonly #options: CompareOptions;
  readonly #cores: Cores;
  readonly #say: Say;
  readonly #running: RunningContender[] = [];
  readonly #torrentOf: Uint32Array;

  constructor(world: World, options: CompareOptions, cores: Cores, say: Say) {
    this.#world = world;
    this.#options = options;
    this.#cores = cores;
    this.#say = say;
    this.#torrentOf = dealTorrents({ ...world, seed: SEED });
  }

  async open(memory: MemoryFigure[], notes: Set<string>): Promise<void> {
    const { peers, torrents } = this.#world;
    for (const contender of this.#options.contenders) {
      const { name } = contender;
      if (contender.peersMax !== undefined && peers > contender.peersMax) {
        notes.add(`${name}: left out with ${count(peers)} peers, which would take too long`);
        continue;
      }
      const infoHashes = () => hashes(torrents);
      const onCore = this.#cores.forTracker;
      const running = await startContender(contender, { infoHashes, onCore });
      if (typeof running === 'string') {
        notes.add(`${name}: ${running}`);
        this.#say(`${name}: skipped, ${running}`);
        continue;
      }
      this.#running.push(running);
      if (!contender.isTracker) continue;
      const emptyBytes = running.residentBytes();
      const filled = await this.#fill(running, notes);
      const filledBytes = running.residentBytes();
      memory.push({ world: this.#world, contender: name, emptyBytes, filledBytes, peers: filled });
    }
  }

  async #fill(running: RunningContender, notes: Set<string>): Promise<number> {
    const options: LoadOptions = {
      ...this.#loadOptions(running, { protocol: 'udp', options: {} }),
      fill: true,
      numwant: 0,
      fillSecondsMax: this.#options.fillSecondsMax,
      warmUpSeconds: 0,
      seconds: 0.1,
    };
    try {
      const { fill } = await runLoad(options, { torrentOf: this.#torrentOf });
      const announces = fill?.announces ?? 0;
      const rate = count(announces / (fill?.seconds ?? 1));
      this.#say(`${running.name}: ${count(announces)} peers at ${rate}/s`);
      if (announces < 0.99 * this.#world.peers) {
        notes.add(
          `${running.name}: holds ${count(announces)} of ${count(this.#world.peers)} peers, as filling it took too long`,
        );
      }
      return announces;
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      notes.add(`${running.name}: could not be filled: ${error.message}`);
      return 0;
    }
  }

  async run(notes: Set<string>): Promise<Figure[]> {
    const samples = new Map<Workload, Map<string, Sample[]>>();
    for (let round = 0; round < this.#options.rounds; round++) {
      for (const workload of this.#options.workloads) {
        const ofWorkload = samples.get(workload) ?? new Map<string, Sample[]>();
        samples.set(workload, ofWorkload);
        for (const running of this.#running) {
          if (!running.contender.protocols.includes(workload.protocol)) continue;
          const sample = await this.#measure(running, workload, notes);
          if (sample === undefined) continue;
          ofWorkload.set(running.name, [...(ofWorkload.get(running.name) ?? []), sample]);
          const rate = count(sample.requestsPerSecond);
          this.#say(`round ${round + 1}, ${workload.title}, ${running.name}: ${rate}/s`);
        }
      }
    }
    const figures: Figure[] = [];
    for (const [workload, ofWorkload] of samples) {
      for (const [contender, all] of ofWorkload) {
        const median = medianOf(all);
        figures.push({ world: this.#world, workload, contender, median, rounds: all.length });
      }
    }
    return figures;
  }

  async #measure(
    running: RunningContender,
    workload: Workload,
    notes: Set<string>,
  ): Promise<Sample | undefined> {
    try {
      const options = this.#loadOptions(running, workload);
      const { sample } = await measureLoad(running, options, { torrentOf: this.#torrentOf });
      const { serverBusy, loadBusy } = sample;
      if (Math.max(serverBusy, loadBusy) < BUSY_MIN) {
        notes.add(
          `${running.name}, ${workload.title}: neither core was busy (${percent(serverBusy)}, ${percent(loadBusy)}): something else ran meanwhile, so requests/s say little`,
        );
      }
      return sample;
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      notes.add(`${running.name}: ${workload.title}: ${error.message}`);
      return undefined;
    }
  }

  #loadOptions(
    running: RunningContender,
    { protocol, options }: Pick<Workload, 'protocol' | 'options'>,
  ): LoadOptions {
    const path = protocol === 'http' ? '/announce' : '';
    return {
      ...LOAD_DEFAULTS,
      ...this.#world,
      url: new URL(`${protocol}://127.0.0.1:${running.port}${path}`),
      seed: SEED,
      fill: false,
      seconds: this.#options.seconds,
      warmUpSeconds: this.#options.warmUpSeconds,
      ...options,
    };
  }

  async close(): Promise<void> {
    for (const running of this.#running.splice(0)) await running.stop();
  }
}

function* hashes(torrents: number): Generator<string> {
  for (let index = 0; index < torrents; index++) yield infoHashText(SEED, index);
}

const percent = (share: number) => `${Math.round(100 * share)} %`;

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
