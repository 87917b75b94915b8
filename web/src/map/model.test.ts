import { describe, expect, it } from 'vitest';
import type { NodeView } from '../tick.js';
import { cluster, link, minder, node } from './map.testing.js';
import {
  awayMs,
  commonVersion,
  drawnNodes,
  MAP_LINKS_MAX,
  MAP_NODES_MAX,
  type MapModel,
  nextModel,
} from './model.js';

/** One tick a second, each with these nodes behind the minder. */
function play(...ticks: readonly (readonly NodeView[])[]): MapModel[] {
  const models: MapModel[] = [];
  for (const [i, nodes] of ticks.entries()) {
    models.push(nextModel(models.at(-1), cluster([minder(), ...nodes]), 1_000 * (1 + i)));
  }
  return models;
}

const texts = ({ events }: MapModel) => events.map(({ text }) => text);
const DEAD = { state: 'unreachable', reason: 'silent', lastHeartbeatMs: 7_000 } as const;

describe('the model of the map', () => {
  it('has no events in its first tick: what is there did not happen just now', () => {
    const [first] = play([node('a', DEAD)]);
    expect(first.events).toEqual([]);
    expect(first.byId.get('a')?.sinceMs).toBeNull();
  });

  it('says who came, who left, who changed, and why', () => {
    const models = play(
      [node('a'), node('b')],
      [node('a', DEAD), node('c', { state: 'joining' })],
      [node('a', DEAD), node('c', { version: '0.2.0', name: 'd' })],
    );
    expect(texts(models[1])).toEqual([
      'tracker a: unreachable (silent)',
      'tracker c: new, joining',
      'tracker b: gone from the registry',
    ]);
    expect(models[1].events.map(({ tone }) => tone)).toEqual(['bad', 'info', 'info']);
    expect(texts(models[2])).toEqual([
      'tracker c: now named d',
      'tracker d: healthy',
      'tracker d: version 0.1.0 is now 0.2.0',
    ]);
  });

  it('says nothing while nothing but numbers change', () => {
    const models = play([node('a')], [node('a', { peers: 5, lagMs: 90, recordsIn: 7, gaps: 1 })]);
    expect(models[1].events).toEqual([]);
  });

  it('tells a changed reason of the same state', () => {
    const models = play([node('a', DEAD)], [node('a', { ...DEAD, reason: 'probes' })]);
    expect(texts(models[1])).toEqual(['tracker a: unreachable (probes)']);
  });

  it('marks a node that came back once, over joining too, and says how long it was away', () => {
    const joining = node('a', { state: 'joining' });
    const models = play(
      [node('a', DEAD)],
      [joining],
      [node('a')],
      [node('a')],
      [node('a', DEAD)],
      [node('a')],
    );
    const returned = models.map(({ byId }) => byId.get('a')?.returnedMs);
    expect(returned).toEqual([null, null, 3_000, 3_000, null, 6_000]);
    // It joined a second after its last heartbeat was 7 s old, and served a second later.
    expect(texts(models[2])).toEqual(['tracker a: healthy again after 9 s']);
    expect(texts(models[5])).toEqual(['tracker a: healthy again after 8 s']);
  });

  it('does not take a new node for one that came back', () => {
    const models = play([], [node('a')]);
    expect(models[1].byId.get('a')?.returnedMs).toBeNull();
  });

  it('knows how long a node is away from its heartbeat, else from what the page saw', () => {
    const probes = node('a', { state: 'unreachable', reason: 'probes', lastHeartbeatMs: 300 });
    const models = play([node('a')], [probes], [probes]);
    const at = (i: number) => awayMs(models[i].byId.get('a')!, models[i].atMs);
    expect([at(0), at(1), at(2)]).toEqual([null, 0, 1_000]);
    const [early] = play([node('a', DEAD)]);
    expect(awayMs(early.byId.get('a')!, early.atMs)).toBe(7_000);
    const [never] = play([node('a', { ...DEAD, lastHeartbeatMs: null })]);
    expect(awayMs(never.byId.get('a')!, never.atMs)).toBeNull();
  });

  it('sums what goes in and out of each node', () => {
    const view = cluster(
      [minder(), node('a'), node('b'), node('c')],
      [link('a', 'b', 10), link('a', 'c', 10), link('b', 'a', 3)],
    );
    const { byId } = nextModel(undefined, view, 0);
    expect(byId.get('a')).toMatchObject({ recordsOutPerSecond: 20, recordsInPerSecond: 3 });
    expect(byId.get('c')).toMatchObject({ recordsOutPerSecond: 0, recordsInPerSecond: 10 });
  });

  it('draws no link of a revoked node', () => {
    const revoked = node('b', { state: 'revoked' });
    const view = cluster([minder(), node('a'), revoked], [link('a', 'b'), link('b', 'a')]);
    expect(nextModel(undefined, view, 0).links).toEqual([]);
  });

  it('draws no link to a node that is not there or to itself, and the busiest of too many', () => {
    const strange = cluster(
      [minder(), node('a')],
      [link('a', 'x'), link('x', 'a'), link('a', 'a')],
    );
    expect(nextModel(undefined, strange, 0).links).toEqual([]);
    const ids = Array.from({ length: 40 }, (_, i) => `n${i}`);
    const links = ids.flatMap((from, i) =>
      ids.filter((to) => to !== from).map((to) => link(from, to, i)),
    );
    const { links: drawn } = nextModel(
      undefined,
      cluster(
        ids.map((id) => node(id)),
        links,
      ),
      0,
    );
    expect(drawn).toHaveLength(MAP_LINKS_MAX);
    expect(Math.min(...drawn.map((one) => one.recordsPerSecond))).toBeGreaterThan(10);
  });

  it('draws a bounded number of nodes, this minder and those in trouble first', () => {
    const many = Array.from({ length: 300 }, (_, i) => node(`n${i}`, { peers: i }));
    const [{ nodes }] = play([...many, node('dead', DEAD)]);
    const drawn = drawnNodes(nodes).map(({ id }) => id);
    expect(drawn).toHaveLength(MAP_NODES_MAX);
    expect(drawn.slice(0, 3)).toEqual(['m', 'dead', 'n299']);
  });

  it('shows what a name hides, and keeps the rest of a line readable', () => {
    const [, { byId, events }] = play(
      [],
      [node('a', { name: '\u202elive\u0000\n<b>x\u200b', version: '\u2066' })],
    );
    expect(byId.get('a')?.view).toMatchObject({ name: '�live��<b>x�', version: '�' });
    expect(events[0].text).toBe('tracker �live��<b>x�: new, healthy');
  });

  it('finds the version that most nodes run', () => {
    const [{ nodes }] = play([node('a', { version: '2' }), node('b', { version: '2' })]);
    expect(commonVersion(nodes)).toBe('2');
    expect(commonVersion([])).toBe('');
  });
});
