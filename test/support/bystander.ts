/**
 * A well-behaved client beside an attack: announces again and again over HTTP and UDP while the
 * attack runs, and remembers how long its slowest announce took.
 */
import { announceTarget, httpDict } from './http-wire.js';
import { newHash } from './swarms.js';
import type { TrackerProcess } from './tracker-process.js';
import { connectedWire } from './udp-wire.js';

export interface Bystanding {
  readonly announces: number;
  readonly slowestMs: number;
}

/** Runs `attack` with a bystander beside it. Fails when the bystander is refused or unanswered. */
export async function besideBystander(
  tracker: TrackerProcess,
  attack: () => Promise<void>,
): Promise<Bystanding> {
  let isOver = false;
  const stand = async (): Promise<Bystanding> => {
    const infoHash = newHash();
    const wire = await connectedWire(tracker.udp4);
    let announces = 0;
    let slowestMs = 0;
    try {
      do {
        const startMs = performance.now();
        await wire.announce({ infoHash, port: 7001 });
        await httpDict(tracker.http4, announceTarget(infoHash, { port: 7002 }));
        slowestMs = Math.max(slowestMs, performance.now() - startMs);
        announces += 2;
      } while (!isOver);
      return { announces, slowestMs };
    } finally {
      wire.close();
    }
  };
  const bystanding = stand();
  bystanding.catch(() => {});
  try {
    await attack();
  } finally {
    isOver = true;
  }
  return await bystanding;
}
