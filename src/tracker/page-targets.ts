/**
 * The targets of the public page:
 *
 * ```
 * /              /?anything       the page
 * /favicon.ico   /robots.txt      what browsers and crawlers ask for by themselves
 * ```
 */
export const PageTarget = { none: 0, page: 1, icon: 2, robots: 3 } as const;
export type PageTarget = (typeof PageTarget)[keyof typeof PageTarget];

const SLASH = 47;
const QUESTION_MARK = 63;
const LETTER_F = 102;
const LETTER_R = 114;
const ICON = Buffer.from('/favicon.ico');
const ROBOTS = Buffer.from('/robots.txt');

/** What `target[start..end)` asks for. Allocates nothing: it is asked for every request. */
export function pageTargetOf(target: Uint8Array, start: number, end: number): PageTarget {
  if (end <= start || target[start] !== SLASH) return PageTarget.none;
  if (end === start + 1 || target[start + 1] === QUESTION_MARK) return PageTarget.page;
  if (target[start + 1] === LETTER_F && isAt(target, start, end, ICON)) return PageTarget.icon;
  if (target[start + 1] === LETTER_R && isAt(target, start, end, ROBOTS)) return PageTarget.robots;
  return PageTarget.none;
}

function isAt(target: Uint8Array, start: number, end: number, path: Uint8Array): boolean {
  if (end - start < path.length) return false;
  for (let i = 0; i < path.length; i++) if (target[start + i] !== path[i]) return false;
  return end - start === path.length || target[start + path.length] === QUESTION_MARK;
}
