/**
 * Text in cells of a terminal. East Asian letters and pictures take two, marks that combine with the
 * letter before them take none.
 */

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const MARK = /[\p{Mn}\p{Me}]/u;
const PLAIN = /^[\x20-\x7e]*$/;
const MORE = '\u2026';

function cellsOfOne(character: string): number {
  if (WIDE.test(character)) return 2;
  return MARK.test(character) ? 0 : 1;
}

/** How many cells a text takes that holds no control characters. */
export function cellsOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let cells = 0;
  for (const character of text) cells += cellsOfOne(character);
  return cells;
}

/** At most so many cells of it; what is cut short ends with an ellipsis. */
export function cut(text: string, cells: number): string {
  if (cellsOf(text) <= cells) return text;
  if (cells <= 0) return '';
  let kept = '';
  let used = 1;
  for (const character of text) {
    used += cellsOfOne(character);
    if (used > cells) break;
    kept += character;
  }
  return kept + MORE;
}

/** Exactly so many cells: cut, or filled with blanks. */
export function fitTo(text: string, cells: number, align: 'left' | 'right' = 'left'): string {
  const kept = cut(text, cells);
  const blanks = ' '.repeat(Math.max(0, cells - cellsOf(kept)));
  return align === 'left' ? kept + blanks : blanks + kept;
}
