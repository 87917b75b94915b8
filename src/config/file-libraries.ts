/**
 * The libraries behind file formats, loaded when a file in that format is first read or printed: a
 * tracker that is configured by flags needs neither. (25 ms and 2 MB at every start.)
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
let yaml: typeof import('yaml') | undefined;
let xml: typeof import('fast-xml-parser') | undefined;

export function yamlLibrary(): typeof import('yaml') {
  yaml ??= require('yaml') as typeof import('yaml');
  return yaml;
}

export function xmlLibrary(): typeof import('fast-xml-parser') {
  xml ??= require('fast-xml-parser') as typeof import('fast-xml-parser');
  return xml;
}
