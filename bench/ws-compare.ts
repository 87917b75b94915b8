/** WebTorrent announces side by side: the same browsers at one tracker after the other, by turns. */
import {
  LOAD_DEFAULTS,
  LoadError,
  type LoadOptions,
  WEB_LOAD_DEFAULTS,
} from '../src/load/load-options.js';
import { count } from './compare.js';
import { type Contender, type RunningContender, startContender } from './contender.js';
import type { Cores } from './cores.js';
import { medianOf, type Sample } from './figures.js';
import { measureLoad } from './measure-load.js';
import { median } from './median.js';

export interface WsShape {
  readonly title: string;
  readonly options: Partial<LoadOptions>;
}

const SMALL = { torrents: 500, peers: 5_000, connections: 1_000 } as const;
const LARGE = { torrents: 10, peers: 5_000, connections: 1_000 } as const;

export const WS_SHAPES: readonly WsShape[] = [
  { title: '1 offer, swarms of 10', options: { ...SMALL, offers: 1 } },
  { title: '5 offers, swarms of 10', options: { ...SMALL, offers: 5 } },
  { title: '1 offer, swarms of 500', options: { ...LARGE, offers: 1 } },
  { title: '5 offers, swarms of 500', options: { ...LARGE, offers: 5 } },
  {
    title: '5 offers, swarms of 10, 5 announces under way on each of 200 connections',
    options: { ...SMALL, connections: 200, offers: 5, pipeline: 5 },
  },
  { title: 'no offers, swarms of 10', options: { ...SMALL, offers: 0 } },
];

export interface WsSample extends Sample {
  /** Passed on for each announce. */
  readonly offersEach: number;
  readonly answersEach: number;
}

export interface WsFigure {
  readonly shape: WsShape;
  readonly contender: string;
  readonly median: WsSample;
}

export interface WsTimes {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

const SEED = 20_260_601;
type Say = (text: string) => void;

export async function compareWebSockets(
  contenders: readonly Contender[],
  times: WsTimes,
  { cores, notes, say }: { cores: Cores; notes: Set<string>; say: Say },
): Promise<WsFigure[]> {
  const running: RunningContender[] = [];
  const samples = new Map<string, WsSample[]>();
  const keyOf = (shape: WsShape, name: string) => `${shape.title}\n${name}`;
  try {
    for (const contender of contenders) {
      const started = await startContender(contender, {
        infoHashes: () => [],
        onCore: cores.forTracker,
      });
      if (typeof started === 'string') notes.add(`${contender.name}: ${started}`);
      else running.push(started);
    }
    for (let round = 0; round < times.rounds; round++) {
      for (const shape of WS_SHAPES) {
        // Forth and back, so that nobody always has the warmer processor.
        for (const each of round % 2 === 0 ? running : running.toReversed()) {
          const sample = await measure(each, shape, round, times).catch((error: unknown) => {
            if (!(error instanceof LoadError)) throw error;
            notes.add(`${each.name}, ${shape.title}: ${error.message}`);
            return undefined;
          });
          if (sample === undefined) continue;
          const key = keyOf(shape, each.name);
          samples.set(key, [...(samples.get(key) ?? []), sample]);
          say(
            `round ${round + 1}, ${shape.title}, ${each.name}: ${count(sample.requestsPerSecond)}/s, ${count(sample.perCpuSecond)} per CPU s`,
          );
        }
      }
    }
  } finally {
    for (const each of running) await each.stop();
  }
  return WS_SHAPES.flatMap((shape) =>
    running.flatMap(({ name }) => {
      const all = samples.get(keyOf(shape, name));
      return all === undefined ? [] : [{ shape, contender: name, median: medianOfWs(all) }];
    }),
  );
}

async function measure(
  running: RunningContender,
  { options }: WsShape,
  round: number,
  { seconds, warmUpSeconds }: WsTimes,
): Promise<WsSample> {
  const { result, sample } = await measureLoad(running, {
    ...LOAD_DEFAULTS,
    ...WEB_LOAD_DEFAULTS,
    url: new URL(`ws://127.0.0.1:${running.port}/announce`),
    // Other swarms each time: a tracker may take a moment to miss the browsers of before.
    seed: SEED + round,
    seconds,
    warmUpSeconds,
    ...options,
  });
  const announces = Math.max(1, result.announces);
  return {
    ...sample,
    offersEach: (result.signals?.offersReceived ?? 0) / announces,
    answersEach: (result.signals?.answersReceived ?? 0) / announces,
  };
}

function medianOfWs(samples: readonly WsSample[]): WsSample {
  const middle = (read: (sample: WsSample) => number) => median(samples.map(read));
  return {
    ...medianOf(samples),
    offersEach: middle((each) => each.offersEach),
    answersEach: middle((each) => each.answersEach),
  };
}
