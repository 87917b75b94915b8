/** A new tracker takes what another holds: how long, and how many bytes. */
import { LOAD_DEFAULTS } from '../src/load/load-options.js';
import { runLoad } from '../src/load/run-load.js';
import type { ClusterBenchOptions } from './cluster.js';
import { Minder, Running, temporaryFolder, writtenBytes } from './cluster-processes.js';
import type { Say } from './compare.js';

export interface JoinFigure {
  readonly peers: number;
  /** From the start of its process until it serves. */
  readonly readySeconds: number;
  /** From the start of its catching up until it said that it had. */
  readonly caughtUpSeconds: number;
  /** From the start of its process until both digests were equal. */
  readonly equalSeconds: number;
  /** What the bus sent meanwhile. */
  readonly busBytes: number;
}

const TORRENTS = 10_000;
const EQUAL_MS_MAX = 120_000;
const POLL_MS = 20;
const ADMIN = ['--admin', '127.0.0.1:0'];

export async function measureJoin(
  { joinPeers }: ClusterBenchOptions,
  say: Say,
): Promise<JoinFigure> {
  const minder = await Minder.start();
  const trackers: Running[] = [];
  const start = (name: string) => {
    const data = temporaryFolder(name);
    const sockets = ['--http', 'off', '--udp', '127.0.0.1:0', '--workers', '1', ...ADMIN];
    const tracker = new Running(['tracker', '--data', data, ...sockets, ...minder.joining()]);
    trackers.push(tracker);
    return tracker;
  };
  try {
    const donor = await start('donor').line('ready');
    const [udp] = donor.udp as string[];
    const { fill } = await runLoad({
      ...LOAD_DEFAULTS,
      url: new URL(`udp://${udp}`),
      torrents: TORRENTS,
      peers: joinPeers,
      numwant: 0,
      warmUpSeconds: 0,
      seconds: 0.1,
      seed: 1,
    });
    say(`the donor was told of ${fill?.announces} peers`);
    // What it still tells is not of the joining.
    const before = await settled(minder.busPid);
    const bytes = writtenBytes(minder.busPid);
    const startMs = performance.now();
    const joiner = start('joiner');
    const ready = await joiner.line('ready');
    const readySeconds = (performance.now() - startMs) / 1000;
    const { seconds } = await joiner.line('caught up with the cluster');
    const { peers } = await equal(String(donor.admin), String(ready.admin));
    const equalSeconds = (performance.now() - startMs) / 1000;
    const figure = {
      peers,
      readySeconds,
      caughtUpSeconds: Number(seconds),
      equalSeconds,
      // Less what goes over the bus anyway.
      busBytes: writtenBytes(minder.busPid) - bytes - before * equalSeconds,
    };
    say(`a tracker took ${peers} peers in ${seconds} s, equal after ${equalSeconds.toFixed(1)} s`);
    return figure;
  } finally {
    await Promise.all(trackers.map((tracker) => tracker.stop()));
    await minder.stop();
  }
}

/** Waits until the bus is quiet; returns the bytes a second that remain. */
async function settled(busPid: number): Promise<number> {
  let last = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 30; i++) {
    const before = writtenBytes(busPid);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const now = writtenBytes(busPid) - before;
    if (now < 50_000 && last < 50_000) return now;
    last = now;
  }
  return last;
}

async function equal(...admins: readonly string[]): Promise<{ peers: number }> {
  const endMs = performance.now() + EQUAL_MS_MAX;
  for (;;) {
    const answers = await Promise.all(
      admins.map(async (admin) => {
        const reply = await fetch(`http://${admin}/api/v1/digest`);
        return (await reply.json()) as { digest: string; peers: number };
      }),
    );
    if (answers.every(({ digest }) => digest === answers[0].digest)) return answers[0];
    if (performance.now() > endMs) throw new Error(`digests differ: ${JSON.stringify(answers)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
