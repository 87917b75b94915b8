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
 * Elements, texts, comments, the five predefined entities and numbers of characters are all there is.
 * A document type, other entities, processing instructions, CDATA and attributes are refused.
 */
import { ROOT, type Section } from './catalogue.js';
import { saxLibrary } from './file-libraries.js';
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
  return readSection(parseRoot(text), ROOT, report);
}

interface Element {
  readonly name: string;
  /** Where it begins in the file. */
  readonly at: number;
  readonly children: Element[];
  /** All text that stands in it and in none of its children, entities replaced. */
  text: string;
}

/** Without others' entities: a document type, which could define some, is refused anyway. */
const SAX_OPTIONS = { strictEntities: true, position: true };
const ONE_ROOT = `the file must hold one element <${XML_ROOT}>, and nothing beside it`;

/** The root element. Whatever an XML parser takes and a configuration does not need is refused. */
function parseRoot(text: string): Element {
  const parser = saxLibrary().parser(true, SAX_OPTIONS);
  const document: Element = { name: '', at: 0, children: [], text: '' };
  const open = [document];
  const refuseAt = (at: number, message: string): never => {
    throw SyntaxProblem.at(text, at, message);
  };
  /** At the tag, comment or other mark-up that was read last. */
  const refuse = (message: string) => refuseAt(parser.startTagPosition - 1, message);
  parser.onerror = ({ message }) => refuseAt(parser.position - 1, advised(message));
  parser.ondoctype = () => refuse('a document type (DTD) is not accepted');
  parser.onopencdata = () => refuse('CDATA is not accepted; write &lt; and &amp; instead');
  parser.onattribute = () => refuse('an element is written <name>value</name>, without attributes');
  parser.onprocessinginstruction = ({ name, body }) => {
    // The declaration looks like one, and nothing may stand before it.
    const isDeclaration = name === 'xml' && parser.startTagPosition === 1;
    if (!isDeclaration) refuse('processing instructions are not accepted');
    const encoding = /encoding\s*=\s*["']([^"']*)["']/.exec(body)?.[1] ?? 'utf-8';
    if (encoding.toLowerCase() !== 'utf-8') refuse('the encoding must be UTF-8');
  };
  parser.onopentag = ({ name }) => {
    const outer = open[open.length - 1];
    if (outer === document && (name !== XML_ROOT || outer.children.length > 0)) refuse(ONE_ROOT);
    if (open.length > TREE_DEPTH_MAX) refuse('nested too deeply');
    const element: Element = { name, at: parser.startTagPosition - 1, children: [], text: '' };
    outer.children.push(element);
    open.push(element);
  };
  parser.ontext = (part) => {
    open[open.length - 1].text += part;
  };
  parser.onclosetag = () => {
    open.pop();
  };
  parser.write(text);
  const last = open[open.length - 1];
  if (last !== document) refuseAt(last.at, `<${last.name}> is not closed`);
  parser.close();
  if (document.children.length === 0) refuseAt(text.length, ONE_ROOT);
  return document.children[0];
}

/** What the library says, without its lines about where it is, and with what to do. */
function advised(message: string): string {
  const [problem] = message.split('\n', 1);
  if (/entity/.test(problem)) return `${problem}; &lt; &gt; &amp; &quot; &apos; are known`;
  if (/tag name/.test(problem)) return `${problem}; write &lt; for the character itself`;
  if (/before first tag|outside of root/.test(problem)) return ONE_ROOT;
  return problem;
}

function readSection(element: Element, section: Section, report: XmlReport): TreeMap {
  const map: TreeMap = new Map();
  const beside = element.text.trim();
  if (beside !== '')
    report(section.path, `unexpected text between elements: ${describeValue(beside)}`);
  for (const inner of element.children) {
    const { name } = inner;
    const path = section.path === '' ? name : `${section.path}.${name}`;
    const child = section.children.get(name);
    const before = map.get(name);
    if (Array.isArray(before)) {
      before.push(leafText(inner, path, report));
    } else if (before !== undefined) {
      if (child !== undefined) report(path, 'is given twice');
    } else if (child === undefined) {
      map.set(name, '');
    } else if (child.type === 'section') {
      map.set(name, readSection(inner, child, report));
    } else {
      const value = leafText(inner, path, report);
      map.set(name, child.kind === 'list' ? [value] : value);
    }
  }
  for (const value of map.values()) {
    if (Array.isArray(value) && value.length === 1 && value[0] === '') value.pop();
  }
  return map;
}

function leafText(element: Element, path: string, report: XmlReport): string {
  if (element.children.length > 0) report(path, 'expected a value; got elements');
  return element.text.trim();
}
