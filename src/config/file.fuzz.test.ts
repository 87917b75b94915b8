import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { defaultConfig, loadConfig } from './load.js';
import { PRINT_FORMATS, printConfig } from './print.js';
import { ConfigError } from './problem.js';

const seed = process.env.SEED === undefined ? Date.now() >>> 0 : Number(process.env.SEED);
const directory = mkdtempSync(join(tmpdir(), 'trackerbt-fuzz-'));
afterAll(() => rmSync(directory, { recursive: true }));

const FILES = 2_000;
const TOKENS = [
  '<',
  '>',
  '</',
  '<!--',
  '-->',
  '<![CDATA[',
  '<!DOCTYPE a [',
  '&',
  '&lt;',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  ':',
  ',',
  '- ',
  '\n',
  '\t',
  '\0',
  '//',
  '*a',
  '&a ',
  '!!',
  '%',
  '---\n',
  '...\n',
  '|\n',
  '>\n',
  '? ',
  '<<: ',
  '__proto__',
  '\u2028',
  '1e999',
  '-',
  '\uFEFF',
  ' '.repeat(70),
  '['.repeat(40),
];

/** Numbers from 0 to below `limit`, the same for the same seed (mulberry32). */
function randomFrom(start: number): (limit: number) => number {
  let state = start | 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * limit);
  };
}

/** Cuts, copies, overwrites and inserts at random places, so that much of the file stays valid. */
function mutate(original: Buffer, random: (limit: number) => number): Buffer {
  let bytes = original;
  const edits = 1 + random(4);
  for (let i = 0; i < edits; i++) {
    const at = random(bytes.length + 1);
    const end = Math.min(bytes.length, at + random(40));
    const head = bytes.subarray(0, at);
    const kind = random(5);
    if (kind === 0) bytes = Buffer.concat([head, bytes.subarray(end)]);
    else if (kind === 1) bytes = Buffer.concat([head, bytes.subarray(at, end), bytes.subarray(at)]);
    else if (kind === 2)
      bytes = Buffer.concat([head, Buffer.from([random(256)]), bytes.subarray(end)]);
    else if (kind === 3) bytes = head.length > 0 ? head : bytes;
    else
      bytes = Buffer.concat([head, Buffer.from(TOKENS[random(TOKENS.length)]), bytes.subarray(at)]);
  }
  return bytes;
}

/** The problems of one file; anything thrown but a `ConfigError` is a bug. */
function load(file: string): number {
  try {
    expect(Object.isFrozen(loadConfig({ file }))).toBe(true);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) expect(problem.message.length).toBeLessThan(600);
    return error.problems.length;
  }
}

describe(`mutated files (SEED=${seed})`, () => {
  it.each(PRINT_FORMATS)('are loaded or refused with a ConfigError, as %s', (format) => {
    const random = randomFrom(seed);
    const original = Buffer.from(printConfig(defaultConfig(), format));
    let refused = 0;
    for (let i = 0; i < FILES / PRINT_FORMATS.length; i++) {
      const file = join(directory, `config.${format}`);
      writeFileSync(file, mutate(original, random));
      if (load(file) > 0) refused++;
    }
    // Both outcomes must occur, or the mutations test nothing.
    expect(refused).toBeGreaterThan(50);
    expect(refused).toBeLessThan(FILES / PRINT_FORMATS.length);
  });

  it.each([...PRINT_FORMATS, 'yml'])('of pure noise are refused, as %s', (format) => {
    const random = randomFrom(seed);
    const file = join(directory, `noise.${format}`);
    for (let i = 0; i < 100; i++) {
      writeFileSync(
        file,
        Uint8Array.from({ length: 1 + random(2_000) }, () => random(256)),
      );
      load(file);
      const words = Array.from({ length: 1 + random(60) }, () => TOKENS[random(TOKENS.length)]);
      writeFileSync(file, words.join(''));
      load(file);
    }
  });
});
