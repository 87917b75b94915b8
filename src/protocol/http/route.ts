/**
 * Which request targets mean announce and which scrape.
 *
 * ```
 * configured     /announce        /{key}/announce        /announce.php
 * scrape path    /scrape          /{key}/scrape          /scrape.php      (BEP 48)
 * target         /announce?info_hash=...
 *                |  path  |query
 * ```
 */

export const HttpRoute = { none: 0, announce: 1, scrape: 2 } as const;
export type HttpRoute = (typeof HttpRoute)[keyof typeof HttpRoute];

/** Longest `{key}` segment that a path may carry, in bytes. */
export const KEY_BYTES_MAX = 128;

const PLACEHOLDER = '{key}';
const SLASH = 47;
const QUESTION_MARK = 63;

interface Pattern {
  readonly route: HttpRoute;
  readonly prefix: Uint8Array;
  /** Undefined when the path holds no `{key}`: the prefix is all of it. */
  readonly suffix: Uint8Array | undefined;
}

/** A path in the configuration that cannot be routed. */
export class HttpPathError extends Error {
  override name = 'HttpPathError';
  readonly code = 'pathInvalid';
  constructor(
    readonly path: string,
    problem: string,
  ) {
    super(`announce path '${path}': ${problem}`);
  }
}

/** The table of paths. `match` leaves its findings in fields and allocates nothing. */
export class HttpRoutes {
  /** Where the query of the last match begins, behind the `?`; the target's end without one. */
  queryStart = 0;
  /** Range of the last match's `{key}` segment, still encoded; empty when the path has none. */
  keyStart = 0;
  keyEnd = 0;
  readonly #patterns: readonly Pattern[];

  /** Throws an `HttpPathError` for a path that is not absolute or holds more than one `{key}`. */
  constructor(options: { readonly announcePaths: readonly string[] }) {
    const patterns: Pattern[] = [];
    for (const path of options.announcePaths) {
      patterns.push(patternOf(path, HttpRoute.announce));
      const scrape = scrapePathOf(path);
      if (scrape !== undefined) patterns.push(patternOf(scrape, HttpRoute.scrape));
    }
    this.#patterns = patterns;
  }

  /** Says what `target[start..end)` asks for. Never throws. */
  match(target: Uint8Array, start: number, end: number): HttpRoute {
    let pathEnd = start;
    while (pathEnd < end && target[pathEnd] !== QUESTION_MARK) pathEnd++;
    this.queryStart = pathEnd < end ? pathEnd + 1 : end;
    const patterns = this.#patterns;
    for (let i = 0; i < patterns.length; i++) {
      if (this.#fits(patterns[i], target, start, pathEnd)) return patterns[i].route;
    }
    return HttpRoute.none;
  }

  #fits(pattern: Pattern, target: Uint8Array, start: number, end: number): boolean {
    const { prefix, suffix } = pattern;
    const keyStart = start + prefix.length;
    if (suffix === undefined) {
      this.keyStart = end;
      this.keyEnd = end;
      return end === keyStart && matchesAt(target, start, prefix);
    }
    const keyEnd = end - suffix.length;
    const keyLength = keyEnd - keyStart;
    if (keyLength < 1 || keyLength > KEY_BYTES_MAX) return false;
    if (!matchesAt(target, start, prefix) || !matchesAt(target, keyEnd, suffix)) return false;
    for (let i = keyStart; i < keyEnd; i++) if (target[i] === SLASH) return false;
    this.keyStart = keyStart;
    this.keyEnd = keyEnd;
    return true;
  }
}

/**
 * The scrape path that belongs to an announce path or URL path (BEP 48): its last segment must begin
 * with `announce`, which becomes `scrape`. Undefined where the convention gives none.
 */
export function scrapePathOf(announcePath: string): string | undefined {
  const segment = announcePath.lastIndexOf('/') + 1;
  if (!announcePath.startsWith('announce', segment)) return undefined;
  return `${announcePath.slice(0, segment)}scrape${announcePath.slice(segment + 8)}`;
}

function patternOf(path: string, route: HttpRoute): Pattern {
  if (!path.startsWith('/')) throw new HttpPathError(path, "must begin with '/'");
  if (/[?#\s]/.test(path)) throw new HttpPathError(path, "must hold no '?', '#' or blank");
  const parts = path.split(PLACEHOLDER);
  if (parts.length > 2) throw new HttpPathError(path, 'may hold {key} once');
  if (parts.length === 2 && (!parts[0].endsWith('/') || !/^(\/|$)/.test(parts[1]))) {
    throw new HttpPathError(path, '{key} must be a whole segment');
  }
  const suffix = parts.length === 2 ? ascii(parts[1]) : undefined;
  return { route, prefix: ascii(parts[0]), suffix };
}

function matchesAt(target: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (target[at + i] !== bytes[i]) return false;
  return true;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}
