/**
 * A real seeder and a real leecher, each told of a tracker: the file must arrive whole, and both must
 * be gone from the trackers after they left.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ClientOptions, ClientProgram, RunningClient } from './clients/client.js';
import { until } from './deadline.js';
import { scrapeCounts } from './swarms.js';
import { makeTorrent, withAnnounce, writeContent } from './torrent.js';
import { removeFolder, type TrackerProcess, temporaryFolder } from './tracker-process.js';

const FINISH_LIMIT_MS = 60_000;

/** A client, the address that it has, and the tracker that it knows. */
export interface Side {
  readonly program: ClientProgram;
  readonly host: string;
  readonly announce: string;
  readonly tracker: TrackerProcess;
}

export interface TransferOptions extends Pick<ClientOptions, 'caFile'> {
  readonly contentBytes?: number;
}

export async function transfer(
  trackerProtocol: ClientOptions['trackerProtocol'],
  seeder: Side,
  leecher: Side,
  { contentBytes, ...more }: TransferOptions = {},
): Promise<void> {
  const folder = temporaryFolder('transfer');
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  mkdirSync(from);
  mkdirSync(to);
  const torrent = makeTorrent(folder, 'content.bin', seeder.announce, contentBytes);
  writeContent(torrent, from);
  // The same content and info hash under the other tracker's URL.
  const other = withAnnounce(torrent, folder, leecher.announce);
  const running: RunningClient[] = [];
  const counts = (side: Side) => scrapeCounts(side.tracker.http4, torrent.infoHash);
  try {
    const seeding = { ...more, torrent, trackerProtocol, host: seeder.host, folder: from };
    running.push(await seeder.program.start({ ...seeding, role: 'seeder' }));
    // The leecher's first announce is to name the seeder: the next one may be a minute away.
    await until(
      async () => ((await counts(leecher)).complete === 1 ? true : undefined),
      FINISH_LIMIT_MS,
      "the leecher's tracker to know the seeder",
    );
    const leeching = { ...more, torrent: other, trackerProtocol, host: leecher.host, folder: to };
    running.push(await leecher.program.start({ ...leeching, role: 'leecher' }));
    await running[1].completed(FINISH_LIMIT_MS);
    expect(readFileSync(join(to, torrent.name)).equals(torrent.content)).toBe(true);
    for (const client of running) await client.leave();
    for (const side of [seeder, leecher]) {
      await until(
        async () => {
          const { complete, incomplete } = await counts(side);
          return complete + incomplete === 0 ? true : undefined;
        },
        FINISH_LIMIT_MS,
        'both to be gone',
      );
    }
  } catch (error) {
    const output = running.map((client) => client.output().slice(-3_000));
    throw new Error([(error as Error).message, ...output].join('\n-----\n'));
  } finally {
    await Promise.all(running.map((client) => client.kill()));
    removeFolder(folder);
  }
}
