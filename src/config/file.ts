import { closeSync, openSync, readSync } from 'node:fs';
import { extname } from 'node:path';
import { reasonOf } from '../lib/reason.js';
import { parseJson } from './json.js';
import { Layer } from './layer.js';
import type { ProblemList } from './problem.js';
import { SyntaxProblem } from './syntax.js';
import type { Tree, Typing } from './tree.js';
import { parseXml, type XmlReport } from './xml.js';
import { parseYaml } from './yaml.js';

/** Largest configuration file. */
export const FILE_BYTES_MAX = 1024 * 1024;

interface Format {
  readonly typing: Typing;
  readonly parse: (text: string, report: XmlReport) => Tree;
}

const YAML: Format = { typing: 'typed', parse: parseYaml };
const FORMATS: ReadonlyMap<string, Format> = new Map([
  ['.xml', { typing: 'textual', parse: parseXml }],
  ['.yaml', YAML],
  ['.yml', YAML],
  ['.json', { typing: 'typed', parse: parseJson }],
]);

/** Reads a file's settings. Whatever is wrong with it goes to `problems`; nothing is thrown. */
export function readConfigFile(file: string, problems: ProblemList): Layer {
  const layer = new Layer();
  const format = FORMATS.get(extname(file).toLowerCase());
  if (format === undefined) {
    problems.add(file, '', 'the name of the file must end in .xml, .yaml, .yml or .json');
    return layer;
  }
  const text = readText(file, problems);
  if (text === undefined) return layer;
  try {
    const tree = format.parse(text, (path, message) => problems.add(file, path, message));
    layer.takeTree(tree, format.typing, file, problems);
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    problems.add(file, '', error.message);
  }
  return layer;
}

function readText(file: string, problems: ProblemList): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readBounded(file);
  } catch (error) {
    problems.add(file, '', `cannot be read: ${readProblem(error)}`);
    return undefined;
  }
  if (bytes.length > FILE_BYTES_MAX) {
    problems.add(file, '', `is larger than ${FILE_BYTES_MAX / 1024} KiB`);
    return undefined;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    problems.add(file, '', 'is not UTF-8 text');
    return undefined;
  }
}

/** At most one byte more than is allowed, also from a device or a pipe that never ends. */
function readBounded(file: string): Uint8Array {
  const buffer = new Uint8Array(FILE_BYTES_MAX + 1);
  const descriptor = openSync(file, 'r');
  try {
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

function readProblem(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) return reasonOf(error);
  return REASONS[code] ?? code;
}
