import { Fragment } from 'preact';
import type { PageStore } from '../store.js';
import type { TrackerStats } from '../tick.js';
import { Busiest } from './busiest.js';
import { Charts } from './charts.js';
import { Cluster } from './cluster.js';
import { Drops } from './drops.js';
import { Latency } from './latency.js';
import { LookUp } from './look-up.js';
import { Numbers } from './numbers.js';
import { Serves } from './serves.js';
import { Upkeep } from './upkeep.js';
import './tracker.css';

/** One tracker: how much it does, how it is, and what is in it. */
export function TrackerView({ store }: { readonly store: PageStore }) {
  const tick = store.tick.value;
  if (tick?.stats.role !== 'tracker') return null;
  const stats: TrackerStats = tick.stats;
  return (
    <Fragment>
      <Numbers stats={stats} values={tick.values} history={store.history} />
      <Charts history={store.history} />
      <div class="columns">
        <div class="column">
          <Cluster cluster={tick.cluster} />
          <LookUp store={store} />
          {tick.busiest !== undefined && tick.busiest.length > 0 && (
            <Busiest swarms={tick.busiest} />
          )}
        </div>
        <div class="column">
          <Serves stats={stats} />
          <Upkeep stats={stats} />
          <Latency stats={stats} />
          <Drops stats={stats} atMs={tick.atMs} />
        </div>
      </div>
    </Fragment>
  );
}
