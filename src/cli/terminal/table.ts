/**
 * Tables for people. On a narrow terminal the columns go first that matter least, then those are cut
 * that may be.
 *
 * ```
 * NAME        STATE    PEERS      a title is as wide as it must be
 * tracker-a   healthy  1,234      numbers stand at the right
 * ```
 */
import { printable } from '../tracker-check.js';
import { cellsOf, fitTo } from './cells.js';
import { noPaint, type Paint, type Tone } from './paint.js';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** The lowest goes first where there is no room; columns without one stay. */
  readonly rank?: number;
  /** It may be cut to so many cells. */
  readonly cellsMin?: number;
}

export type Cell = string | { readonly text: string; readonly tone: Tone };

export interface TableStyle {
  /** Cells that a line may take; without it as many as it needs. */
  readonly width?: number | undefined;
  readonly paint?: Paint;
}

const GAP = 2;

/** The title and the rows as lines, without blanks at their ends. Cells may hold anything. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { width = Number.POSITIVE_INFINITY, paint = noPaint }: TableStyle = {},
): string[] {
  const texts = rows.map((row) => row.map((cell) => printable(textOf(cell))));
  const wanted = columns.map(({ title }, i) =>
    texts.reduce((most, row) => Math.max(most, cellsOf(row[i] ?? '')), cellsOf(title)),
  );
  const widths = widthsOf(columns, wanted, width);
  const line = (cells: readonly string[], toneOf: (column: number) => Tone): string => {
    const last = widths.findLastIndex((cells) => cells > 0);
    const parts = columns.flatMap(({ align }, i) => {
      if (widths[i] === 0) return [];
      const fitted = fitTo(cells[i] ?? '', widths[i], align);
      const text = i === last ? fitted.trimEnd() : fitted;
      return [painted(text, toneOf(i), paint)];
    });
    return parts.join(' '.repeat(GAP)).trimEnd();
  };
  return [
    line(
      columns.map(({ title }) => title),
      () => 'title',
    ),
    ...rows.map((row, i) => line(texts[i], (column) => toneOfCell(row[column]))),
  ];
}

/** Blanks beside the text stay as they are: some terminals show colours there. */
function painted(text: string, tone: Tone, paint: Paint): string {
  const start = text.length - text.trimStart().length;
  const end = text.trimEnd().length;
  if (end <= start) return text;
  return text.slice(0, start) + paint(text.slice(start, end), tone) + text.slice(end);
}

/** Cells of each column; 0 for one that is left out. */
function widthsOf(columns: readonly Column[], wanted: readonly number[], width: number): number[] {
  const widths = [...wanted];
  const used = () => widths.reduce((sum, cells) => sum + (cells > 0 ? cells + GAP : 0), 0) - GAP;
  const droppable = columns
    .map(({ rank }, i) => ({ rank, i }))
    .filter((each): each is { rank: number; i: number } => each.rank !== undefined)
    .sort((a, b) => a.rank - b.rank);
  const shrunk = (i: number) => Math.min(widths[i], columns[i].cellsMin ?? widths[i]);
  const least = () =>
    widths.reduce((sum, cells, i) => sum + (cells > 0 ? shrunk(i) + GAP : 0), 0) - GAP;
  for (const { i } of droppable) if (least() > width) widths[i] = 0;
  for (let over = used() - width; over > 0; over = used() - width) {
    // The widest of those that may shrink gives way.
    let widest = -1;
    for (let i = 0; i < widths.length; i++) {
      if (widths[i] > shrunk(i) && (widest < 0 || widths[i] > widths[widest])) widest = i;
    }
    if (widest < 0) break;
    widths[widest]--;
  }
  return widths;
}

function textOf(cell: Cell | undefined): string {
  return typeof cell === 'object' ? cell.text : (cell ?? '');
}

function toneOfCell(cell: Cell | undefined): Tone {
  return typeof cell === 'object' ? cell.tone : 'plain';
}
