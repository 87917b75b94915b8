import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { SCRAPE_HASHES_MAX } from '../tracker/tracker.js';
import { LEAVES, valueAt } from './catalogue.js';
import { type Environment, readEnvironment } from './environment.js';
import { defaultConfig, loadConfig } from './load.js';
import { PRINT_FORMATS, printConfig } from './print.js';
import { ProblemList } from './problem.js';
import { INTERVAL_JITTER_MAX, INTERVAL_SECONDS_MAX } from './schema.js';

const seed = process.env.SEED === undefined ? Date.now() : Number(process.env.SEED);
const directory = mkdtempSync(join(tmpdir(), 'trackerbt-print-'));
afterAll(() => rmSync(directory, { recursive: true }));

const line = (min: number, max: number) =>
  fc
    .oneof(
      fc.string({ minLength: min, maxLength: max, unit: 'binary' }),
      fc.string({ minLength: min, maxLength: max }),
      fc.constantFrom(
        'off',
        'no',
        'null',
        '~',
        '1',
        '0x1',
        'true',
        "it's",
        '"',
        '<&>',
        '&lt;',
        ']]>',
        '--',
        '# a',
        'a: b',
        '- a',
        '*a',
        '{}',
        '%',
        '\\n',
        '//',
        '---',
        '...',
      ),
    )
    .map((text) => text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\uFEFF\uFFFE\uFFFF]/gu, '').trim())
    .filter((text) => text.length >= min);

const listen = fc
  .tuple(fc.constantFrom('', ':', '*:', '127.0.0.1:', '[::1]:', '[fe80::1%eth0]:'), fc.nat(65_535))
  .map(([host, port]) => `${host}${port}`);
const network = fc.oneof(
  fc.tuple(fc.ipV4(), fc.nat(32)).map(([ip, bits]) => `${ip}/${bits}`),
  fc.nat(128).map((bits) => `2001:db8::/${bits}`),
);
const list = (item: fc.Arbitrary<string>, minLength = 0) =>
  fc.uniqueArray(item, { minLength, maxLength: 5 });
const whole = (min: number, max: number) => fc.integer({ min, max });

/** Any valid configuration as the flat settings that differ from the defaults. */
const settings = fc.record(
  {
    name: line(0, 60),
    data: line(1, 60),
    user: line(0, 60),
    advertise: list(fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.constant('off'))),
    workers: whole(0, 256),
    io: fc.constantFrom('auto', 'fast', 'portable'),
    'log.level': fc.constantFrom('trace', 'silent'),
    'admin.listen': fc.oneof(listen, fc.constant('off')),
    'admin.tokenFile': line(0, 60),
    'http.listen': list(listen),
    'http.announcePaths': list(
      fc.constantFrom('/announce', '/a.b/~c', '/{key}/announce', '/x/{key}'),
      1,
    ),
    'http.trustedProxies': list(network),
    'http.scrapeHashesMax': whole(1, SCRAPE_HASHES_MAX),
    'udp.listen': list(listen),
    'announce.intervalSeconds': whole(1, INTERVAL_SECONDS_MAX),
    'announce.intervalJitter': fc.double({ min: 0, max: INTERVAL_JITTER_MAX, noNaN: true }),
    'announce.trustedIpSources': list(network),
    'limits.peersMax': whole(1_000, 450_000_000),
    'store.shards': whole(0, 9).map((bits) => 2 ** bits),
  },
  { requiredKeys: [] },
);

function nest(flat: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const root: Record<string, Record<string, unknown> | unknown> = {};
  for (const [path, value] of Object.entries(flat)) {
    const [first, second] = path.split('.');
    if (second === undefined) root[first] = value;
    else root[first] = { ...(root[first] as Record<string, unknown>), [second]: value };
  }
  return root;
}

function loadText(text: string, extension: string) {
  const file = join(directory, `config.${extension}`);
  writeFileSync(file, text);
  return loadConfig({ file });
}

describe('printConfig', () => {
  it.each(PRINT_FORMATS)('prints %s that loads back to the same values', (format) => {
    fc.assert(
      fc.property(settings, (flat) => {
        const config = loadText(JSON.stringify(nest(flat)), 'json');
        for (const [path, value] of Object.entries(flat)) {
          expect(valueAt(config, path)).toEqual(value);
        }
        expect(loadText(printConfig(config, format), format)).toEqual(config);
      }),
      { seed, numRuns: 150 },
    );
  });

  it('has values that the environment can carry as well', () => {
    fc.assert(
      fc.property(settings, (flat) => {
        const config = loadText(JSON.stringify(nest(flat)), 'json');
        const env: Record<string, string> = {};
        for (const leaf of LEAVES) env[leaf.environmentName] = String(valueAt(config, leaf.path));
        expect(loadConfig({ env: env satisfies Environment })).toEqual(config);
      }),
      { seed, numRuns: 100 },
    );
  });

  it.each(PRINT_FORMATS)('says in %s what each setting means and how else it is set', (format) => {
    const text = printConfig(defaultConfig(), format);
    for (const leaf of LEAVES) {
      expect(text).toContain(leaf.environmentName);
      expect(text).toContain(leaf.description);
    }
  });

  it.each(PRINT_FORMATS)('keeps secrets out of %s', (format) => {
    const env = { TRACKERBT_CLUSTER_JOIN: 'https://m:7443', TRACKERBT_CLUSTER_TOKEN: 'sekret' };
    const text = printConfig(loadConfig({ env }), format);
    expect(text).toContain('https://m:7443');
    expect(text).not.toContain('sekret');
  });

  it('prints JSON that JSON.parse reads, and comments that fit any XML reader', () => {
    expect(() => JSON.parse(printConfig(defaultConfig(), 'json'))).not.toThrow();
    const comments = printConfig(defaultConfig(), 'xml').match(/<!--.*?-->/gs) ?? [];
    for (const comment of comments) expect(comment.slice(4, -3)).not.toContain('--');
  });
});

describe('the catalogue of settings', () => {
  it('gives every setting a description and a name of its own in the environment', () => {
    expect(new Set(LEAVES.map((leaf) => leaf.environmentName)).size).toBe(LEAVES.length);
    for (const leaf of LEAVES) {
      expect(leaf.description, leaf.path).toMatch(/^[A-Z].*\.$/);
      expect(leaf.environmentName).toMatch(/^TRACKERBT_[A-Z_]+$/);
    }
    const problems = new ProblemList();
    readEnvironment({ TRACKERBT_HTTP_REQUESTS_PER_CONNECTION_MAX: '5' }, problems);
    expect(() => problems.throwIfAny()).not.toThrow();
  });
});
