import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FakeMinderSource, FakeSource } from './fake-source.testing.js';
import { Metrics } from './metrics.js';
import { metricRows, metricsTable } from './metrics-table.js';

const PATH = fileURLToPath(new URL('../../docs/metrics.md', import.meta.url));
const [BEGIN, END] = ['<!-- metrics:begin -->', '<!-- metrics:end -->'];

/** With UPDATE_DOCS=1 the tables are written anew. */
function document(): string {
  const text = readFileSync(PATH, 'utf8');
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PATH, withTables(text));
  return readFileSync(PATH, 'utf8');
}

function withTables(text: string): string {
  const [before] = text.split(BEGIN);
  const after = text.split(END)[1] ?? '\n';
  return `${before}${BEGIN}\n\n${metricsTable()}\n\n${END}${after}`;
}

describe('docs/metrics.md', () => {
  it('has every metric, with its unit and what it means', () => {
    const text = document();
    expect(text).toBe(withTables(text));
  });

  it('has what a tracker and a minder show, no more and no less', async () => {
    const texts = await Promise.all(
      [new FakeSource(), new FakeMinderSource()].map((source) => new Metrics(source).text()),
    );
    const types = texts.join('\n').matchAll(/^# TYPE trackerbt_(\w+) (\w+)$/gm);
    const shown = new Map([...types].map(([, name, type]) => [name, type]));
    const rows = [...metricRows().values()].flat();
    expect(new Map(rows.map(({ name, type }) => [name, type]))).toEqual(shown);
  });

  it('names no metric in its text that there is not', () => {
    const names = new Set([...metricRows().values()].flat().map(({ name }) => name));
    const ends = /_(?:bucket|sum|count)$/;
    for (const [, name] of document().matchAll(/trackerbt_([a-z0-9_]*[a-z0-9])/g)) {
      const isKnown = names.has(name) || names.has(name.replace(ends, ''));
      expect(isKnown, `trackerbt_${name}`).toBe(true);
    }
  });
});
