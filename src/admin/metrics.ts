/** Prometheus metrics, read from the same numbers as `/stats.json` whenever they are asked for. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type AdminCounters, noCounts } from './admin-counters.js';
import { ADMIN_METRICS } from './admin-metrics.js';
import type { AdminSource } from './admin-source.js';
import { CLUSTER_METRICS } from './cluster-metrics.js';
import { LatencyHistogram } from './latency-histogram.js';
import { type MetricGroup, samples } from './metric.js';
import { MINDER_METRICS } from './minder-metrics.js';
import { TRACKER_METRICS } from './tracker-metrics.js';

export const READY_HELP = '1 while clients are served.';

/** The library's gauges that are called as counters are; the same numbers stand elsewhere, by type. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** The registry behind `/metrics`. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #read: () => void;

  constructor(source: AdminSource, admin: AdminCounters = noCounts()) {
    collectDefaultMetrics({
      register: this.#registry,
      // Measuring the loop's delay every 10 ms, the default, would be most of what an idle tracker does.
      eventLoopMonitoringPrecision: 200,
    });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
    const registers = [this.#registry];
    const ready = new Gauge({ name: 'trackerbt_ready', help: READY_HELP, registers });
    const own =
      source.role === 'tracker'
        ? this.#add(() => source.stats(), TRACKER_METRICS)
        : this.#add(() => source.stats(), MINDER_METRICS);
    // Whether a node is in a cluster is settled before it starts.
    const inCluster = source.cluster().self !== '';
    const cluster = inCluster ? this.#add(() => source.cluster(), CLUSTER_METRICS) : undefined;
    const listener = this.#add(() => admin, ADMIN_METRICS);
    this.#read = () => {
      own();
      cluster?.();
      listener();
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
    { gauges, counters, histograms = [] }: MetricGroup<Known>,
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
    for (const { name, help, labels, read } of histograms) {
      const labelNames = [...labels];
      const options = { name: `trackerbt_${name}`, help, labelNames, registers };
      const histogram = new LatencyHistogram(options);
      set.push((known) => histogram.show(read(known)));
    }
    return () => {
      const known = know();
      for (const each of set) each(known);
    };
  }
}
