/**
 * YAML 1.2, core schema. Keys are texts and given once; aliases work, but the file may not grow
 * through them; tags, directives and several documents are refused: they change what values mean.
 */
import type { Document, Node, YAMLMap } from 'yaml';
import { yamlLibrary } from './file-libraries.js';
import { SyntaxProblem } from './syntax.js';
import { TREE_DEPTH_MAX, type Tree, type TreeMap } from './tree.js';

/** Values in one file, those behind aliases counted each time: bounds what aliases can do. */
const NODES_MAX = 10_000;

/** Parses a whole file; an empty one is an empty section. Throws `SyntaxProblem`. */
export function parseYaml(text: string): Tree {
  const { LineCounter, parseDocument } = yamlLibrary();
  const lines = new LineCounter();
  refuseForbidden(text);
  // Repeated keys are looked for below: the library compares each key with every other.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'error',
  });
  const flaw = document.errors[0] ?? document.warnings[0];
  if (flaw !== undefined) {
    const { line, col } = lines.linePos(flaw.pos[0]);
    const isSecond = flaw.code === 'MULTIPLE_DOCS';
    const message = isSecond ? 'a second document is not accepted' : flaw.message;
    throw new SyntaxProblem(`line ${line}, column ${col}: ${message}`);
  }
  const content: Node | null = document.contents;
  return content === null ? new Map() : new YamlReader(document, text).read(content, 0);
}

// Lexemes that stand for no text: the next one is a scalar's text, whatever that looks like; a
// document begins; open brackets are given up.
const SCALAR_FOLLOWS = '\u001f';
const DOCUMENT_BEGINS = '\u0002';
const BRACKETS_END = '\u0018';
/** Deepest indentation, in spaces; a line can nest no deeper than it is indented. */
const INDENT_MAX = 64;

/** Lexemes in one file: a printed configuration has about a thousand. */
const LEXEMES_MAX = 50_000;

/**
 * Refuses deep nesting, more structure than a configuration has, and what would let values mean
 * something else, by looking at lexemes alone. The library composes nodes by recursion, and where the
 * stack is nearly full V8 ends the process instead of throwing.
 */
function refuseForbidden(text: string): void {
  const { Lexer } = yamlLibrary();
  let at = 0;
  let brackets = 0;
  let indicators = 0;
  let isLineStart = true;
  let isScalar = false;
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++lexemes > LEXEMES_MAX) throw SyntaxProblem.at(text, at, 'too many values or lines');
    if (isScalar) {
      isScalar = false;
    } else if (lexeme === SCALAR_FOLLOWS) {
      isScalar = true;
      continue;
    } else if (lexeme === DOCUMENT_BEGINS) {
      continue;
    } else if (lexeme === BRACKETS_END) {
      brackets = 0;
      continue;
    } else if (lexeme.startsWith('!')) {
      throw SyntaxProblem.at(text, at, 'tags are not accepted; write text in quotes');
    } else if (lexeme.startsWith('%') && !/^%YAML[ \t]+1\.2$/.test(lexeme)) {
      throw SyntaxProblem.at(text, at, 'no directive is accepted but %YAML 1.2');
    } else if (lexeme === '[' || lexeme === '{') {
      brackets++;
    } else if (lexeme === ']' || lexeme === '}') {
      brackets = Math.max(0, brackets - 1);
    } else if (lexeme === '-' || lexeme === '?' || lexeme === ':') {
      indicators++;
    } else if (lexeme === ',') {
      indicators = 0;
    } else if (isLineStart && /^ /.test(lexeme) && lexeme.length > INDENT_MAX) {
      throw SyntaxProblem.at(text, at, 'nested too deeply');
    }
    if (brackets > TREE_DEPTH_MAX || indicators > TREE_DEPTH_MAX) {
      throw SyntaxProblem.at(text, at, 'nested too deeply');
    }
    isLineStart = lexeme.endsWith('\n');
    if (isLineStart) indicators = 0;
    at += lexeme.length;
  }
}

class YamlReader {
  private nodes = 0;
  private readonly library = yamlLibrary();
  constructor(
    private readonly document: Document.Parsed,
    private readonly text: string,
  ) {}

  read(node: unknown, depth: number): Tree {
    if (++this.nodes > NODES_MAX) throw this.problem(node, 'too many values, or too many aliases');
    if (depth > TREE_DEPTH_MAX) throw this.problem(node, 'nested too deeply');
    const { isAlias, isMap, isScalar, isSeq } = this.library;
    if (isAlias(node)) {
      const target = node.resolve(this.document);
      if (target === undefined) throw this.problem(node, `*${node.source} is not defined`);
      return this.read(target, depth + 1);
    }
    if (isMap(node)) return this.readMap(node, depth);
    if (isSeq(node)) return node.items.map((item) => this.read(item, depth + 1));
    if (!isScalar(node)) return null;
    const { value } = node;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      return value;
    }
    if (value === null) return null;
    throw this.problem(node, 'not a text, a number, true or false');
  }

  private readMap(node: YAMLMap, depth: number): TreeMap {
    const map: TreeMap = new Map();
    for (const { key, value } of node.items) {
      if (!this.library.isScalar(key) || typeof key.value !== 'string') {
        throw this.problem(key ?? node, 'a key must be a name');
      }
      if (map.has(key.value)) throw this.problem(key, `${JSON.stringify(key.value)} is repeated`);
      map.set(key.value, this.read(value, depth + 1));
    }
    return map;
  }

  private problem(node: unknown, message: string): SyntaxProblem {
    const range = (node as Node | null)?.range;
    return SyntaxProblem.at(this.text, range?.[0] ?? 0, message);
  }
}
