/**
 * Frames of `trackerbt top`: from what is known to lines, none wider than the terminal, none more
 * than it has. Pure: a frame follows from its arguments alone.
 *
 * ```
 * trackerbt top  tracker-a  tracker 0.1.0  up 1 d 2 h        head: who, for how long
 * http://127.0.0.1:6970  2026-01-01 00:00:00Z                where from, and what is wrong
 *
 * announces/s   1,234  ▁▂▃▄▅▆▇█                              gauges: now, and the last minute
 *
 * BUSIEST SWARMS   SEEDERS  LEECHERS                         a table: the rest of the screen
 *
 * q quit                                                     foot: keys
 * ```
 */
import { timeText } from '../minder-command.js';
import { cellsOf, cut, fitTo } from '../terminal/cells.js';
import { nodeLines } from '../terminal/node-table.js';
import type { Paint, Tone } from '../terminal/paint.js';
import {
  bytesText,
  countText,
  durationText,
  microsText,
  rateText,
  shareText,
} from '../terminal/quantity.js';
import { spark } from '../terminal/spark.js';
import { tableLines } from '../terminal/table.js';
import { sortedNodes } from './node-order.js';
import type { TopTick } from './tick-reader.js';
import { HISTORY_LENGTH, type TopState } from './top-state.js';

export interface Frame {
  readonly columns: number;
  /** Infinite where lines scroll away by themselves. */
  readonly rows: number;
  readonly paint: Paint;
  /** The same clock as for `TopState.failed`. */
  readonly nowMs: number;
  /** Keys are heard. */
  readonly hasKeys: boolean;
}

const LABEL_CELLS = 16;
const VALUE_CELLS = 9;
/** From here on two gauges stand beside each other. */
const WIDE_COLUMNS = 110;
/** On less there is no table. */
const LIST_COLUMNS_MIN = 24;

type Gauge = readonly [label: string, value: string, series: string | undefined];

export function frameLines(state: TopState, frame: Frame): string[] {
  const { columns, rows } = frame;
  const { tick } = state;
  if (tick === undefined) {
    const text = state.trouble === '' ? 'asking ...' : `${state.trouble}; trying on`;
    return [
      frame.paint(cut('trackerbt top', columns), 'title'),
      ...wrapped(text, columns).map((line) => frame.paint(line, 'warn')),
      ...footLines(frame, false),
    ].slice(0, rows);
  }
  const head = headLines(state, tick, frame);
  const body =
    tick.role === 'tracker' ? trackerLines(state, tick, frame) : minderLines(state, tick, frame);
  const foot = footLines(frame, tick.role === 'minder');
  const room = rows - head.length - body.length - foot.length - 1;
  const list = room >= 2 ? listLines(state, tick, frame, room) : [];
  const lines = [...head, ...body, ...(list.length > 0 ? ['', ...list] : [])];
  return [...lines.slice(0, Math.max(1, rows - foot.length)), ...foot].slice(0, rows);
}

function headLines(state: TopState, tick: TopTick, { columns, paint, nowMs }: Frame): string[] {
  const who = `${tick.name}  ${tick.role} ${tick.version}  up ${durationText(tick.uptimeSeconds)}`;
  const lines = [
    paint(cut(`trackerbt top  ${who}`, columns), 'title'),
    paint(cut(`${state.url}  ${momentText(tick.atMs)}`, columns), 'quiet'),
  ];
  if (state.trouble !== '') {
    const since = durationText((nowMs - state.troubleMs) / 1_000);
    const text = `no answer for ${since}, trying on: ${state.trouble}`;
    lines.push(paint(cut(text, columns), 'bad'));
  }
  return [...lines, ''];
}

function trackerLines(state: TopState, tick: TopTick, frame: Frame): string[] {
  const rate = (label: string, series: string): Gauge => [
    label,
    rateText(state.last(series)),
    series,
  ];
  const count = (label: string, series: string): Gauge => [
    label,
    countText(state.last(series)),
    series,
  ];
  const time = (label: string, series: string): Gauge => [
    label,
    microsText(state.last(series)),
    series,
  ];
  const gauges: Gauge[] = [
    rate('announces/s', 'announces'),
    rate('  UDP IPv4', 'announces_udp4'),
    rate('  UDP IPv6', 'announces_udp6'),
    rate('  HTTP IPv4', 'announces_http4'),
    rate('  HTTP IPv6', 'announces_http6'),
    rate('  WebTorrent', 'announces_web'),
    rate('scrapes/s', 'scrapes'),
    rate('drops/s', 'drops'),
    time('latency p50', 'latency_p50_us'),
    time('latency p99', 'latency_p99_us'),
    count('peers', 'peers'),
    count('  seeders', 'seeders'),
    count('  leechers', 'leechers'),
    count('  in browsers', 'web_peers'),
    count('swarms', 'swarms'),
    ['memory', bytesText(state.last('rss_bytes')), 'rss_bytes'],
    ['busy', shareText(state.last('busy_share')), 'busy_share'],
    count('connections', 'http_connections'),
  ];
  return [...gaugeLines(gauges, state, frame), ...noteLines(state, tick, frame)];
}

function noteLines(state: TopState, tick: TopTick, { columns, paint }: Frame): string[] {
  const lines: string[] = [];
  const say = (text: string, tone: Tone = 'plain') => lines.push(paint(cut(text, columns), tone));
  const room = [
    `peers ${countText(state.last('peers'))} of ${countText(tick.peersMax)}`,
    `store ${bytesText(state.last('store_bytes'))} of ${bytesText(tick.bytesReserved)}`,
    `interval ${durationOfInterval(tick.intervalSeconds)}`,
  ];
  if (tick.nodes.length > 1) room.push(`cluster of ${tick.nodes.length}`);
  say(room.join(', '), 'quiet');
  if (tick.busConnected === false) say('the bus of the cluster cannot be reached', 'bad');
  if (tick.draining) say('draining: clients are sent to other trackers', 'warn');
  if ((tick.stretch ?? 1) > 1) {
    const why = tick.loadReason === '' ? '' : ` (${tick.loadReason})`;
    say(`the interval is ${tick.stretch?.toFixed(1)} times as long as it would be${why}`, 'warn');
  }
  if (tick.drops.length > 0) {
    const drops = tick.drops.map(([name, total]) => `${name} ${countText(total)}`);
    say(`dropped since the start: ${drops.join(', ')}`, 'quiet');
  }
  return lines;
}

function minderLines(state: TopState, tick: TopTick, frame: Frame): string[] {
  const trackers = tick.nodes.filter(
    ({ role, state }) => role === 'tracker' && state !== 'revoked',
  );
  const gauges: Gauge[] = [
    ['requests/s', rateText(state.last('requests')), 'requests'],
    ['records/s', rateText(state.last('records')), 'records'],
    ['peers', countText(state.last('peers')), 'peers'],
    [
      'trackers well',
      `${countText(state.last('trackers_healthy'))} of ${trackers.length + (tick.nodesOmitted > 0 ? tick.nodesOmitted : 0)}`,
      'trackers_healthy',
    ],
    ['nodes', countText(state.last('nodes')), 'nodes'],
    ['memory', bytesText(state.last('rss_bytes')), 'rss_bytes'],
  ];
  const lines = gaugeLines(gauges, state, frame);
  if (tick.busConnected === false) {
    lines.push(frame.paint(cut('the bus cannot be reached', frame.columns), 'bad'));
  }
  return lines;
}

/** In two columns where there is room: down the first, then down the second. */
function gaugeLines(gauges: readonly Gauge[], state: TopState, frame: Frame): string[] {
  const { columns } = frame;
  if (columns < WIDE_COLUMNS) return gauges.map((gauge) => gaugeLine(gauge, state, frame, columns));
  const half = Math.ceil(gauges.length / 2);
  const cells = Math.floor((columns - 2) / 2);
  return gauges.slice(0, half).map((left, i) => {
    const right = gauges[half + i];
    const first = gaugeLine(left, state, frame, cells, true);
    return right === undefined ? first : `${first}  ${gaugeLine(right, state, frame, cells)}`;
  });
}

function gaugeLine(
  [label, value, series]: Gauge,
  state: TopState,
  { paint }: Frame,
  cells: number,
  isFilled = false,
): string {
  const labelCells = Math.min(LABEL_CELLS, Math.max(0, cells - VALUE_CELLS - 1));
  const text = `${fitTo(label, labelCells)}${fitTo(value, Math.min(VALUE_CELLS, cells), 'right')}`;
  const room = Math.min(HISTORY_LENGTH, cells - cellsOf(text) - 2);
  const bars = series === undefined || room < 4 ? '' : spark(state.history(series), room);
  const blanks = isFilled ? ' '.repeat(Math.max(0, cells - cellsOf(text) - 2 - cellsOf(bars))) : '';
  return bars === '' ? text + blanks : `${text}  ${paint(bars, 'mark')}${blanks}`;
}

/** The table below, at most `room` lines of it. */
function listLines(state: TopState, tick: TopTick, frame: Frame, room: number): string[] {
  const all = tick.role === 'minder' ? nodesTable(state, tick, frame) : swarmsTable(tick, frame);
  if (all.length <= 1 || frame.columns < LIST_COLUMNS_MIN) return [];
  const [title, ...rows] = all;
  const shown = room - 1;
  if (rows.length <= shown) return all;
  // One line says how much more there is.
  const from = Math.min(state.scrolled, rows.length - (shown - 1));
  state.scrolled = from;
  const part = rows.slice(from, from + shown - 1);
  const rest = rows.length - part.length;
  return [title, ...part, frame.paint(cut(`and ${rest} more`, frame.columns), 'quiet')];
}

function nodesTable(state: TopState, tick: TopTick, { columns, paint }: Frame): string[] {
  const lines = nodeLines(sortedNodes(tick.nodes, state), { width: columns, paint });
  if (tick.nodesOmitted > 0) {
    lines.push(paint(cut(`${tick.nodesOmitted} nodes are not listed`, columns), 'quiet'));
  }
  return lines;
}

function swarmsTable({ busiest }: TopTick, { columns, paint }: Frame): string[] {
  const titles = [
    { title: 'BUSIEST SWARMS', cellsMin: 15 },
    { title: 'SEEDERS', align: 'right', rank: 4 },
    { title: 'LEECHERS', align: 'right', rank: 3 },
    { title: 'WEB', align: 'right', rank: 1 },
    { title: 'DOWNLOADS', align: 'right', rank: 2 },
  ] as const;
  const rows = busiest.map(({ infoHash, seeders, leechers, webPeers, downloads }) => [
    infoHash,
    ...[seeders, leechers, webPeers, downloads].map(countText),
  ]);
  return tableLines(titles, rows, { width: columns, paint });
}

function footLines({ columns, paint, hasKeys }: Frame, hasNodes: boolean): string[] {
  if (!hasKeys) return [];
  const sort = hasNodes ? '  sort by: n name, s state, l lag, p peers, r requests' : '';
  return [paint(cut(`q quit  up, down: more${sort}`, columns), 'quiet')];
}

function durationOfInterval(seconds: number | null): string {
  return seconds === null ? '-' : `${Math.round(seconds)} s`;
}

/** Whatever a stranger's clock says. */
function momentText(atMs: number): string {
  return Math.abs(atMs) < 8.64e15 ? timeText(atMs) : '-';
}

function wrapped(text: string, cells: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && cellsOf(line) + 1 + cellsOf(word) > cells) {
      lines.push(line);
      line = '';
    }
    line = cut(line === '' ? word : `${line} ${word}`, cells);
  }
  return [...lines, line];
}
