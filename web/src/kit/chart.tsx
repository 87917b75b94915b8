import { effect, type Signal, signal } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatTime } from '../format.js';
import type { History } from '../history.js';
import { theme } from '../theme.js';
import type { SeriesName } from '../tick.js';
import { createPlot, stackColumns } from './plot.js';

export interface ChartSeries {
  readonly label: string;
  /** Series of the history that are added up; one as a rule. */
  readonly names: readonly SeriesName[];
  /** A token, such as `--s1`. */
  readonly color: string;
  readonly dash?: readonly number[];
  readonly fill?: boolean;
}

export interface ChartProps {
  /** Names the chart for those who cannot see it. */
  readonly label: string;
  readonly history: History;
  readonly series: readonly ChartSeries[];
  readonly isStacked?: boolean;
  /** For values of very different sizes. */
  readonly isLog?: boolean;
  readonly format: (value: number) => string;
  /** For the scale, where the legend's form is too long. */
  readonly formatAxis?: (value: number) => string;
  readonly height?: number;
}

/** How much of the history all charts show. */
export const chartWindowSeconds = signal(3_600);

/** Less than this is never spread over a whole chart. */
const WINDOW_SECONDS_MIN = 120;
const HEIGHT = 180;
/** Until these are there, a line would say nothing. */
const POINTS_MIN = 2;

type Columns = (number | null)[][];

/** Lines over time, with a legend that tells their values at the cursor, or as of now. */
export function Chart(props: ChartProps) {
  const { label, history, series, format, formatAxis, height = HEIGHT } = props;
  const { isStacked = false, isLog = false } = props;
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const cursor = useMemo(() => signal<number | undefined>(undefined), []);
  const target = useRef<HTMLDivElement>(null);
  const shown = series.filter((one) => !hidden.has(one.label));
  const key = shown.map((one) => one.label).join();
  const shownTheme = theme.value;
  useEffect(() => {
    const element = target.current;
    if (element === null || shown.length === 0) return;
    const plot = createPlot(element, {
      lines: shown,
      isStacked,
      isLog,
      width: Math.max(1, element.clientWidth),
      height,
      format: formatAxis ?? format,
      onCursor: (index) => {
        cursor.value = index;
      },
    });
    const stop = keepDrawn(plot, element, { history, series: shown, isStacked });
    return () => {
      stop();
      plot.destroy();
    };
  }, [key, isStacked, isLog, shownTheme, height]);
  const toggle = (name: string) => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  };
  return (
    <div class="chart">
      <Legend {...{ history, series, format, hidden, toggle, cursor }} />
      <div class="chart-canvas" ref={target} style={{ height: `${height}px` }}>
        <Waiting history={history} />
        <CursorTime history={history} cursor={cursor} />
      </div>
      <Summary label={label} history={history} series={series} format={format} />
    </div>
  );
}

/** Draws each second while the chart is in sight; else once a step, so that it is there when it comes. */
function keepDrawn(
  plot: uPlot,
  element: HTMLElement,
  drawn: { history: History; series: readonly ChartSeries[]; isStacked: boolean },
): () => void {
  const { history, series, isStacked } = drawn;
  const isSeen = signal(false);
  let drawnPoints = -1;
  const sight = new IntersectionObserver((entries) => {
    isSeen.value = entries.some((entry) => entry.isIntersecting);
  });
  sight.observe(element);
  const resize = new ResizeObserver(() => {
    if (element.clientWidth > 0) plot.setSize({ width: element.clientWidth, height: plot.height });
  });
  resize.observe(element);
  const stopDrawing = effect(() => {
    history.version.value;
    const span = chartWindowSeconds.value;
    const at = history.atSeconds;
    if (!isSeen.value && at.length === drawnPoints) return;
    drawnPoints = at.length;
    const columns = series.map(({ names }) => sumColumns(history, names));
    const end = at.at(-1) ?? Date.now() / 1000;
    const start = Math.max(end - span, Math.min(at[0] ?? end, end - WINDOW_SECONDS_MIN));
    const from = firstFrom(at, start);
    const cut = (isStacked ? stackColumns(columns) : columns).map((column) => column.slice(from));
    plot.batch(() => {
      plot.setData([at.slice(from), ...cut], false);
      plot.setScale('x', { min: start, max: end });
    });
  });
  return () => {
    stopDrawing();
    sight.disconnect();
    resize.disconnect();
  };
}

/** What lies left of the window neither is drawn nor sets the scale; one point more, for the line. */
function firstFrom(at: readonly number[], start: number): number {
  const first = at.findIndex((seconds) => seconds >= start);
  return first < 0 ? 0 : Math.max(0, first - 1);
}

function sumColumns(history: History, names: readonly SeriesName[]): (number | null)[] {
  const [first, ...others] = names.map((name) => history.column(name));
  for (const other of others) {
    for (let i = 0; i < first.length; i++) {
      if (other[i] !== null) first[i] = (first[i] ?? 0) + (other[i] ?? 0);
    }
  }
  return first;
}

interface LegendProps {
  readonly history: History;
  readonly series: readonly ChartSeries[];
  readonly format: (value: number) => string;
  readonly hidden: ReadonlySet<string>;
  readonly toggle: (label: string) => void;
  readonly cursor: Signal<number | undefined>;
}

function Legend({ history, series, format, hidden, toggle, cursor }: LegendProps) {
  history.version.value;
  const at = visibleIndex(history, cursor.value);
  return (
    <div class="chart-legend">
      {series.map(({ label, names, color, dash }) => (
        <button
          key={label}
          type="button"
          class="legend-item"
          aria-pressed={!hidden.has(label)}
          title={hidden.has(label) ? `Show ${label}` : `Hide ${label}`}
          onClick={() => toggle(label)}
        >
          <svg class="legend-mark" viewBox="0 0 12 8" aria-hidden="true" focusable="false">
            <path
              d="M0 4h12"
              style={{ stroke: `var(${color})` }}
              stroke-width="3"
              stroke-dasharray={dash === undefined ? undefined : '3 2'}
            />
          </svg>
          {label}
          <span class="legend-value">{formatAt(sumColumns(history, names), at, format)}</span>
        </button>
      ))}
    </div>
  );
}

/** Over the plot, where it moves nothing. */
function CursorTime({ history, cursor }: Pick<LegendProps, 'history' | 'cursor'>) {
  if (cursor.value === undefined) return null;
  history.version.value;
  const at = visibleIndex(history, cursor.value);
  if (at === undefined) return null;
  return <span class="chart-time num">{formatTime(history.atSeconds[at] * 1000)}</span>;
}

/** The plot holds the end of the history only: its index counts from where that starts. */
function visibleIndex(history: History, index: number | undefined): number | undefined {
  const at = history.atSeconds;
  if (at.length === 0) return undefined;
  if (index === undefined) return at.length - 1;
  const end = at[at.length - 1];
  const start = Math.max(end - chartWindowSeconds.value, Math.min(at[0], end - WINDOW_SECONDS_MIN));
  return Math.min(at.length - 1, firstFrom(at, start) + index);
}

function formatAt(
  column: readonly (number | null)[],
  at: number | undefined,
  format: (value: number) => string,
): string {
  const value = at === undefined ? null : column[at];
  return value === null || value === undefined ? '–' : format(value);
}

function Waiting({ history }: { readonly history: History }) {
  history.version.value;
  if (history.atSeconds.length >= POINTS_MIN) return null;
  return <p class="chart-empty">The first points come in a few seconds.</p>;
}

/** The same in words, once a minute at most, since nobody listens to a number a second. */
function Summary(props: Pick<ChartProps, 'label' | 'history' | 'series' | 'format'>) {
  const { label, history, series, format } = props;
  const [text, setText] = useState('');
  useEffect(() => {
    const write = () => setText(summarize(history, series, format));
    write();
    const timer = setInterval(write, 60_000);
    return () => clearInterval(timer);
  }, [series]);
  return (
    <p class="visually-hidden" data-testid="chart-summary">
      {`${label}. ${text}`}
    </p>
  );
}

function summarize(
  history: History,
  series: readonly ChartSeries[],
  format: (value: number) => string,
): string {
  const columns: Columns = series.map(({ names }) => sumColumns(history, names));
  return columns
    .map((column, i) => {
      const known = column.filter((value) => value !== null);
      if (known.length === 0) return `${series[i].label}: not known yet.`;
      const low = format(Math.min(...known));
      const high = format(Math.max(...known));
      return `${series[i].label}: now ${format(known[known.length - 1])}, from ${low} to ${high}.`;
    })
    .join(' ');
}
