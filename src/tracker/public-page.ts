/**
 * The page at `/` for people who open a tracker's URL in a browser: what this is, announce URLs to
 * copy, totals. No info hash, no address, no name, no version.
 *
 * ```
 * facts   looked up once a second at most, whoever asks
 * pages   by what was asked for (scheme and host): PAGES_MAX of them, made anew with new facts
 * ```
 */
import { createHash } from 'node:crypto';
import type { PageAnswer, PageRequest, PageTaker } from '../frontend/http/page-taker.js';
import { PageTarget, pageTargetOf } from './page-targets.js';
import { PAGE_ICON, type PageTotals, pageText, SCRIPT_TEXT, STYLE_TEXT } from './page-text.js';

/** Pages kept for the second: clients choose what `Host` they send, so there is no end to them. */
const PAGES_MAX = 32;
const REFRESH_MS = 1_000;
const KEPT_SECONDS = 10;
/** Longest `If-None-Match` that is looked at. */
const MATCH_CHARACTERS_MAX = 256;
/** Icons and rules for crawlers do not change while a version runs. */
const STATIC_SECONDS = 86_400;

const ROBOTS_TEXT = 'User-agent: *\nAllow: /$\nDisallow: /\n';

export interface PublicPageDependencies {
  readonly totals: () => PageTotals;
  /** URLs for clients, for whoever asked so. */
  readonly urls: (request: PageRequest) => readonly string[];
  /** A clock that never goes back, in ms. */
  readonly nowMs: () => number;
}

interface MadePage {
  readonly ok: PageAnswer;
  readonly same: PageAnswer;
  readonly tag: string;
}

/** Allows the page its own style and script, and nothing else in the world. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src '${sourceHash(STYLE_TEXT)}'`,
  `script-src '${sourceHash(SCRIPT_TEXT)}'`,
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const SAFE = ['X-Content-Type-Options', 'nosniff', 'Referrer-Policy', 'no-referrer'];

export class PublicPage implements PageTaker {
  readonly #dependencies: PublicPageDependencies;
  readonly #pages = new Map<string, MadePage>();
  readonly #icon = fixed('image/svg+xml', PAGE_ICON);
  readonly #robots = fixed('text/plain; charset=utf-8', ROBOTS_TEXT);
  #totals: PageTotals | undefined;
  #totalsMs = 0;

  constructor(dependencies: PublicPageDependencies) {
    this.#dependencies = dependencies;
  }

  takes(target: Uint8Array, start: number, end: number): boolean {
    return pageTargetOf(target, start, end) !== PageTarget.none;
  }

  answer(target: Uint8Array, start: number, end: number, request: PageRequest): PageAnswer {
    const made = this.#made(pageTargetOf(target, start, end), request);
    return isSame(request.ifNoneMatch, made.tag) ? made.same : made.ok;
  }

  /** Forgets the pages: what they are made of changed. */
  refresh(): void {
    this.#totals = undefined;
  }

  #made(kind: PageTarget, request: PageRequest): MadePage {
    if (kind === PageTarget.icon) return this.#icon;
    if (kind === PageTarget.robots) return this.#robots;
    const now = this.#dependencies.nowMs();
    if (this.#totals === undefined || now - this.#totalsMs >= REFRESH_MS) {
      this.#totals = this.#dependencies.totals();
      this.#totalsMs = now;
      this.#pages.clear();
    }
    const key = `${request.secure} ${request.proxied} ${request.host ?? ''}`;
    const known = this.#pages.get(key);
    if (known !== undefined) return known;
    const text = pageText(this.#totals, this.#dependencies.urls(request));
    const made = madeOf(text, 'text/html; charset=utf-8', KEPT_SECONDS, [
      'Content-Security-Policy',
      PAGE_POLICY,
    ]);
    if (this.#pages.size < PAGES_MAX) this.#pages.set(key, made);
    return made;
  }
}

function fixed(type: string, body: string): MadePage {
  return madeOf(body, type, STATIC_SECONDS, ['Content-Security-Policy', "default-src 'none'"]);
}

function madeOf(body: string, type: string, seconds: number, policy: readonly string[]): MadePage {
  const tag = `"${createHash('sha256').update(body, 'latin1').digest('base64url').slice(0, 22)}"`;
  const headers = [
    ...['Content-Type', type, 'Cache-Control', `max-age=${seconds}`, 'ETag', tag],
    ...SAFE,
    ...policy,
  ];
  return { tag, ok: { status: 200, headers, body }, same: { status: 304, headers, body: '' } };
}

/** RFC 9110, 13.1.2: a list of tags, weak ones too, or `*`. */
function isSame(header: string | undefined, tag: string): boolean {
  if (header === undefined || header.length > MATCH_CHARACTERS_MAX) return false;
  return header.split(',').some((each) => {
    const one = each.trim();
    return one === '*' || one === tag || one === `W/${tag}`;
  });
}

function sourceHash(text: string): string {
  return `sha256-${createHash('sha256').update(text, 'latin1').digest('base64')}`;
}
