/** A histogram of Prometheus whose buckets others have counted: the library's own counts by itself. */
import { Histogram } from 'prom-client';
import type { LatencyView } from './latency-view.js';
import type { Labels } from './metric.js';

/** What the library's registry prints, one line each. */
interface PrintedValue {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

export class LatencyHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  #views: readonly (readonly [labels: Labels, view: LatencyView])[] = [];

  constructor(options: ConstructorParameters<typeof Histogram>[0]) {
    super(options);
    this.#name = options.name;
    this.#help = options.help;
  }

  /** Takes the place of all that was shown before. */
  show(views: readonly (readonly [labels: Labels, view: LatencyView])[]): void {
    this.#views = views;
  }

  /** The registry asks here; buckets are cumulative, as the text format has them. */
  async getForPromString() {
    const values = this.#views.flatMap(([labels, view]) => this.#print(labels, view));
    return { name: this.#name, help: this.#help, type: 'histogram', values, aggregator: 'sum' };
  }

  #print(labels: Labels, { bounds, counts, sumSeconds }: LatencyView): PrintedValue[] {
    const [bucket, sum, total] = ['_bucket', '_sum', '_count'].map((end) => this.#name + end);
    let below = 0;
    const values = counts.map((count, i): PrintedValue => {
      below += count;
      return { metricName: bucket, labels: { ...labels, le: bounds[i] ?? '+Inf' }, value: below };
    });
    values.push({ metricName: sum, labels, value: sumSeconds });
    values.push({ metricName: total, labels, value: below });
    return values;
  }
}
