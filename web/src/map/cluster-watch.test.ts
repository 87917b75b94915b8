import { describe, expect, it } from 'vitest';
import type { ClusterView, Tick } from '../tick.js';
import { ClusterWatch } from './cluster-watch.js';
import { cluster, minder, node } from './map.testing.js';

const tick = (atMs: number, view: ClusterView) => ({ atMs, cluster: view }) as Tick;

describe('a page that watches a cluster', () => {
  it('logs what changes from tick to tick', () => {
    const watch = new ClusterWatch();
    watch.take(tick(1, cluster([minder(), node('a')])));
    watch.take(tick(2, cluster([minder(), node('a', { state: 'draining', reason: 'operator' })])));
    watch.take(tick(3, { ...cluster([minder(), node('a')]), busConnected: false }));
    expect(watch.log.events.map(({ atMs, text }) => [atMs, text])).toEqual([
      [3, 'tracker a: healthy'],
      [3, 'bus: away; trackers serve, but exchange nothing'],
      [2, 'tracker a: draining (operator)'],
    ]);
    expect(watch.model?.byId.get('a')?.view.state).toBe('healthy');
  });

  it('begins anew when another minder answers, and keeps what it saw', () => {
    const watch = new ClusterWatch();
    watch.take(tick(1, cluster([minder(), node('a')])));
    watch.take(tick(2, cluster([minder(), node('a', { state: 'draining' })])));
    watch.take(tick(3, cluster([minder('m2'), node('z')])));
    expect(watch.log.count).toBe(1);
    expect([...watch.model!.byId.keys()]).toEqual(['m2', 'z']);
  });
});
