/**
 * XML, as much of it as a configuration needs:
 *
 * ```
 * <trackerbt>                    the root
 *   <http>                       a section
 *     <listen>*:6969</listen>    a list: its element once for each item
 *     <listen>[::1]:80</listen>
 *     <trustedProxies/>          an empty list: its element once, empty
 *     <proxyProtocol>false</proxyProtocol>
 * ```
 *
 * A document type, entities beyond the five predefined ones, processing instructions, CDATA and
 * attributes are refused before anything is parsed.
 */
import { ROOT, type Section } from './catalogue.js';
import { xmlLibrary } from './file-libraries.js';
import { describeValue } from './problem.js';
import { SyntaxProblem } from './syntax.js';
import { TREE_DEPTH_MAX, type Tree, type TreeMap } from './tree.js';

/** Name of the root element. */
export const XML_ROOT = 'trackerbt';

/** Told of each setting that is written wrongly in a file that is well-formed. */
export type XmlReport = (path: string, message: string) => void;

/**
 * Parses a whole file to a tree in which every value is a text. Throws `SyntaxProblem` when it is
 * not well-formed.
 */
export function parseXml(text: string, report: XmlReport): Tree {
  refuseForbidden(text);
  const verdict = xmlLibrary().XMLValidator.validate(text);
  if (verdict !== true) {
    const { line, col, msg } = verdict.err;
    throw new SyntaxProblem(`line ${line}, column ${col}: ${msg}`);
  }
  const roots = parseNodes(text).filter((node) => nameOf(node) !== TEXT);
  if (roots.length !== 1 || nameOf(roots[0]) !== XML_ROOT) {
    throw new SyntaxProblem(`the file must hold one element <${XML_ROOT}>`);
  }
  return readSection(childrenOf(roots[0]), ROOT, report);
}

const DECLARATION = /^<\?xml[ \t\r\n][^<>?]*\?>/;
const TAG = /<(?:[A-Za-z][A-Za-z0-9_.-]*[ \t\r\n]*\/?|\/[A-Za-z][A-Za-z0-9_.-]*[ \t\r\n]*)>/y;
const ENTITY = /&(?:lt|gt|amp|quot|apos);/y;

/**
 * Walks the text from mark to mark. The parser behind it never sees what is refused here, and no
 * tag whose spelling it and the validator could read differently.
 */
function refuseForbidden(text: string): void {
  let at = 0;
  const declaration = DECLARATION.exec(text)?.[0] ?? '';
  const encoding = /encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']*)["']/.exec(declaration)?.[1];
  if (encoding !== undefined && encoding.toLowerCase() !== 'utf-8') {
    throw SyntaxProblem.at(text, 0, 'the encoding must be UTF-8');
  }
  const mark = /[<&]/g;
  mark.lastIndex = declaration.length;
  for (let match = mark.exec(text); match !== null; match = mark.exec(text)) {
    at = match.index;
    if (text.startsWith('<!--', at)) {
      const end = text.indexOf('-->', at + 4);
      if (end < 0) throw SyntaxProblem.at(text, at, 'this comment does not end');
      mark.lastIndex = end + 3;
    } else {
      const allowed = match[0] === '<' ? TAG : ENTITY;
      allowed.lastIndex = at;
      if (!allowed.test(text)) throw SyntaxProblem.at(text, at, forbiddenMessage(text, at));
      mark.lastIndex = allowed.lastIndex;
    }
  }
}

function forbiddenMessage(text: string, at: number): string {
  const start = text.slice(at, at + 9);
  if (start.startsWith('&')) {
    return 'only the entities &lt; &gt; &amp; &quot; and &apos; are accepted';
  }
  if (start.startsWith('<?')) return 'processing instructions are not accepted';
  if (start === '<![CDATA[') return 'CDATA is not accepted; write &lt; and &amp; instead';
  if (start.startsWith('<!')) return 'a document type (DTD) is not accepted';
  if (/^<[A-Za-z_]/.test(start)) {
    return 'an element is written <name>value</name>, without attributes';
  }
  return 'expected a tag here; write &lt; for the character itself';
}

type XmlNode = Readonly<Record<string, unknown>>;
const TEXT = '#text';

function parseNodes(text: string): XmlNode[] {
  const { XMLParser } = xmlLibrary();
  const parser = new XMLParser({
    preserveOrder: true,
    processEntities: false,
    parseTagValue: false,
    trimValues: false,
    ignoreDeclaration: true,
    ignoreAttributes: true,
    maxNestedTags: TREE_DEPTH_MAX,
    onDangerousProperty: (name) => name,
  });
  try {
    return parser.parse(text) as XmlNode[];
  } catch (error) {
    // Deep nesting, and names such as `constructor` that the parser keeps out of its objects.
    throw new SyntaxProblem(error instanceof Error ? error.message : String(error));
  }
}

function nameOf(node: XmlNode): string {
  return Object.keys(node)[0];
}

function childrenOf(node: XmlNode): XmlNode[] {
  return node[nameOf(node)] as XmlNode[];
}

const CHARACTERS: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
};

function textOf(nodes: readonly XmlNode[]): string {
  const raw = nodes.map((node) => (nameOf(node) === TEXT ? String(node[TEXT]) : '')).join('');
  return raw.replace(/&(lt|gt|amp|quot|apos);/g, (_, name: string) => CHARACTERS[name]).trim();
}

function readSection(nodes: readonly XmlNode[], section: Section, report: XmlReport): TreeMap {
  const map: TreeMap = new Map();
  const beside = textOf(nodes);
  if (beside !== '')
    report(section.path, `unexpected text between elements: ${describeValue(beside)}`);
  for (const node of nodes) {
    const name = nameOf(node);
    if (name === TEXT) continue;
    const path = section.path === '' ? name : `${section.path}.${name}`;
    const child = section.children.get(name);
    const before = map.get(name);
    if (Array.isArray(before)) {
      before.push(leafText(node, path, report));
    } else if (before !== undefined) {
      if (child !== undefined) report(path, 'is given twice');
    } else if (child === undefined) {
      map.set(name, '');
    } else if (child.type === 'section') {
      map.set(name, readSection(childrenOf(node), child, report));
    } else {
      const value = leafText(node, path, report);
      map.set(name, child.kind === 'list' ? [value] : value);
    }
  }
  for (const value of map.values()) {
    if (Array.isArray(value) && value.length === 1 && value[0] === '') value.pop();
  }
  return map;
}

function leafText(node: XmlNode, path: string, report: XmlReport): string {
  const children = childrenOf(node);
  if (children.some((child) => nameOf(child) !== TEXT))
    report(path, 'expected a value; got elements');
  return textOf(children);
}
