/**
 * The libraries behind file formats, loaded when a file in that format is first read: a tracker that is
 * configured by flags needs neither. (25 ms and 2 MB at every start.)
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
let yaml: typeof import('yaml') | undefined;
let sax: typeof import('sax') | undefined;

export function yamlLibrary(): typeof import('yaml') {
  yaml ??= require('yaml') as typeof import('yaml');
  return yaml;
}

export function saxLibrary(): typeof import('sax') {
  sax ??= require('sax') as typeof import('sax');
  return sax;
}
