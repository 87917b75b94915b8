import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import { LIST_PROBLEMS_MAX, ListFile, ListLines, type ListVisitor } from './list-file.js';

const HEX = '0123456789abcdef0123456789abcdef01234567';
const BASE32 = 'AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH';

function read(text: string | Uint8Array, entriesMax = 100, pieceBytes = 1_000_000) {
  const bytes = Buffer.from(text);
  const found: [string, string][] = [];
  const visitor: ListVisitor = (hash, reason) => {
    found.push([Buffer.from(hash).toString('hex'), reason]);
  };
  const list = new ListLines({ entriesMax }, visitor);
  for (let at = 0, piece = pieceBytes; !list.ended; ) {
    const taken = list.take(bytes.subarray(at, at + piece), at + piece >= bytes.length);
    at += taken;
    // A line that does not fit comes again with what follows.
    piece = taken === 0 ? piece + 1 : pieceBytes;
  }
  return { found, problems: list.problems, total: list.problemsTotal };
}

describe('a list file', () => {
  it.each([
    ['hexadecimal', HEX],
    ['hexadecimal in capitals', HEX.toUpperCase()],
    ['base32', BASE32],
    ['base32 in small letters', BASE32.toLowerCase()],
    ['spaces around it', ` \t${HEX} \t`],
    ['a byte order mark', `\ufeff${HEX}`],
    ['CRLF', `\r\n${HEX}\r\n\r\n`],
    ['comments and blank lines', `# why\n\n  # more\n${HEX}\n#`],
  ])('%s', (_name, text) => {
    expect(read(text)).toEqual({ found: [[HEX, '']], problems: [], total: 0 });
  });

  it('has the reason behind the info hash', () => {
    const text = `${HEX}  a  reason\t\u00e9 \r\n${BASE32} # another\n${HEX}\n`;
    const reasons = ['a reason \u00e9', 'another', ''];
    expect(read(text).found).toEqual(reasons.map((reason) => [HEX, reason]));
  });

  it.each([
    ['too short', HEX.slice(1), /found 39 characters/],
    ['a v2 info hash', HEX + HEX.slice(16), /give the first 40/],
    ['no hexadecimal digit', `${HEX.slice(1)}g`, /^character 40 .* no hexadecimal digit/],
    ['no base32 digit', BASE32.replace('4', '1'), /no base32 digit/],
    ['a digit that is no ASCII', Buffer.from(`${HEX.slice(2)}\u00e9`), /no hexadecimal digit/],
  ])('names the line of what is %s', (_name, line, problem) => {
    const bytes = Buffer.concat([Buffer.from(`# x\r\n${HEX}\r\n`), Buffer.from(line)]);
    const { found, problems } = read(bytes);
    expect(found).toHaveLength(1);
    expect(problems).toEqual([{ line: 3, problem: expect.stringMatching(problem) }]);
  });

  it('names a bounded number of problems and counts the others', () => {
    const { problems, total } = read('x\n'.repeat(1_000));
    expect([problems.length, total]).toEqual([LIST_PROBLEMS_MAX, 1_000]);
  });

  it('has no more info hashes than the list has room', () => {
    expect(read(`${HEX}\n`.repeat(100)).problems).toEqual([]);
    const { problems } = read(`${HEX}\n`.repeat(200));
    expect(problems).toEqual([{ line: 101, problem: expect.stringContaining('more than 100') }]);
  });

  it('of any bytes is read without an error, and in any pieces the same', () => {
    const seed = testSeed();
    const random = new Prng(seed);
    for (let run = 0; run < 300; run++) {
      const bytes = new Uint8Array(random.below(500));
      random.fill(bytes);
      if (random.chance(0.5)) bytes.set(Buffer.from(`${HEX} `).subarray(0, bytes.length));
      const whole = read(bytes);
      expect(read(bytes, 100, 1 + random.below(60)), `seed ${seed}`).toEqual(whole);
    }
  });
});

describe('reading from disk', () => {
  const directory = mkdtempSync(join(tmpdir(), 'trackerbt-list-file-'));
  const path = join(directory, 'list');
  afterAll(() => rmSync(directory, { recursive: true }));

  async function readAll(entriesMax: number): Promise<string[]> {
    const file = await ListFile.open(path, { entriesMax });
    try {
      const found: string[] = [];
      await file.each((hash, reason) => found.push(Buffer.from(hash).toString('hex') + reason));
      expect(file.count).toBe(found.length);
      return found;
    } finally {
      await file.close();
    }
  }

  it('takes a million lines', async () => {
    const million = 1_000_000;
    const hashes = Array.from({ length: million }, (_, i) => i.toString(16).padStart(40, '0'));
    writeFileSync(path, hashes.join('\n'));
    expect(await readAll(million)).toEqual(hashes);
  });

  it('says which lines are wrong', async () => {
    writeFileSync(path, 'x\n'.repeat(30));
    await expect(readAll(10)).rejects.toMatchObject({
      code: 'list_file_invalid',
      message: expect.stringMatching(/list: line 1: .*; line 20: .*; and 10 more$/),
    });
  });

  it('names a line without end, and the right lines behind it', async () => {
    writeFileSync(path, `\n${HEX} ${'x'.repeat(400_000)}\n${HEX}\nx\n`);
    await expect(readAll(10)).rejects.toMatchObject({
      message: expect.stringMatching(/: line 2: longer than \d+ bytes; line 4: expected [^;]*$/),
    });
  });

  it('is not taken for whole when it changes while it is read', async () => {
    writeFileSync(path, `${HEX}\n`.repeat(3));
    const file = await ListFile.open(path, { entriesMax: 10 });
    writeFileSync(path, `${HEX}\n`);
    await expect(file.each(() => {})).rejects.toMatchObject({ code: 'list_file_unusable' });
    await file.close();
  });

  it.each([
    ['is missing', 'nothing'],
    ['is a directory', '.'],
  ])('says that a file %s', async (_name, name) => {
    const opening = ListFile.open(join(directory, name), { entriesMax: 10 });
    await expect(opening).rejects.toMatchObject({ code: 'list_file_unusable' });
  });

  it('refuses a file that cannot be a list of that size', async () => {
    writeFileSync(path, Buffer.alloc(2 * 1024 * 1024));
    await expect(readAll(10)).rejects.toMatchObject({ code: 'list_file_unusable' });
  });
});
