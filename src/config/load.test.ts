import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FILE_BYTES_MAX } from './file.js';
import { flagSettings } from './flags.js';
import { defaultConfig, type LoadOptions, loadConfig } from './load.js';
import { ConfigError, formatProblem } from './problem.js';

const directory = mkdtempSync(join(tmpdir(), 'trackerbt-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function fileOf(text: string | Uint8Array, extension: string): string {
  const file = join(directory, `config-${files++}.${extension}`);
  writeFileSync(file, text);
  return file;
}

/** What is wrong, as lines, with the file's own name shortened to FILE. */
function problemsOf(options: LoadOptions): string[] {
  try {
    loadConfig(options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) =>
      formatProblem(problem).replace(options.file ?? '\0', 'FILE'),
    );
  }
  return [];
}

describe('loadConfig', () => {
  it('gives the defaults when nothing is set', () => {
    const config = loadConfig();
    expect(config.http.listen).toEqual(['*:6969']);
    expect(config.announce.intervalSeconds).toBe(1_800);
    expect(config.limits.peersMax).toBeGreaterThanOrEqual(8_000_000);
    expect(config).toMatchObject({ name: '', data: './trackerbt-data', io: 'auto', workers: 0 });
  });

  it('freezes the result all the way down', () => {
    const config = loadConfig({ env: { TRACKERBT_UDP_LISTEN: '1,2' } });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.http)).toBe(true);
    expect(Object.isFrozen(config.udp.listen)).toBe(true);
    expect(Object.isFrozen(config.http.announcePaths)).toBe(true);
  });

  it('lets flags win over environment, environment over file, file over defaults', () => {
    const file = fileOf('workers: 1\nname: file\nuser: file\nudp: {listen: ["1", "2"]}\n', 'yaml');
    const env = { TRACKERBT_WORKERS: '2', TRACKERBT_NAME: 'environment', PATH: '/bin' };
    const flags = flagSettings({ workers: '3', http: ['127.0.0.1:0', '[::1]:0'], config: file });
    const config = loadConfig({ file, env, flags });
    expect(config).toMatchObject({ workers: 3, name: 'environment', user: 'file', io: 'auto' });
    expect(config.udp.listen).toEqual(['1', '2']);
    expect(config.http.listen).toEqual(['127.0.0.1:0', '[::1]:0']);
  });

  it('takes an interval alone, and each extreme of it', () => {
    for (const interval of ['1', '2', '30', '28800']) {
      const flags = flagSettings({ interval });
      expect(loadConfig({ flags }).announce.intervalSeconds).toBe(Number(interval));
    }
  });

  it('takes off for no listener in every source', () => {
    const off = { http: { listen: [] }, udp: { listen: [] } };
    const xml = '<trackerbt><http><listen>off</listen></http><udp><listen/></udp></trackerbt>';
    expect(loadConfig({ file: fileOf(xml, 'xml') })).toMatchObject(off);
    expect(
      loadConfig({ file: fileOf('http: {listen: off}\nudp: {listen: []}', 'yml') }),
    ).toMatchObject(off);
    const env = { TRACKERBT_HTTP_LISTEN: 'off', TRACKERBT_UDP_LISTEN: '' };
    expect(loadConfig({ env })).toMatchObject(off);
    const flags = flagSettings({ http: ['off'], udp: ['off'], admin: 'off' });
    expect(loadConfig({ flags })).toMatchObject({ ...off, admin: { listen: 'off' } });
  });

  it('reports every problem of every source at once, each with its source and path', () => {
    const file = fileOf(
      JSON.stringify({
        limits: { peersMax: 'many', peerMax: 1 },
        http: { listen: ['6969', '6969/tcp', 'x'], proxyProtocol: 1 },
        announce: 7,
        nonsense: {},
      }),
      'json',
    );
    const env = { TRACKERBT_WORKERS: 'two', TRACKERBT_LIMIT_PEERS_MAX: '1' };
    const flags = flagSettings({ http: ['localhost:1'], interval: '0' });
    const listen = 'ADDR:PORT (such as *:6969, 127.0.0.1:6969 or [::1]:6969; port 0 to 65535)';
    expect(problemsOf({ file, env, flags })).toEqual([
      'FILE: limits.peersMax: expected a whole number from 1,000 to 450,000,000; got "many"',
      'FILE: limits.peerMax: is not a setting; did you mean peersMax?',
      `FILE: http.listen[1]: expected ${listen}; got "6969/tcp"`,
      `FILE: http.listen[2]: expected ${listen}; got "x"`,
      'FILE: http.proxyProtocol: expected true or false; got 1',
      'FILE: announce: expected a section with settings; got 7',
      'FILE: nonsense: is not a setting',
      'TRACKERBT_WORKERS: workers: expected a whole number from 0 to 256; 0 chooses by the number of cores; got "two"',
      'TRACKERBT_LIMIT_PEERS_MAX: is not a setting; did you mean TRACKERBT_LIMITS_PEERS_MAX?',
      `--http: http.listen[0]: expected ${listen}; got "localhost:1"`,
      '--interval: announce.intervalSeconds: expected a whole number from 1 to 28,800; got 0',
    ]);
  });

  it('never takes one kind of value for another', () => {
    const file = fileOf(
      'name: 7\nworkers: "2"\nhttp: {listen: 6969, proxyProtocol: "yes"}\n',
      'yaml',
    );
    expect(problemsOf({ file })).toEqual([
      expect.stringMatching(/^FILE: name: expected a name.*got 7 \(write text in quotes\)$/),
      expect.stringMatching(/^FILE: workers: expected a whole number.*got "2"$/),
      expect.stringMatching(
        /^FILE: http.listen: expected a list.*got 6969 \(write text in quotes\)$/,
      ),
      expect.stringMatching(/^FILE: http.proxyProtocol: expected true or false; got "yes"$/),
    ]);
  });

  it.each([
    [
      'limits.peersMax',
      'TRACKERBT_LIMITS_PEERS_MAX',
      ['999', '2000000001', '1e400', '', '1.5', '0x1000'],
    ],
    ['limits.swarmsMax', 'TRACKERBT_LIMITS_SWARMS_MAX', ['999', '64000001']],
    ['announce.intervalSeconds', 'TRACKERBT_ANNOUNCE_INTERVAL_SECONDS', ['0', '28801', '-1']],
    ['announce.peerTtlSeconds', 'TRACKERBT_ANNOUNCE_PEER_TTL_SECONDS', ['43201']],
    [
      'announce.intervalJitter',
      'TRACKERBT_ANNOUNCE_INTERVAL_JITTER',
      ['-0.1', '0.5', 'NaN', 'Infinity'],
    ],
    ['announce.numwantMax', 'TRACKERBT_ANNOUNCE_NUMWANT_MAX', ['1001']],
    ['store.shards', 'TRACKERBT_STORE_SHARDS', ['0', '3', '96', '2048']],
    ['log.level', 'TRACKERBT_LOG_LEVEL', ['verbose', 'INFO', '']],
    ['data', 'TRACKERBT_DATA', ['', 'a\nb', 'a\0b']],
    ['admin.listen', 'TRACKERBT_ADMIN_LISTEN', ['*', 'on', '70000']],
    ['http.listen', 'TRACKERBT_HTTP_LISTEN', ['1,1', 'off,1', '1,']],
    [
      'http.trustedProxies',
      'TRACKERBT_HTTP_TRUSTED_PROXIES',
      ['10.0/8', '010.0.0.0/8', '10.0.0.0/33', 'x/8', '::/129', 'off'],
    ],
    [
      'http.announcePaths',
      'TRACKERBT_HTTP_ANNOUNCE_PATHS',
      ['', 'announce', '/', '/a//b', '/a?b', '/../a', '/{key}/{key}', '/x{key}', '/a/', '/%41'],
    ],
    ['advertise', 'TRACKERBT_ADVERTISE', ['a b', '1.2.3', '-a.example', '[::1]', 'a..b', 'x:1']],
  ])('bounds %s', (path, name, texts) => {
    for (const text of texts) {
      const problems = problemsOf({ env: { [name]: text } });
      expect(problems, text).toHaveLength(1);
      expect(problems[0].startsWith(`${name}: ${path}`), problems[0]).toBe(true);
    }
  });

  it.each([
    ['http.trustedProxies', 'TRACKERBT_HTTP_TRUSTED_PROXIES', '10.0.0.0/8, ::1/128, 192.0.2.1'],
    [
      'http.announcePaths',
      'TRACKERBT_HTTP_ANNOUNCE_PATHS',
      '/announce,/announce.php,/{key}/announce',
    ],
    ['advertise', 'TRACKERBT_ADVERTISE', '192.0.2.1,2001:db8::1,tracker.example,localhost'],
    ['udp.listen', 'TRACKERBT_UDP_LISTEN', '127.0.0.1:0,127.0.0.1:0'],
  ])('takes lists for %s', (path, name, text) => {
    const [section, key] = path.split('.');
    const config: object = loadConfig({ env: { [name]: text } });
    const value = (config as Record<string, Record<string, unknown>>)[section];
    expect(key === undefined ? value : value[key]).toEqual(
      text.split(',').map((item) => item.trim()),
    );
  });

  it('checks relations on the loaded values and blames the strongest source', () => {
    const file = fileOf('announce: {minIntervalSeconds: 900, peerTtlSeconds: 3600}\n', 'yaml');
    expect(problemsOf({ file })).toEqual([]);
    expect(problemsOf({ file, flags: flagSettings({ interval: '600' }) })).toEqual([
      '--interval: announce.intervalSeconds: expected announce.minIntervalSeconds (900) to be at most announce.intervalSeconds (600)',
    ]);
    const env = { TRACKERBT_ANNOUNCE_PEER_TTL_SECONDS: '1980' };
    expect(problemsOf({ env })).toEqual([
      expect.stringMatching(
        /^TRACKERBT_ANNOUNCE_PEER_TTL_SECONDS: announce.peerTtlSeconds: expected .*\(1980: /,
      ),
    ]);
    expect(problemsOf({ env: { TRACKERBT_ANNOUNCE_PEER_TTL_SECONDS: '1981' } })).toEqual([]);
    expect(problemsOf({ env: { TRACKERBT_ANNOUNCE_NUMWANT_MAX: '10' } })).toHaveLength(1);
    expect(problemsOf({ env: { TRACKERBT_HTTP_PROXY_PROTOCOL: 'true' } })).toHaveLength(1);
    const shards = { TRACKERBT_STORE_SHARDS: '1024', TRACKERBT_LIMITS_SWARMS_MAX: '1000' };
    expect(problemsOf({ env: shards })).toHaveLength(1);
  });

  it.each([
    ['*:8443', '*:8443', true],
    ['*:8443', '[::1]:8443', true],
    ['127.0.0.1:8443', '0.0.0.0:8443', true],
    ['[::]:8443', '[::1]:8443', true],
    ['[::]:8443', '127.0.0.1:8443', false],
    ['127.0.0.1:8443', '127.0.0.2:8443', false],
    ['127.0.0.1:8443', '127.0.0.1:8444', false],
    ['*:0', '*:0', false],
  ])('knows whether http.listen %s and https.listen %s are one address', (http, https, clashes) => {
    const tree = {
      http: { listen: [http] },
      https: { listen: [https], certFile: 'c', keyFile: 'k' },
    };
    const file = fileOf(JSON.stringify(tree), 'json');
    const problem = expect.stringContaining(`no address in common; both have ${https}`);
    expect(problemsOf({ file })).toEqual(clashes ? [problem] : []);
  });

  it('says nothing about the relations of a value that is wrong by itself', () => {
    const env = {
      TRACKERBT_ANNOUNCE_INTERVAL_SECONDS: 'x',
      TRACKERBT_ANNOUNCE_MIN_INTERVAL_SECONDS: '9000',
    };
    expect(problemsOf({ env })).toHaveLength(1);
  });

  it('lists at most a hundred problems and counts the rest', () => {
    const lines = Array.from({ length: 150 }, (_, i) => `q${i}: 1`);
    const problems = problemsOf({ file: fileOf(lines.join('\n'), 'yaml') });
    expect(problems).toHaveLength(101);
    expect(problems[100]).toBe('and 50 more problems');
  });
});

describe('files that cannot be used', () => {
  it('says that a file is missing, or is a directory, or has no known extension', () => {
    expect(problemsOf({ file: join(directory, 'none.yaml') })).toEqual([
      'FILE: cannot be read: there is no such file',
    ]);
    const nested = mkdtempSync(join(directory, 'x-'));
    const asFile = `${nested}/.yaml`;
    writeFileSync(asFile, '');
    expect(problemsOf({ file: nested })).toEqual([
      'FILE: the name of the file must end in .xml, .yaml, .yml or .json',
    ]);
    expect(problemsOf({ file: '/dev/zero' })).toHaveLength(1);
  });

  it('refuses a file of more than a mebibyte, and takes one of exactly that', () => {
    const full = '#'.padEnd(FILE_BYTES_MAX, ' ');
    expect(problemsOf({ file: fileOf(full, 'yaml') })).toEqual([]);
    expect(problemsOf({ file: fileOf(`${full} `, 'yaml') })).toEqual([
      'FILE: is larger than 1024 KiB',
    ]);
  });

  it('refuses what is not UTF-8, and takes a byte order mark', () => {
    expect(problemsOf({ file: fileOf(new Uint8Array([0xff, 0xfe, 0, 65]), 'yaml') })).toEqual([
      'FILE: is not UTF-8 text',
    ]);
    for (const [text, extension] of [
      ['\uFEFF<trackerbt/>', 'xml'],
      ['\uFEFFworkers: 1', 'yaml'],
      ['\uFEFF{}', 'json'],
    ]) {
      expect(problemsOf({ file: fileOf(text, extension) })).toEqual([]);
    }
  });

  it('cannot reach a prototype in any format', () => {
    const json =
      '{"__proto__": {"polluted": 1}, "http": {"constructor": {"prototype": {"polluted": 1}}}}';
    const yaml = '__proto__: {polluted: 1}\nhttp: {constructor: {prototype: {polluted: 1}}}\n';
    const xml = '<trackerbt><__proto__><polluted>1</polluted></__proto__></trackerbt>';
    for (const [text, extension] of [
      [json, 'json'],
      [yaml, 'yaml'],
    ]) {
      expect(problemsOf({ file: fileOf(text, extension) })).toEqual([
        'FILE: __proto__: is not a setting',
        'FILE: http.constructor: is not a setting',
      ]);
    }
    expect(problemsOf({ file: fileOf(xml, 'xml') })).toHaveLength(1);
    expect(problemsOf({ env: { TRACKERBT___PROTO__: 'x', TRACKERBT_: 'y' } })).toHaveLength(2);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(defaultConfig()).not.toHaveProperty('polluted');
  });
});
