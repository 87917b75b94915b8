import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LEAVES } from './catalogue.js';
import { defaultConfig, loadConfig } from './load.js';
import { printConfig } from './print.js';
import { settingsTable } from './settings-table.js';

const isUpdating = process.env.UPDATE_DOCS === '1';
const pathOf = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** Compares a file with its generated text; writes it instead when UPDATE_DOCS=1. */
function expectFile(name: string, generate: (old: string) => string): void {
  const path = pathOf(name);
  if (isUpdating) {
    let old = '';
    try {
      old = readFileSync(path, 'utf8');
    } catch {
      // A file that is not there yet is written from nothing.
    }
    writeFileSync(path, generate(old));
  }
  const text = readFileSync(path, 'utf8');
  expect(text).toBe(generate(text));
}

describe('files generated from the schema', () => {
  it('docs/configuration.md holds the table of settings', () => {
    expectFile('docs/configuration.md', (old) => {
      const [before] = old.split('<!-- settings:begin -->');
      return `${before}<!-- settings:begin -->\n\n${settingsTable()}\n<!-- settings:end -->\n`;
    });
  });

  it('docs/configuration.md names every setting and its environment variable', () => {
    const text = readFileSync(pathOf('docs/configuration.md'), 'utf8');
    for (const leaf of LEAVES) {
      expect(text).toContain(`\`${leaf.path}\``);
      expect(text).toContain(`\`${leaf.environmentName}\``);
    }
  });

  for (const format of ['xml', 'yaml'] as const) {
    it(`examples/trackerbt.${format} is the printed default configuration and loads`, () => {
      const name = `examples/trackerbt.${format}`;
      expectFile(name, () => printConfig(defaultConfig(), format));
      expect(loadConfig({ file: pathOf(name) })).toEqual(defaultConfig());
    });
  }
});
