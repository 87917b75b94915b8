/** One source of settings, read against the schema. */
import { type Leaf, ROOT, type Section } from './catalogue.js';
import { describeValue, type ProblemList } from './problem.js';
import { didYouMean } from './suggest.js';
import type { Tree, Typing } from './tree.js';

export interface Setting {
  readonly value: unknown;
  /** What a problem with this value is reported against. */
  readonly source: string;
}

/** What one source sets, by path. */
export class Layer {
  readonly settings = new Map<string, Setting>();
  /** Paths that the source sets to something unusable. */
  readonly broken = new Set<string>();

  /** Takes one value, or reports why it is not one. */
  take(leaf: Leaf, raw: Tree, typing: Typing, source: string, problems: ProblemList): void {
    const value = typing === 'textual' ? fromText(leaf, raw) : withOff(leaf, raw);
    const result = leaf.schema.safeParse(value);
    if (result.success) {
      this.settings.set(leaf.path, { value: result.data, source });
      return;
    }
    this.broken.add(leaf.path);
    const told = new Set<string>();
    for (const issue of result.error.issues) {
      const index = issue.path[0];
      const path = typeof index === 'number' ? `${leaf.path}[${index}]` : leaf.path;
      if (told.has(path)) continue;
      told.add(path);
      const got = typeof index === 'number' && Array.isArray(value) ? value[index] : value;
      problems.add(source, path, `expected ${issue.message}; got ${describeGot(leaf, got)}`);
    }
  }

  /** Takes a whole file. */
  takeTree(tree: Tree, typing: Typing, source: string, problems: ProblemList): void {
    this.takeSection(ROOT, tree, typing, source, problems);
  }

  private takeSection(
    section: Section,
    tree: Tree,
    typing: Typing,
    source: string,
    problems: ProblemList,
  ): void {
    // In YAML, a section whose every line is commented out is null.
    if (tree === null) return;
    if (!(tree instanceof Map)) {
      const got = describeValue(tree);
      problems.add(source, section.path, `expected a section with settings; got ${got}`);
      return;
    }
    for (const [key, value] of tree) {
      const child = section.children.get(key);
      if (child === undefined) {
        const path = section.path === '' ? key : `${section.path}.${key}`;
        const hint = didYouMean(key, section.children.keys());
        problems.add(source, printable(path), `is not a setting${hint}`);
      } else if (child.type === 'leaf') {
        this.take(child, value, typing, source, problems);
      } else {
        this.takeSection(child, value, typing, source, problems);
      }
    }
  }
}

function printable(path: string): string {
  return describeValue(path).slice(1, -1);
}

function describeGot(leaf: Leaf, got: unknown): string {
  const text = describeValue(got);
  const wantsText = leaf.kind === 'text' || leaf.kind === 'list';
  const isBare = typeof got === 'number' || typeof got === 'boolean';
  return wantsText && isBare ? `${text} (write text in quotes)` : text;
}

function withOff(leaf: Leaf, raw: Tree): Tree {
  return leaf.offMeansEmpty && raw === 'off' ? [] : raw;
}

/** The value that a text stands for; the text itself, for the schema to refuse, when it is none. */
function fromText(leaf: Leaf, raw: Tree): Tree {
  if (leaf.kind === 'list') {
    const isOff = Array.isArray(raw) && raw.length === 1 && raw[0] === 'off';
    return leaf.offMeansEmpty && isOff ? [] : raw;
  }
  if (typeof raw !== 'string') return raw;
  if (leaf.kind === 'boolean') return raw === 'true' ? true : raw === 'false' ? false : raw;
  if (leaf.kind === 'number') {
    const isNumber = raw.length <= 40 && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(raw);
    return isNumber ? Number(raw) : raw;
  }
  return raw;
}
