import { readFileSync } from 'node:fs';

/** The package's version. The same file is found from `src/node/` and from `dist/src/node/`. */
export const VERSION = readVersion();

function readVersion(): string {
  for (const up of ['../..', '../../..']) {
    try {
      const text = readFileSync(new URL(`${up}/package.json`, import.meta.url), 'utf8');
      const { name, version } = JSON.parse(text) as { name?: string; version?: string };
      if (name === 'trackerbt' && version !== undefined) return version;
    } catch {
      // Not there: one of the two places always is.
    }
  }
  return 'unknown';
}
