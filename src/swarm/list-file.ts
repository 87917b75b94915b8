/**
 * Reads a file of info hashes that an operator wrote:
 *
 * ```
 * # a comment
 * 0123456789abcdef0123456789abcdef01234567                       40 hexadecimal digits
 * AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH    court order 12/345         32 characters of base32, and a reason
 * ```
 *
 * One info hash a line, in either case; text behind it, if any, is the reason. Lines end as on any
 * system. A file with a problem is refused as a whole: half a list is not what its writer meant.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { reasonOf } from '../lib/reason.js';
import { cleanReason, REASON_LENGTH_MAX } from './list-reasons.js';

export const LIST_FILE_ERROR_CODES = [
  /** The file cannot be read, or is larger than a list can be. */
  'list_file_unusable',
  /** Lines of the file are no info hashes, or there are too many. */
  'list_file_invalid',
] as const;
export type ListFileErrorCode = (typeof LIST_FILE_ERROR_CODES)[number];

/** A list file that cannot be taken. `message` is for the operator and names the first problems. */
export class ListFileError extends Error {
  override name = 'ListFileError';
  constructor(
    readonly code: ListFileErrorCode,
    message: string,
  ) {
    super(message);
  }
}

export interface ListFileOptions {
  /** Most info hashes in it. */
  readonly entriesMax: number;
}

/** Problems that are named; more are counted. */
export const LIST_PROBLEMS_MAX = 20;
/** Read in one go, some thousand lines; and the longest line. */
const PIECE_BYTES = 128 * 1024;
/** Bytes of a line, on average, above which a file is no list. */
const LINE_BYTES = 256;
const FILE_BYTES_MIN = 1024 * 1024;

const LF = 0x0a;
const HASH_SIGN = 0x23;
const DECODER = new TextDecoder();
/** Value of each digit by its code, -1 for what is none. */
const HEX = digits('0123456789abcdef');
const BASE32 = digits('abcdefghijklmnopqrstuvwxyz234567');

/** Is given each info hash, good until it returns, and the reason. */
export type ListVisitor = (hash: Uint8Array, reason: string) => void;

/**
 * A file that was read once, from end to end, and found to be a list. It is read a second time for
 * its content, so that a list of millions needs no memory; both times others have their turn every
 * few thousand lines.
 */
export class ListFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #options: ListFileOptions;
  #count = 0;

  private constructor(path: string, file: FileHandle, options: ListFileOptions) {
    this.#path = path;
    this.#file = file;
    this.#options = options;
  }

  /** Opens and checks a file. Throws ListFileError. */
  static async open(path: string, options: ListFileOptions): Promise<ListFile> {
    const list = new ListFile(path, await openFile(path), options);
    try {
      await list.#check();
    } catch (error) {
      await list.close();
      throw error;
    }
    return list;
  }

  /** Lines with an info hash; one may be named twice. */
  get count(): number {
    return this.#count;
  }

  /** Visits all of them. Throws ListFileError when the file changed meanwhile, not all being visited. */
  async each(visitor: ListVisitor): Promise<void> {
    const lines = await this.#read(visitor);
    if (lines.count === this.#count && lines.problemsTotal === 0) return;
    throw unusable(this.#path, 'it changed while it was read');
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #check(): Promise<void> {
    const { size } = await this.#file.stat();
    if (size > FILE_BYTES_MIN + this.#options.entriesMax * LINE_BYTES) {
      throw unusable(this.#path, `${size} bytes are too many; see lists.entriesMax`);
    }
    const { count, problems, problemsTotal } = await this.#read();
    this.#count = count;
    if (problemsTotal === 0) return;
    const named = problems.map(({ line, problem }) => `line ${line}: ${problem}`);
    if (problemsTotal > named.length) named.push(`and ${problemsTotal - named.length} more`);
    throw new ListFileError('list_file_invalid', `${this.#path}: ${named.join('; ')}`);
  }

  async #read(visitor?: ListVisitor): Promise<ListLines> {
    const lines = new ListLines(this.#options, visitor);
    const buffer = Buffer.allocUnsafe(PIECE_BYTES);
    let held = 0;
    for (let at = 0; !lines.ended; ) {
      const bytesRead = await this.#readPiece(buffer, held, at);
      at += bytesRead;
      held += bytesRead;
      const taken = lines.take(buffer.subarray(0, held), bytesRead === 0);
      buffer.copyWithin(0, taken, held);
      held -= taken;
    }
    return lines;
  }

  async #readPiece(buffer: Buffer, from: number, position: number): Promise<number> {
    try {
      return (await this.#file.read(buffer, from, buffer.length - from, position)).bytesRead;
    } catch (error) {
      throw unusable(this.#path, reasonOf(error));
    }
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // A pipe would keep whoever opens it waiting.
    if ((await stat(path)).isFile()) return await open(path, 'r');
  } catch (error) {
    throw unusable(path, reasonOf(error));
  }
  throw unusable(path, 'it is no file');
}

function unusable(path: string, reason: string): ListFileError {
  return new ListFileError('list_file_unusable', `cannot use the list ${path}: ${reason}`);
}

/** Finds info hashes in text that comes in pieces. */
export class ListLines {
  /** Info hashes found. */
  count = 0;
  /** All was taken, or so much of it that it is no list. */
  ended = false;
  /** The first problems, by line number from 1. */
  readonly problems: { readonly line: number; readonly problem: string }[] = [];
  problemsTotal = 0;
  readonly #visitor: ListVisitor | undefined;
  readonly #entriesMax: number;
  readonly #hash = new Uint8Array(20);
  #bytes: Uint8Array = new Uint8Array(0);
  #line = 0;
  /** In a line that is too long. */
  #skips = false;

  constructor({ entriesMax }: ListFileOptions, visitor?: ListVisitor) {
    this.#entriesMax = entriesMax;
    this.#visitor = visitor;
  }

  /**
   * Takes the lines of a piece and returns how many bytes these are; the others are to come again, at
   * the beginning of the next piece. The last piece is taken whole.
   */
  take(bytes: Uint8Array, isLast: boolean): number {
    this.#bytes = bytes;
    let at = 0;
    const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    if (this.#line === 0 && hasMark) at = 3;
    while (at < bytes.length && !this.ended) {
      const end = bytes.indexOf(LF, at);
      if (end < 0 && !isLast) break;
      const next = end < 0 ? bytes.length : end;
      this.#line++;
      if (!this.#skips) this.#takeLine(at, next);
      this.#skips = false;
      at = next + 1;
    }
    if (isLast) this.ended = true;
    else if (at === 0 && bytes.length === PIECE_BYTES) return this.#skip();
    return Math.min(at, bytes.length);
  }

  /** Lets go of the part of a line that fills the whole piece. */
  #skip(): number {
    this.#line++;
    if (!this.#skips) this.#note(`longer than ${PIECE_BYTES} bytes`);
    this.#line--;
    this.#skips = true;
    return PIECE_BYTES;
  }

  #takeLine(from: number, to: number): void {
    const bytes = this.#bytes;
    let start = from;
    let end = to;
    while (start < end && isSpace(bytes[start])) start++;
    while (end > start && isSpace(bytes[end - 1])) end--;
    if (start === end || bytes[start] === HASH_SIGN) return;
    let wordEnd = start;
    while (wordEnd < end && !isSpace(bytes[wordEnd])) wordEnd++;
    if (!this.#readHash(start, wordEnd)) return;
    if (this.count === this.#entriesMax) {
      this.#note(`more than ${this.#entriesMax} info hashes; see lists.entriesMax`);
      this.ended = true;
      return;
    }
    this.count++;
    if (this.#visitor === undefined) return;
    while (wordEnd < end && (isSpace(bytes[wordEnd]) || bytes[wordEnd] === HASH_SIGN)) wordEnd++;
    // Longer ones are cut anyhow.
    const reason = bytes.subarray(wordEnd, Math.min(end, wordEnd + 4 * REASON_LENGTH_MAX));
    this.#visitor(this.#hash, reason.length === 0 ? '' : cleanReason(DECODER.decode(reason)));
  }

  /** Reads a hash; notes a problem and returns false for what is none. */
  #readHash(start: number, end: number): boolean {
    const length = end - start;
    const [table, bits] = length === 40 ? [HEX, 4] : [BASE32, 5];
    if (length !== 40 && length !== 32) {
      const what = length === 64 ? ' (of a v2 info hash, give the first 40)' : '';
      this.#note(
        `expected 40 hexadecimal digits or 32 of base32, found ${length} characters${what}`,
      );
      return false;
    }
    let at = 0;
    let value = 0;
    let held = 0;
    for (let i = start; i < end; i++) {
      const digit = table[this.#bytes[i]];
      if (digit < 0) {
        const name = bits === 4 ? 'hexadecimal' : 'base32';
        this.#note(`character ${i - start + 1} of the info hash is no ${name} digit`);
        return false;
      }
      value = ((value << bits) | digit) & 0xfff;
      held += bits;
      if (held >= 8) {
        held -= 8;
        this.#hash[at++] = value >>> held;
      }
    }
    return true;
  }

  #note(problem: string): void {
    this.problemsTotal++;
    if (this.problems.length < LIST_PROBLEMS_MAX) this.problems.push({ line: this.#line, problem });
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

function digits(alphabet: string): Int8Array {
  const table = new Int8Array(256).fill(-1);
  for (let i = 0; i < alphabet.length; i++) {
    table[alphabet.charCodeAt(i)] = i;
    table[alphabet.toUpperCase().charCodeAt(i)] = i;
  }
  return table;
}
