import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { addConfigOptions, flagSettings, loadConfig } from '../config/index.js';
import { configCommand } from './config.js';

const directory = mkdtempSync(join(tmpdir(), 'trackerbt-cli-'));
afterAll(() => rmSync(directory, { recursive: true }));

function run(args: readonly string[], env: Record<string, string> = {}) {
  const result = { stdout: '', stderr: '', code: 0 };
  const command = configCommand({
    stdout: { write: (text) => (result.stdout += text) },
    stderr: { write: (text) => (result.stderr += text) },
    env,
    exit: (code) => {
      result.code = code;
    },
  });
  command.parse([...args], { from: 'user' });
  return result;
}

function fileOf(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

describe('trackerbt config print', () => {
  it.each(['xml', 'yaml', 'json'])('prints %s with file and environment in effect', (format) => {
    const file = fileOf('in.json', '{"workers": 3, "name": "file"}');
    const args = ['print', '--format', format, '--config', file];
    const { stdout, stderr, code } = run(args, { TRACKERBT_NAME: 'environment' });
    expect([stderr, code]).toEqual(['', 0]);
    const printed = fileOf(`out.${format}`, stdout);
    expect(loadConfig({ file: printed })).toMatchObject({ workers: 3, name: 'environment' });
  });

  it('prints YAML unless told otherwise', () => {
    expect(run(['print']).stdout).toContain('\nworkers: 0\n');
  });

  it('prints problems on standard error and nothing else', () => {
    const { stdout, stderr, code } = run(['print'], { TRACKERBT_WORKERS: 'x', TRACKERBT_IO: 'y' });
    expect([stdout, code]).toEqual(['', 1]);
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
  });
});

describe('trackerbt config check', () => {
  it('says ok for a valid file, whatever the environment', () => {
    const file = fileOf('good.yaml', 'workers: 1\n');
    const { stdout, code } = run(['check', file], { TRACKERBT_WORKERS: 'x' });
    expect([stdout, code]).toEqual([`${file}: ok\n`, 0]);
  });

  it('lists every problem and ends with code 1', () => {
    const file = fileOf('bad.yaml', 'workers: x\nlog: {levle: info}\n');
    const { stdout, code } = run(['check', file]);
    expect(code).toBe(1);
    expect(stdout).toBe(
      `${file}: workers: expected a whole number from 0 to 256; 0 chooses by the number of cores; got "x"\n` +
        `${file}: log.levle: is not a setting; did you mean level?\n`,
    );
  });
});

describe('trackerbt config schema', () => {
  it('prints a JSON Schema with every section, closed but for comments', () => {
    const schema = JSON.parse(run(['schema']).stdout);
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: ['object', 'null'],
      additionalProperties: false,
      patternProperties: { '^//': {} },
    });
    expect(schema.required).toBeUndefined();
    const { http, limits } = schema.properties;
    expect(limits.properties.peersMax).toEqual({
      default: 10_000_000,
      description: expect.any(String),
      type: 'integer',
      minimum: 1_000,
      maximum: 450_000_000,
    });
    expect(http.additionalProperties).toBe(false);
    // What loads must fit: a section in YAML whose lines are all comments is null.
    expect(http.type).toEqual(['object', 'null']);
    expect(http.properties.listen.anyOf).toEqual([
      { type: 'array', items: { type: 'string' }, maxItems: 256 },
      { const: 'off' },
    ]);
  });
});

describe('addConfigOptions', () => {
  const parse = (args: string[]) => {
    const command = addConfigOptions(new Command('tracker')).parse(args, { from: 'user' });
    return flagSettings(command.opts());
  };

  it('turns every flag into its setting', () => {
    const args =
      '--config f --data d --admin off --log-level warn --name n --user u --advertise a.example --advertise ::1 --http 1 --http off --udp *:2 --workers 4 --io fast --interval 30 --peer-ttl 60';
    const settings = parse(args.replace(' --http off', '').split(' '));
    expect(loadConfig({ flags: settings })).toMatchObject({
      data: 'd',
      name: 'n',
      user: 'u',
      advertise: ['a.example', '::1'],
      workers: 4,
      io: 'fast',
      log: { level: 'warn' },
      admin: { listen: 'off' },
      http: { listen: ['1'] },
      udp: { listen: ['*:2'] },
      announce: { intervalSeconds: 30, peerTtlSeconds: 60 },
    });
    expect(settings).toHaveLength(12);
  });

  it('takes a flag without a value for a yes', () => {
    const settings = parse(['--public-page', '--data', 'd']);
    expect(loadConfig({ flags: settings })).toMatchObject({
      data: 'd',
      http: { publicPage: true },
    });
  });

  it('sets nothing that was not given', () => {
    expect(parse([])).toEqual([]);
  });

  it('refuses off beside an address', () => {
    const flags = parse(['--http', '1', '--http', 'off']);
    expect(() => loadConfig({ flags })).toThrow(/^--http: http.listen\[1\]: expected ADDR:PORT/);
  });
});
