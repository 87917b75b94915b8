/**
 * A uPlot made as all charts here are: from zero up, time along the bottom, lines that are filled
 * below or stacked, a cursor that all charts of the page share. Colours are read once, so that a
 * change of the theme makes a new plot.
 */
import uPlot from 'uplot';
import { formatTime, trimZeros } from '../format.js';
import { resolveColor } from '../theme.js';

export interface PlotLine {
  /** A token, such as `--s1`. */
  readonly color: string;
  readonly dash?: readonly number[];
  /** Filled below; a stack is so anyway. */
  readonly fill?: boolean;
}

export interface PlotOptions {
  readonly lines: readonly PlotLine[];
  readonly isStacked: boolean;
  /** For values of very different sizes: a logarithmic scale, without a zero. */
  readonly isLog: boolean;
  readonly width: number;
  readonly height: number;
  readonly format: (value: number) => string;
  /** Index under the cursor; undefined without one. */
  readonly onCursor: (index: number | undefined) => void;
}

const SYNC_KEY = 'page';
/** So that lines are not glued to the top. */
const HEADROOM = 1.08;
const FILL_ALPHA = 0.12;
const STACK_ALPHA = 0.3;
const CHAR_PX = 6.6;
/** Right of the plot: what of the last label does not fit in here is left out. */
const PADDING_END = 10;
/** Steps of the time axis, in seconds. */
const TIME_STEPS = [15, 30, 60, 120, 300, 600, 900, 1800];

export function createPlot(target: HTMLElement, options: PlotOptions): uPlot {
  const { lines, isStacked, isLog, width, height, onCursor } = options;
  const plotOptions: uPlot.Options = {
    width,
    height,
    padding: [8, PADDING_END, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false, setScale: false },
      sync: { key: SYNC_KEY, scales: ['x', null], setSeries: false },
      points: { size: 6 },
    },
    scales: {
      x: { time: true },
      y: isLog
        ? { distr: 3, range: (_plot, min, max) => logRange(min, max) }
        : { range: (_plot, _min, max) => [0, max > 0 ? max * HEADROOM : 1] },
    },
    axes: axes(options.format, isLog),
    series: [{}, ...lines.map((line, i) => series(line, isStacked && i > 0))],
    hooks: { setCursor: [({ cursor }) => onCursor(cursor.idx ?? undefined)] },
  };
  if (isStacked) {
    plotOptions.bands = lines.slice(1).map((line, i) => ({
      series: [i + 2, i + 1],
      fill: withAlpha(resolveColor(line.color), STACK_ALPHA),
    }));
    plotOptions.series[1].fill = withAlpha(resolveColor(lines[0].color), STACK_ALPHA);
  }
  return new uPlot(plotOptions, [[], ...lines.map(() => [])], target);
}

/** Whole powers of ten around what there is; uPlot asks with nulls while there is nothing. */
function logRange(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null || min <= 0) return [1, 1000];
  return [10 ** Math.floor(Math.log10(min)), 10 ** Math.max(1, Math.ceil(Math.log10(max)))];
}

/** The powers of ten from one to another: lines at all digits between would hide what is drawn. */
function powers(min: number, max: number): number[] {
  const first = Math.round(Math.log10(min));
  const count = Math.round(Math.log10(max)) - first + 1;
  return Array.from({ length: Math.max(1, count) }, (_, i) => 10 ** (first + i));
}

/** Sums up from the first to the last; unknown is nothing where another one is known. */
export function stackColumns(columns: readonly (number | null)[][]): (number | null)[][] {
  const stacked: (number | null)[][] = [];
  for (const column of columns) {
    const below = stacked.at(-1);
    stacked.push(
      column.map((value, i) => {
        const isUnknown = columns.every((other) => other[i] === null);
        return isUnknown ? null : (below?.[i] ?? 0) + (value ?? 0);
      }),
    );
  }
  return stacked;
}

function series({ color, dash, fill }: PlotLine, isBand: boolean): uPlot.Series {
  const stroke = resolveColor(color);
  const made: uPlot.Series = { stroke, width: 1.5, points: { show: false } };
  if (dash !== undefined) made.dash = [...dash];
  if (fill && !isBand) made.fill = withAlpha(stroke, FILL_ALPHA);
  return made;
}

function axes(format: (value: number) => string, isLog: boolean): uPlot.Axis[] {
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const stroke = resolveColor('--ink-3');
  const grid = { stroke: resolveColor('--line'), width: 1 };
  return [
    {
      font,
      stroke,
      grid: { show: false },
      ticks: { ...grid, size: 4 },
      size: 22,
      gap: 3,
      space: 64,
      incrs: TIME_STEPS,
      values: (plot, splits, _index, _space, step) =>
        splits.map((at) => {
          const text = formatTime(at * 1000).slice(0, step < 60 ? 8 : 5);
          const room = plot.bbox.width / devicePixelRatio - plot.valToPos(at, 'x') + PADDING_END;
          return room < (text.length * CHAR_PX) / 2 ? '' : text;
        }),
    },
    {
      font,
      stroke,
      grid,
      ticks: { show: false },
      gap: 6,
      space: 34,
      size: (_plot, values) => {
        const longest = Math.max(0, ...(values ?? []).map((value) => value?.length ?? 0));
        return Math.ceil(longest * CHAR_PX) + 10;
      },
      ...(isLog && {
        splits: (_plot: uPlot, _axis: number, min: number, max: number) => powers(min, max),
      }),
      values: (_plot, splits) =>
        splits.map((value) => (value === null ? '' : trimZeros(format(value)))),
    },
  ];
}

/** Of what `getComputedStyle` says: `rgb(1, 2, 3)`. */
function withAlpha(color: string, alpha: number): string {
  return color.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
}
