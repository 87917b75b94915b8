/**
 * Connection ids of a cluster: who asked one tracker may announce at any of them, so that a client
 * whose tracker goes away, or whose packets go now here and now there, need not ask again.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.js';
import { until } from '../support/deadline.js';
import { IS_LONG, measured } from '../support/long.js';
import { newHash } from '../support/swarms.js';
import type { TrackerProcess } from '../support/tracker-process.js';
import { announcePacket, connectedWire, errorText, UdpWire } from '../support/udp-wire.js';

const LIMIT_MS = 60_000;
const ROTATION_SECONDS = 120;
/** BEP 15: a client may use an id for a minute. */
const ID_MS = 55_000;
const ROTATIONS_MS = 1_000 * (3 * ROTATION_SECONDS + 20);

let cluster: Cluster;
const wires: UdpWire[] = [];
beforeAll(async () => {
  const env = { TRACKERBT_MINDER_KEY_ROTATION_SECONDS: `${ROTATION_SECONDS}` };
  cluster = await Cluster.start({ trackers: 4, minder: { env } });
});
afterAll(async () => {
  for (const wire of wires) wire.close();
  await cluster?.close();
});

type Family = 4 | 6;
const addressOf = (tracker: TrackerProcess, family: Family) =>
  family === 4 ? tracker.udp4 : tracker.udp6;

async function openWire(tracker: TrackerProcess, family: Family): Promise<UdpWire> {
  const wire = await UdpWire.open(addressOf(tracker, family));
  wires.push(wire);
  return wire;
}

/** An id that the tracker gave to this machine. */
async function idFrom(tracker: TrackerProcess, family: Family): Promise<Buffer> {
  const wire = await connectedWire(addressOf(tracker, family));
  wires.push(wire);
  return wire.id;
}

/** Whether the tracker takes an announce with the id. */
async function accepts(tracker: TrackerProcess, family: Family, id: Buffer): Promise<boolean> {
  const wire = await openWire(tracker, family);
  const announce = announcePacket(id, wire.nextTransaction(), { infoHash: newHash(), port: 7_001 });
  const answers = await wire.answersTo(announce);
  return answers.some((answer) => errorText(answer) === undefined);
}

describe('a connection id', () => {
  it.each([4, 6] as const)('of one tracker is good on all of them, over IPv%d', async (family) => {
    for (const giver of cluster.trackers) {
      const id = await idFrom(giver, family);
      for (const taker of cluster.trackers) {
        expect(await accepts(taker, family, id)).toBe(true);
      }
    }
  });

  it('of one tracker is good on another that began later, and after a restart', async () => {
    const id = await idFrom(cluster.trackers[0], 4);
    const [, , , last] = cluster.trackers;
    await last.stop();
    const again = await cluster.restart(last);
    expect(await accepts(again, 4, id)).toBe(true);
    expect(await accepts(cluster.trackers[0], 4, await idFrom(again, 4))).toBe(true);
  });

  it.runIf(IS_LONG)(
    'is not refused because the key changes while it is in use',
    async () => {
      const startMs = performance.now();
      let id = await idFrom(cluster.trackers[0], 4);
      let idMs = startMs;
      let said = 0;
      const refused: number[] = [];
      await until(
        async () => {
          const nowMs = performance.now();
          const giver = cluster.trackers[said % 3];
          if (nowMs - idMs > ID_MS) {
            id = await idFrom(giver, 4);
            idMs = nowMs;
          }
          for (const taker of cluster.trackers.slice(0, 3)) {
            if (!(await accepts(taker, 4, id))) refused.push(Math.round(nowMs - startMs));
          }
          said++;
          return nowMs - startMs > ROTATIONS_MS ? true : undefined;
        },
        2 * ROTATIONS_MS,
        'three changes of the key',
      );
      measured(
        `${said} times at three trackers over three changes of the key: ${refused.length} refused`,
      );
      expect(refused).toEqual([]);
    },
    3 * ROTATIONS_MS,
  );
});

describe('the keys of connection ids', () => {
  it('are other ones, on all trackers, once a node that knew them is revoked', async () => {
    const [a, b, c, leaver] = cluster.trackers;
    const old = await idFrom(a, 4);
    await cluster.minder.command('revoke', 'd');
    const rest = [a, b, c];
    for (const tracker of rest) {
      await until(
        async () => ((await accepts(tracker, 4, old)) ? undefined : true),
        LIMIT_MS,
        'an id of the old key to be refused',
      );
    }
    for (const giver of rest) {
      const id = await idFrom(giver, 4);
      for (const taker of rest) expect(await accepts(taker, 4, id)).toBe(true);
      const stranger = await idFrom(leaver, 4);
      expect(await accepts(giver, 4, stranger)).toBe(false);
    }
  });
});
