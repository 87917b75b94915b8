/** Prometheus metrics, read from the same numbers as `/stats.json` whenever they are asked for. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { AdminSource } from './admin-source.js';
import { CLUSTER_COUNTERS, CLUSTER_GAUGES } from './cluster-metrics.js';
import { type Metric, samples } from './metric.js';
import { MINDER_COUNTERS, MINDER_GAUGES } from './minder-metrics.js';
import { TRACKER_COUNTERS, TRACKER_GAUGES } from './tracker-metrics.js';

/** The registry behind `/metrics`. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #read: () => void;

  constructor(source: AdminSource) {
    collectDefaultMetrics({
      register: this.#registry,
      // Measuring the loop's delay every 10 ms, the default, would be most of what an idle tracker does.
      eventLoopMonitoringPrecision: 200,
    });
    const ready = new Gauge({
      name: 'trackerbt_ready',
      help: '1 while clients are served.',
      registers: [this.#registry],
    });
    const own =
      source.role === 'tracker'
        ? this.#add(() => source.stats(), TRACKER_GAUGES, TRACKER_COUNTERS)
        : this.#add(() => source.stats(), MINDER_GAUGES, MINDER_COUNTERS);
    // Whether a node is in a cluster is settled before it starts.
    const inCluster = source.cluster().self !== '';
    const cluster = inCluster
      ? this.#add(() => source.cluster(), CLUSTER_GAUGES, CLUSTER_COUNTERS)
      : undefined;
    this.#read = () => {
      own();
      cluster?.();
      ready.set(source.ready() ? 1 : 0);
    };
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in the text format. Each source is read once, so that its numbers agree. */
  text(): Promise<string> {
    this.#read();
    return this.#registry.metrics();
  }

  /** Registers metrics of one kind of knowledge; what it returns reads them all anew. */
  #add<Known>(
    know: () => Known,
    gauges: readonly Metric<Known>[],
    counters: readonly Metric<Known>[],
  ): () => void {
    const registers = [this.#registry];
    const set: ((known: Known) => void)[] = [];
    for (const { name, help, labels, read } of gauges) {
      const labelNames = [...(labels ?? [])];
      const gauge = new Gauge({ name: `trackerbt_${name}`, help, labelNames, registers });
      set.push((known) => {
        gauge.reset();
        for (const [label, value] of samples(read(known))) gauge.set(label, value);
      });
    }
    for (const { name, help, labels, read } of counters) {
      const labelNames = [...(labels ?? [])];
      const counter = new Counter({ name: `trackerbt_${name}`, help, labelNames, registers });
      // Others count; the library's counter only carries their total.
      set.push((known) => {
        counter.reset();
        for (const [label, value] of samples(read(known))) counter.inc(label, value);
      });
    }
    return () => {
      const known = know();
      for (const each of set) each(known);
    };
  }
}
