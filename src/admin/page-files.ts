/**
 * The files of the page, as its build left them: read once into memory, and served by the names that
 * were found then. Whatever else a path says, there is nothing behind it.
 *
 * ```
 * index.html                at /, asked for again each time, by ETag
 * assets/NAME-HASH.EXT      at /assets/..., kept for ever: other content has another name
 * NAME.br, NAME.gz          the same, compressed by the build; sent to who takes that
 * ```
 */
import { createHash } from 'node:crypto';
import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** More is no page of ours. */
export const PAGE_FILES_MAX = 256;
export const PAGE_BYTES_MAX = 8 * 1024 * 1024;

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  ico: 'image/x-icon',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  webmanifest: 'application/manifest+json',
  woff2: 'font/woff2',
};

/** A name that means nothing to a router. */
const NAME = /^[\w.-]+(?:\/[\w.-]+)*$/;

/** In the order of preference. */
const CODINGS = [
  { name: 'br', suffix: '.br' },
  { name: 'gzip', suffix: '.gz' },
] as const;

export interface PageFile {
  readonly mediaType: string;
  /** Whether the name says the content. */
  readonly isImmutable: boolean;
  /** One of the bytes and each of its codings; the plain one last. */
  readonly forms: readonly PageForm[];
}

export interface PageForm {
  /** Absent for the bytes as they are. */
  readonly coding?: 'br' | 'gzip';
  /** With its quotes. */
  readonly etag: string;
  readonly bytes: Buffer;
}

/**
 * The files below a folder, by the path that they are served at. Empty when there is no index.html:
 * then the page has not been built. Links are not followed; throws where the folder holds too much.
 */
export function readPageFiles(folder: string): ReadonlyMap<string, PageFile> {
  const bytesByName = new Map<string, Buffer>();
  let total = 0;
  for (const path of filesBelow(folder)) {
    total += statSync(path).size;
    if (bytesByName.size >= PAGE_FILES_MAX || total > PAGE_BYTES_MAX) {
      throw new Error(`${folder} holds more than a page: build it again`);
    }
    bytesByName.set(relative(folder, path).split(sep).join('/'), readFileSync(path));
  }
  const files = new Map<string, PageFile>();
  if (!bytesByName.has('index.html')) return files;
  for (const [name, bytes] of bytesByName) {
    const mediaType = MEDIA_TYPES[name.split('.').at(-1) ?? ''];
    if (mediaType === undefined || !NAME.test(name)) continue;
    const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
    const forms: PageForm[] = [];
    for (const { name: coding, suffix } of CODINGS) {
      const coded = bytesByName.get(name + suffix);
      if (coded !== undefined) forms.push({ coding, etag: `"${hash}-${coding}"`, bytes: coded });
    }
    forms.push({ etag: `"${hash}"`, bytes });
    const isImmutable = name.startsWith('assets/');
    files.set(name === 'index.html' ? '/' : `/${name}`, { mediaType, isImmutable, forms });
  }
  return files;
}

/** Whether what the client has, by `If-None-Match`, is this. */
export function isSame(form: PageForm, header: string | undefined): boolean {
  if (header === undefined) return false;
  const known = header.split(',').map((each) => each.trim().replace(/^W\//, ''));
  return known.includes('*') || known.includes(form.etag);
}

/** The first form that `Accept-Encoding` takes. */
export function formFor({ forms }: PageFile, header: string | undefined): PageForm {
  const taken = new Set<string>();
  for (const part of (header ?? '').toLowerCase().split(',')) {
    const [coding, ...parameters] = part.split(';').map((each) => each.trim());
    if (!parameters.some((each) => /^q=0(?:\.0*)?$/.test(each))) taken.add(coding);
  }
  return forms.find(({ coding }) => coding === undefined || taken.has(coding)) ?? forms[0];
}

function filesBelow(folder: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    // Not built.
    return [];
  }
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}
