/** Follows a minder's ticks: what to draw now, and what has happened since the page opened. */
import type { Tick } from '../tick.js';
import { type ClusterFacts, EMPTY_LOG, type EventLog, factEvents, logged } from './event-log.js';
import { type MapModel, nextModel } from './model.js';

export class ClusterWatch {
  model: MapModel | undefined;
  log: EventLog = EMPTY_LOG;
  #facts: ClusterFacts | undefined;
  #self = '';

  take({ atMs, cluster, dns }: Tick): void {
    // Another minder answers here now: nothing that it says is a change.
    if (cluster.self !== this.#self) {
      this.#self = cluster.self;
      this.model = undefined;
      this.#facts = undefined;
    }
    const model = nextModel(this.model, cluster, atMs);
    const facts = { busConnected: cluster.busConnected, dns };
    const events = [...factEvents(this.#facts, facts, atMs), ...model.events];
    this.#facts = facts;
    this.model = model;
    this.log = logged(this.log, events);
  }
}
