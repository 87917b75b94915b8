/** Lists of info hashes on a tracker that stands alone: files, and SIGHUP to read them again. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { announcePorts, announceTarget, httpDict } from '../support/http-wire.js';
import { failureOf, newHash, scrapeCounts } from '../support/swarms.js';
import { removeFolder, TrackerProcess, temporaryFolder } from '../support/tracker-process.js';
import { announcePacket, connectedWire, errorText, UdpEvent } from '../support/udp-wire.js';

const REFUSAL = 'this info_hash is not served here';
const folder = temporaryFolder('lists');
const denyFile = join(folder, 'deny');
const allowFile = join(folder, 'allow');
const trackers: TrackerProcess[] = [];
afterAll(async () => {
  for (const tracker of trackers) await tracker.remove();
  removeFolder(folder);
});

async function start(lists: Readonly<Record<string, unknown>>): Promise<TrackerProcess> {
  const tracker = await TrackerProcess.start({ config: { lists } });
  trackers.push(tracker);
  return tracker;
}

/** The refusal of an announce over HTTP, then over UDP; undefined where there is none. */
async function refusals(
  tracker: TrackerProcess,
  infoHash: Buffer,
  stopped = false,
): Promise<(string | undefined)[]> {
  const target = announceTarget(infoHash, { event: stopped ? 'stopped' : 'started' });
  const reply = await httpDict(tracker.http4, target);
  const http = reply.has('failure reason') ? failureOf(reply) : undefined;
  if (http !== undefined) expect(reply.text('retry in')).toBe('never');
  const wire = await connectedWire(tracker.udp4);
  try {
    const event = stopped ? UdpEvent.stopped : UdpEvent.started;
    const packet = announcePacket(wire.id, wire.nextTransaction(), { infoHash, port: 7100, event });
    return [http, errorText(await wire.ask(packet))];
  } finally {
    wire.close();
  }
}

/** Has the lists read again, and waits until that is done. */
async function reload(tracker: TrackerProcess, list: string, msg = 'list read'): Promise<unknown> {
  tracker.logs.length = 0;
  tracker.child.kill('SIGHUP');
  return await tracker.waitForLog((line) => line.msg === msg && line.list === list);
}

const both = [REFUSAL, REFUSAL];
const neither = [undefined, undefined];

describe('a deny list', () => {
  it('refuses on every protocol, drops at SIGHUP, and allows again', async () => {
    const [first, second] = [newHash(), newHash()];
    writeFileSync(denyFile, `# ours\r\n${first.toString('hex')} a reason\r\n`);
    const tracker = await start({ denyFile });
    expect(await refusals(tracker, first)).toEqual(both);
    expect(await refusals(tracker, first, true)).toEqual(both);
    expect(await refusals(tracker, second)).toEqual(neither);
    await announcePorts(tracker.http4, second, [7001, 7002], { event: 'completed', left: 0 });
    expect(await scrapeCounts(tracker.http4, second)).toMatchObject({ complete: 2, downloaded: 2 });

    writeFileSync(denyFile, `${second.toString('hex').toUpperCase()}\n`);
    const change = { list: 'deny', entries: 1, removed: 1, dropped: 1 };
    expect(await reload(tracker, 'deny')).toMatchObject(change);
    expect(await refusals(tracker, first)).toEqual(neither);
    expect(await refusals(tracker, second)).toEqual(both);
    const empty = { complete: 0, incomplete: 0, downloaded: 0 };
    expect(await scrapeCounts(tracker.http4, second)).toMatchObject(empty);
    expect(await tracker.adminJson('/stats.json')).toMatchObject({
      lists: { mode: 'deny', denied: 1, allowed: 0, refused: { udp: 3, http: 3 } },
      store: { swarms: 1, droppedFull: 0 },
    });
  });

  it('with a mistake in it is not taken: the old one stays', async () => {
    const denied = newHash();
    writeFileSync(denyFile, denied.toString('hex'));
    const tracker = await start({ denyFile });
    writeFileSync(denyFile, `${newHash().toString('hex')}\nnonsense\n`);
    const refused = 'the list is not taken: what was read before stays';
    expect(await reload(tracker, 'deny', refused)).toMatchObject({
      reason: expect.stringMatching(/deny: line 2: expected 40 hexadecimal digits/),
    });
    expect(await refusals(tracker, denied)).toEqual(both);
    writeFileSync(denyFile, '');
    await reload(tracker, 'deny');
    expect(await refusals(tracker, denied)).toEqual(neither);
  });

  it('with a mistake in it keeps a tracker from starting', async () => {
    writeFileSync(denyFile, 'nonsense\n');
    const options = { config: { lists: { denyFile } } };
    const tracker = TrackerProcess.launch(options, temporaryFolder('data'));
    trackers.push(tracker);
    expect(await tracker.exited).toMatchObject({ code: 1 });
    expect(tracker.output()).toContain('list_file_invalid');
  });

  it('keeps a swarm of the saved store from coming back', async () => {
    const [kept, denied] = [newHash(), newHash()];
    writeFileSync(denyFile, '');
    const tracker = await start({ denyFile });
    for (const hash of [kept, denied]) await announcePorts(tracker.http4, hash, [7001]);
    await tracker.stop();
    writeFileSync(denyFile, denied.toString('hex'));
    const again = await tracker.restart();
    trackers.push(again);
    expect(await scrapeCounts(again.http4, kept)).toMatchObject({ incomplete: 1 });
    expect(await scrapeCounts(again.http4, denied)).toMatchObject({ incomplete: 0 });
  });
});

describe('an allow list', () => {
  it('lets in nobody else, and drops at SIGHUP what it does not name any more', async () => {
    const [first, second] = [newHash(), newHash()];
    writeFileSync(allowFile, `${first.toString('hex')}\n`);
    const tracker = await start({ mode: 'allow', allowFile });
    expect(await refusals(tracker, first)).toEqual(neither);
    expect(await refusals(tracker, second)).toEqual(both);
    writeFileSync(allowFile, `${second.toString('hex')}\n`);
    const change = { entries: 1, removed: 1, dropped: 1 };
    expect(await reload(tracker, 'allow')).toMatchObject(change);
    expect(await refusals(tracker, first)).toEqual(both);
    expect(await refusals(tracker, second)).toEqual(neither);
  });
});
