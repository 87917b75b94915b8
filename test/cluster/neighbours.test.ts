/**
 * The previous version beside this one, as during an upgrade: old and new trackers under an old minder,
 * then under a new one, and at last each old node's data directory taken over by the new version, and a
 * tracker's by the old one. A minder cannot go back: the previous one refuses a state that says more.
 *
 * Only in the long form (`npm run test:cluster -- --long`): it builds the previous version from the
 * commit that previous-build.ts names, and a checkout may lack history. In the long form that is a
 * failure, which says what to fetch.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster, viewOf } from '../support/cluster.js';
import { until } from '../support/deadline.js';
import { announceTarget, httpDict } from '../support/http-wire.js';
import { IS_LONG } from '../support/long.js';
import { MinderProcess } from '../support/minder-process.js';
import { type NodeProcess, removeFolder } from '../support/node-process.js';
import { type Peer, type PeerEvent, Population } from '../support/population.js';
import { buildPrevious, PREVIOUS_VERSION } from '../support/previous-build.js';
import { type Prng, seededPrng } from '../support/prng.js';
import type { TrackerOptions, TrackerProcess } from '../support/tracker-process.js';
import { Voices } from '../support/voices.js';

const LIMIT_MS = 60_000;
const PEERS = 2_000;
const SWARMS = 50;
const HOSTS = ['127.0.0.2', '::1', '127.0.0.3'];
/** Peers of these numbers modulo 4 speak in each act. */
const ACTS = { oldMinder: 0, newMinder: 1, upgraded: 2, back: 3 };
/** Counters of messages that a node took for wrong. */
const COMPLAINTS = [
  'bus_refused_subjects',
  'heartbeats_refused',
  'nodes_refused',
  'refused_body',
  'refused_damaged',
  'refused_foreign',
  'refused_sender',
  'refused_version',
];

describe.runIf(IS_LONG)('the previous version beside this one', () => {
  let prng: Prng;
  let population: Population;
  const voices = new Voices();
  let previous = '';
  let version = '';
  let cluster: Cluster;

  beforeEach(() => {
    prng = seededPrng();
    population ??= new Population({ peers: PEERS, swarms: SWARMS, hosts: HOSTS }, prng);
  });
  beforeAll(async () => {
    previous = buildPrevious();
    cluster = await Cluster.start({ trackers: 0, minder: { repository: previous } });
  });
  afterAll(async () => {
    voices.close();
    await cluster?.close();
    if (previous !== '') removeFolder(previous);
  });

  async function add(name: string, options: TrackerOptions = {}): Promise<TrackerProcess> {
    const tracker = cluster.launch(name, options);
    await tracker.ready();
    return tracker;
  }

  /** Has these peers say this, each at any of the trackers. */
  async function sayAll(peers: readonly Peer[], event: PeerEvent): Promise<void> {
    await voices.sayAll(
      peers.map((peer) => ({
        word: population.say(peer, event, prng.below(3) === 0 ? 'seeder' : 'leecher'),
        tracker: prng.pick(cluster.trackers),
        protocol: prng.below(5) === 0 ? 'http' : 'udp',
      })),
    );
  }

  /**
   * Peers start, complete and stop at all trackers; then all of them know the same. What one peer says
   * to two trackers within the milliseconds in which neither has heard the other has no order, so each
   * step is known to all before the next.
   */
  async function play(act: number): Promise<void> {
    const own = population.peers.filter((_, i) => i % 4 === act);
    await sayAll(own, 'started');
    await cluster.converged();
    const leechers = own.filter(({ role }) => role === 'leecher');
    await sayAll(leechers.slice(0, leechers.length / 2), 'completed');
    await cluster.converged();
    await sayAll(
      own.filter((_, i) => i % 3 === 0),
      'stopped',
    );
    await cluster.converged();
    await cluster.expectHolds(population);
  }

  /** The versions of all nodes by name, as one of them tells it. */
  async function versionsSeenBy(node: TrackerProcess | MinderProcess) {
    const { nodes } = (await viewOf(node)) as unknown as {
      nodes: { name: string; role: string; version: string }[];
    };
    const trackers = nodes.filter(({ role }) => role === 'tracker');
    return Object.fromEntries(trackers.map((each) => [each.name, each.version]));
  }

  async function untilVersions(
    node: TrackerProcess | MinderProcess,
    expected: Readonly<Record<string, string>>,
  ): Promise<void> {
    let seen: Record<string, string> = {};
    const matches = async () => {
      seen = await versionsSeenBy(node);
      return Object.entries(expected).every(([name, each]) => seen[name] === each) || undefined;
    };
    await until(matches, LIMIT_MS, 'versions').catch(() => expect(seen).toMatchObject(expected));
  }

  /** No node found anything wrong with what a neighbour said. */
  async function expectNoComplaint(): Promise<void> {
    for (const tracker of cluster.trackers) {
      const { counters } = await viewOf(tracker);
      const refused = COMPLAINTS.filter((name) => counters[name] !== 0);
      expect(refused).toEqual([]);
      expect(errorsOf(tracker)).toEqual([]);
    }
    expect(errorsOf(cluster.minder)).toEqual([]);
  }

  /** Ends a tracker and starts a version over its data, without a token. */
  async function replace(
    tracker: TrackerProcess,
    name: string,
    build: { repository?: string } = {},
  ): Promise<TrackerProcess> {
    await tracker.stop();
    const join = ['--join', `https://${cluster.minder.enrol}`];
    const next = await tracker.restart({ ...build, args: ['--name', name, ...join] });
    cluster.trackers.splice(cluster.trackers.indexOf(tracker), 1, next);
    return next;
  }

  /** Ends the minder and starts a version over its data, on its ports. */
  async function replaceMinder(build: { repository?: string } = {}): Promise<void> {
    const { enrol, bus, data } = cluster.minder;
    await cluster.minder.stop();
    const args = ['--listen', enrol, '--bus', bus];
    cluster.minder = MinderProcess.launch({ ...build, args }, data);
    await cluster.minder.ready();
    for (const tracker of cluster.trackers) {
      const isConnected = async () => (await viewOf(tracker)).busConnected || undefined;
      await until(isConnected, LIMIT_MS, 'the trackers to find the other minder');
    }
  }

  it('shares peers and downloads both ways under an old minder', async () => {
    const old = await add('old', { repository: previous });
    const fresh = await add('fresh');
    await play(ACTS.oldMinder);
    version = (await versionsSeenBy(fresh)).fresh;
    expect(version).not.toBe(PREVIOUS_VERSION);
    // Old nodes tell their version to minders alone, and show none of others.
    await untilVersions(cluster.minder, { old: PREVIOUS_VERSION, fresh: version });
    expect((await versionsSeenBy(old)).old).toBe(PREVIOUS_VERSION);
    // Its last word before its end has a reason that old nodes do not know.
    await replace(fresh, 'fresh');
    await cluster.converged();
    await expectNoComplaint();
  });

  it('does so under a new minder that took the old one over, and lets old and new ones in', async () => {
    await replaceMinder();
    await add('older', { repository: previous });
    await add('fresher');
    const before = { old: PREVIOUS_VERSION, older: PREVIOUS_VERSION };
    const after = { fresh: version, fresher: version };
    await untilVersions(cluster.minder, { ...before, ...after });
    await play(ACTS.newMinder);
    await expectNoComplaint();
  });

  it('is replaced node by node, and then does what only the new version can', async () => {
    const [old, fresh, older] = cluster.trackers;
    // What an old tracker does not understand does not hurt it.
    const denied = population.prng.bytes(20);
    await cluster.minder.command('deny', 'add', denied.toString('hex'));
    const refuses = (tracker: TrackerProcess) => async () =>
      (await refusal(tracker, denied)) === undefined ? undefined : true;
    await until(refuses(fresh), LIMIT_MS, 'the new tracker to refuse it');
    // What it still lets in goes when it is replaced: the digests below say so.
    expect(await refusal(old, denied)).toBeUndefined();
    await expectNoComplaint();

    const ids = await idsByName(cluster.minder);
    const upgraded = [await replace(old, 'old'), await replace(older, 'older')];
    for (const tracker of upgraded) {
      await until(refuses(tracker), LIMIT_MS, 'the upgraded tracker to refuse it');
    }
    await untilVersions(cluster.minder, { old: version, older: version });
    await untilVersions(fresh, { old: version, older: version });
    expect(await idsByName(cluster.minder), 'nobody is somebody else').toEqual(ids);
    await play(ACTS.upgraded);
    await expectNoComplaint();
  });

  it('lets a tracker go back to the version before, with what it knows', async () => {
    const fresh = cluster.trackers[1];
    const ids = await idsByName(cluster.minder);
    await replace(fresh, 'fresh', { repository: previous });
    await cluster.converged();
    await cluster.expectHolds(population);
    expect(await idsByName(cluster.minder), 'nobody is somebody else').toEqual(ids);
    await play(ACTS.back);
    await expectNoComplaint();
  });
});

async function idsByName(minder: MinderProcess): Promise<Record<string, string>> {
  const nodes = (await minder.nodes()).filter(({ role }) => role === 'tracker');
  return Object.fromEntries(nodes.map(({ name, id }) => [name, id]));
}

/** Why a tracker refuses an announce over HTTP; undefined when it does not. */
async function refusal(tracker: TrackerProcess, hash: Buffer): Promise<string | undefined> {
  const target = announceTarget(hash, { port: 7_000, left: 1 });
  const reply = await httpDict(tracker.http4, target);
  return reply.has('failure reason') ? reply.text('failure reason') : undefined;
}

function errorsOf({ logs, noise }: NodeProcess): unknown[] {
  return [...logs.filter(({ level }) => level === 'error' || level === 'fatal'), ...noise];
}
