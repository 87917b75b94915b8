/**
 * JSON (RFC 8259), strictly: whatever this accepts, `JSON.parse` accepts. It differs in telling the
 * line and column of an error, in refusing a key that is given twice, and in dropping comments:
 * members whose key starts with two slashes, and `$schema` at the top.
 */
import { SyntaxProblem } from './syntax.js';
import { TREE_DEPTH_MAX, type Tree, type TreeMap } from './tree.js';

/** Parses a whole file. Throws `SyntaxProblem`. */
export function parseJson(text: string): Tree {
  const reader = new JsonReader(text);
  const tree = reader.readDocument();
  if (tree instanceof Map) tree.delete('$schema');
  return tree;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const BLANK = /[ \t\r\n]*/y;

class JsonReader {
  private at = 0;
  constructor(private readonly text: string) {}

  readDocument(): Tree {
    const tree = this.readValue(0);
    this.skipBlank();
    if (this.at < this.text.length) throw this.unexpected('the end of the file');
    return tree;
  }

  private readValue(depth: number): Tree {
    if (depth > TREE_DEPTH_MAX) throw this.problem('nested too deeply');
    this.skipBlank();
    const char = this.text[this.at];
    if (char === '{') return this.readObject(depth);
    if (char === '[') return this.readArray(depth);
    if (char === '"') return this.readString();
    if (this.takeWord('true')) return true;
    if (this.takeWord('false')) return false;
    if (this.takeWord('null')) return null;
    return this.readNumber();
  }

  private readObject(depth: number): TreeMap {
    const map: TreeMap = new Map();
    this.at++;
    if (this.takeChar('}')) return map;
    do {
      this.skipBlank();
      const keyAt = this.at;
      if (this.text[keyAt] !== '"') throw this.unexpected('a name in double quotes');
      const key = this.readString();
      if (!this.takeChar(':')) throw this.unexpected("':'");
      const value = this.readValue(depth + 1);
      if (key.startsWith('//')) continue;
      if (map.has(key))
        throw SyntaxProblem.at(this.text, keyAt, `${JSON.stringify(key)} is repeated`);
      map.set(key, value);
    } while (this.takeChar(','));
    if (!this.takeChar('}')) throw this.unexpected("',' or '}'");
    return map;
  }

  private readArray(depth: number): Tree[] {
    const items: Tree[] = [];
    this.at++;
    if (this.takeChar(']')) return items;
    do items.push(this.readValue(depth + 1));
    while (this.takeChar(','));
    if (!this.takeChar(']')) throw this.unexpected("',' or ']'");
    return items;
  }

  private readString(): string {
    const start = this.at;
    let end = start + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === '\\' ? 2 : 1;
    if (end >= this.text.length) throw this.problem('this text has no closing quote');
    this.at = end + 1;
    try {
      return JSON.parse(this.text.slice(start, end + 1)) as string;
    } catch {
      throw SyntaxProblem.at(this.text, start, 'bad escape or control character in this text');
    }
  }

  private readNumber(): number {
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (match === null) throw this.unexpected('a value');
    this.at = NUMBER.lastIndex;
    return Number(match[0]);
  }

  private takeWord(word: string): boolean {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  private takeChar(char: string): boolean {
    this.skipBlank();
    if (this.text[this.at] !== char) return false;
    this.at++;
    return true;
  }

  private skipBlank(): void {
    BLANK.lastIndex = this.at;
    BLANK.exec(this.text);
    this.at = BLANK.lastIndex;
  }

  private problem(message: string): SyntaxProblem {
    return SyntaxProblem.at(this.text, this.at, message);
  }

  private unexpected(wanted: string): SyntaxProblem {
    const char = this.text[this.at];
    const got = char === undefined ? 'the end of the file' : JSON.stringify(char);
    return this.problem(`expected ${wanted}; got ${got}`);
  }
}
