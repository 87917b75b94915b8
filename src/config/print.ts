/**
 * Writes a configuration as a commented file that loads back to the same values, secrets excepted. Above each setting
 * stand its meaning, its default and its name in the environment.
 */
import { type Leaf, ROOT, type Section, valueAt as storedAt } from './catalogue.js';
import type { Config } from './schema.js';
import { XML_ROOT } from './xml.js';

export const PRINT_FORMATS = ['xml', 'yaml', 'json'] as const;
export type PrintFormat = (typeof PRINT_FORMATS)[number];

const INTRODUCTION = [
  'Configuration of trackerbt. Weaker to stronger: defaults, file, environment, flags.',
  'A setting that is left out has its default; a name that is not a setting is an error.',
];

/** Never printed: what is shown on a terminal ends up in scrollbacks and tickets. */
const SECRETS: ReadonlySet<string> = new Set(['cluster.token', 'minder.token']);

function valueAt(config: Config, path: string): unknown {
  return SECRETS.has(path) ? '' : storedAt(config, path);
}

/** The text of a file, with a final line end. */
export function printConfig(config: Config, format: PrintFormat): string {
  if (format === 'json') return `${JSON.stringify(jsonSection(ROOT, config), null, 2)}\n`;
  const lines = format === 'xml' ? xmlLines(config) : yamlLines(config);
  return `${lines.join('\n')}\n`;
}

/** A default as comments and tables show it. */
export function formatDefault({ defaultValue, kind }: Leaf): string {
  if (kind === 'list') {
    const items = defaultValue as readonly string[];
    return items.length === 0 ? 'empty' : items.join(', ');
  }
  return defaultValue === '' ? 'empty' : String(defaultValue);
}

function comments(leaf: Leaf): string[] {
  return [
    leaf.description,
    `Value: ${leaf.expects}.`,
    `Default: ${formatDefault(leaf)}. Environment: ${leaf.environmentName}.`,
  ];
}

function yamlLines(config: Config): string[] {
  const lines = INTRODUCTION.map((line) => `# ${line}`);
  const put = (section: Section, indent: string) => {
    let isFirst = section !== ROOT;
    for (const child of section.children.values()) {
      if (!isFirst) lines.push('');
      isFirst = false;
      if (child.type === 'section') {
        lines.push(`${indent}# ${child.description}`, `${indent}${child.key}:`);
        put(child, `${indent}  `);
        continue;
      }
      lines.push(...comments(child).map((line) => `${indent}# ${line}`));
      const value = valueAt(config, child.path);
      if (Array.isArray(value) && value.length > 0) {
        lines.push(`${indent}${child.key}:`);
        for (const item of value) lines.push(`${indent}  - ${yamlScalar(item)}`);
      } else {
        lines.push(`${indent}${child.key}: ${Array.isArray(value) ? '[]' : yamlScalar(value)}`);
      }
    }
  };
  put(ROOT, '');
  return lines;
}

/** What some reader of YAML, also an older one, takes for something other than a text. */
const YAML_WORD = /^(?:null|true|false|on|off|yes|no|y|n)$/;

/** A text stands in quotes, as in JSON, unless it begins as a word or a path and goes on plainly. */
function yamlScalar(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  const isPlain = /^(?:\.{0,2}\/)?[a-z][a-z0-9./_-]*$/.test(value) && !YAML_WORD.test(value);
  return isPlain ? value : JSON.stringify(value);
}

function xmlLines(config: Config): string[] {
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', ...INTRODUCTION.map(xmlComment)];
  const put = (section: Section, name: string, indent: string) => {
    lines.push(`${indent}<${name}>`);
    const inner = `${indent}  `;
    let isFirst = true;
    for (const child of section.children.values()) {
      if (!isFirst) lines.push('');
      isFirst = false;
      if (child.type === 'section') {
        lines.push(inner + xmlComment(child.description));
        put(child, child.key, inner);
        continue;
      }
      lines.push(...comments(child).map((line) => inner + xmlComment(line)));
      const value = valueAt(config, child.path);
      const items: readonly unknown[] = Array.isArray(value) ? value : [value];
      if (items.length === 0) lines.push(`${inner}<${child.key}/>`);
      for (const item of items) {
        lines.push(`${inner}<${child.key}>${xmlText(String(item))}</${child.key}>`);
      }
    }
    lines.push(`${indent}</${name}>`);
  };
  put(ROOT, XML_ROOT, '');
  return lines;
}

function xmlComment(text: string): string {
  // Two hyphens may not stand in a comment.
  return `<!-- ${text.replaceAll('--', '- -')} -->`;
}

function xmlText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** JSON has no comments: a member `//key` before each member `key` holds them. */
function jsonSection(section: Section, config: Config): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  if (section === ROOT) members['//'] = INTRODUCTION.join(' ');
  for (const child of section.children.values()) {
    if (child.type === 'section') {
      members[`//${child.key}`] = child.description;
      members[child.key] = jsonSection(child, config);
    } else {
      members[`//${child.key}`] = comments(child).join(' ');
      members[child.key] = valueAt(config, child.path);
    }
  }
  return members;
}
