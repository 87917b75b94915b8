import { type Leaf, ROOT, type Section } from './catalogue.js';
import { formatDefault } from './print.js';

const HEADER: readonly string[] = ['setting', 'default', 'value', 'meaning'];

/** The reference of all settings in Markdown, a table per section, for docs/configuration.md. */
export function settingsTable(): string {
  return `${sectionLines(ROOT, 'Top level').join('\n')}\n`;
}

function sectionLines(section: Section, title: string): string[] {
  const rows: string[][] = [];
  const inner: Section[] = [];
  for (const child of section.children.values()) {
    if (child.type === 'section') inner.push(child);
    else rows.push(leafCells(child));
  }
  const about = section.description === '' ? [] : [section.description, ''];
  const lines = [`### ${title}`, '', ...about, ...tableLines(rows)];
  for (const child of inner) lines.push('', ...sectionLines(child, `\`${child.path}\``));
  return lines;
}

/** Padded as the formatter of this repository pads tables. */
function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths = HEADER.map((_, column) =>
    Math.max(...[HEADER, ...rows].map((cells) => cells[column].length)),
  );
  const row = (cells: readonly string[]) =>
    `| ${cells.map((text, column) => text.padEnd(widths[column])).join(' | ')} |`;
  return [row(HEADER), row(widths.map((width) => '-'.repeat(width))), ...rows.map(row)];
}

function leafCells(leaf: Leaf): string[] {
  const name = `\`${leaf.path}\`<br>\`${leaf.environmentName}\``;
  return [name, cell(formatDefault(leaf)), cell(leaf.expects), cell(leaf.description)];
}

function cell(text: string): string {
  return text.replace(/[|*\\]/g, '\\$&');
}
