/** The figures of `npm run bench -- ws` as Markdown, with the targets. */
import { count } from './compare.js';
import { WS_SHAPES, type WsFigure, type WsTimes } from './ws-compare.js';
import { NPM, OURS } from './ws-contenders.js';
import type { HttpsFigure } from './ws-https.js';
import type { IdleFigure } from './ws-idle.js';

export interface WsFigures {
  readonly compared: readonly WsFigure[];
  readonly https: readonly HttpsFigure[];
  readonly idle: readonly IdleFigure[];
  readonly notes: ReadonlySet<string>;
}

export interface WsContext extends WsTimes {
  readonly date: string;
  readonly host: string;
  readonly processor: string;
  readonly system: string;
  readonly command: string;
  readonly pinned: boolean;
}

const RATIO_TARGET = 2;
const BYTES_TARGET = 12 * 1_024;
const P99_TARGET_MS = 20;
/** Below this on both cores a measurement is somebody else's fault. */
const BUSY_MIN = 0.9;

export function wsReport(figures: WsFigures, context: WsContext): string {
  const { date, host, processor, system, command, rounds, seconds, pinned } = context;
  const { compared, https, idle, notes } = figures;
  const lines = [
    `# WebTorrent and HTTPS, ${date}, ${host}`,
    '',
    `${processor}; ${system}; node ${process.version}. \`${command}\`: medians of ${rounds} round(s), ${seconds} s each. ${pinned ? 'Trackers are pinned to the first core, the load generator to the last.' : 'Nothing is pinned: there is one core only, or no way to choose.'} Read it with \`bench/README.md\`.`,
    '',
  ];
  if (compared.length > 0) lines.push(...comparedSection(compared));
  if (https.length > 0) lines.push(...httpsSection(https));
  if (idle.length > 0) lines.push(...idleSection(idle));
  lines.push(...targetSection(figures));
  if (notes.size > 0) lines.push('## Notes', '', ...[...notes].map((note) => `- ${note}`), '');
  return lines.join('\n');
}

function comparedSection(figures: readonly WsFigure[]): string[] {
  const lines = [
    '## Announces over WebSocket',
    '',
    'Browsers that are in five swarms each announce as fast as they are answered, an announce under way on each connection unless said otherwise. An offer has 1 KB; whom it reaches answers it. *Offers* and *answers* are those passed on for each announce: trackers that pass on different amounts are not comparable.',
    '',
  ];
  for (const shape of WS_SHAPES) {
    const rows = figures.filter((each) => each.shape === shape);
    if (rows.length === 0) continue;
    const npm = rows.find(({ contender }) => contender === NPM)?.median;
    lines.push(
      `### ${shape.title}`,
      '',
      `| | announces/s | to ${NPM} | per server CPU s | to ${NPM} | server, load busy | offers, answers | p50, p99 ms | errors |`,
      '|---|---|---|---|---|---|---|---|---|',
    );
    for (const { contender, median } of rows) {
      lines.push(
        row([
          contender,
          count(median.requestsPerSecond),
          npm === undefined ? '' : times(median.requestsPerSecond / npm.requestsPerSecond),
          count(median.perCpuSecond),
          npm === undefined ? '' : times(median.perCpuSecond / npm.perCpuSecond),
          `${percent(median.serverBusy)}, ${percent(median.loadBusy)}${busyMark(median)}`,
          `${median.offersEach.toFixed(2)}, ${median.answersEach.toFixed(2)}`,
          `${ms(median.p50Us)}, ${ms(median.p99Us)}`,
          count(median.errors),
        ]),
      );
    }
    lines.push('');
  }
  return lines;
}

function httpsSection(figures: readonly HttpsFigure[]): string[] {
  const lines = [
    '## HTTPS',
    '',
    "Announces of 30 peers over 64 connections, by TLS 1.3; ours only, with no target: the handshake dominates, and both sides pay for it. The load generator is node's own TLS, slower than the server in most rows: what counts is the rate per second of the server's processor time. HTTP is asked in the same way, to compare.",
    '',
    '| | requests/s | per server CPU s | server us: user + system | server, load busy | resumed | p50, p99 ms | errors |',
    '|---|---|---|---|---|---|---|---|',
  ];
  for (const { title, median, resumed } of figures) {
    lines.push(
      row([
        title,
        count(median.requestsPerSecond),
        count(median.perCpuSecond),
        `${median.userUs.toFixed(0)} + ${median.systemUs.toFixed(0)}`,
        `${percent(median.serverBusy)}, ${percent(median.loadBusy)}${busyMark(median)}`,
        title.startsWith('HTTPS, connection') ? percent(resumed) : '',
        `${ms(median.p50Us)}, ${ms(median.p99Us)}`,
        count(median.errors),
      ]),
    );
  }
  return [...lines, ''];
}

function idleSection(figures: readonly IdleFigure[]): string[] {
  const lines = [
    '## Idle WebSockets',
    '',
    "Browsers that are in a swarm and wait. Memory is the growth of the tracker's resident size, all of it. Announces come from 16 connections meanwhile, as fast as they are answered, over WebSocket with one offer each, and over HTTP.",
    '',
    '| | open | made in s | bytes each | p99 ms over ws: without, beside | over http: without, beside | errors |',
    '|---|---|---|---|---|---|---|',
  ];
  for (const { contender, connections, openSeconds, bytesEach, ws, http, errors } of figures) {
    const both = ([without, beside]: readonly [number, number]) =>
      `${without.toFixed(2)}, ${beside.toFixed(2)}`;
    lines.push(
      row([
        contender,
        count(connections),
        openSeconds.toFixed(1),
        count(bytesEach),
        both(ws),
        http === undefined ? '' : both(http),
        count(errors),
      ]),
    );
  }
  return [...lines, ''];
}

/** What was promised, and what came of it. */
function targetSection({ compared, idle }: WsFigures): string[] {
  const lines: string[] = [];
  const verdict = (isMet: boolean) => (isMet ? 'met' : 'missed');
  for (const shape of WS_SHAPES) {
    if (shape.options.offers === 0) continue;
    const [mine, npm] = [OURS, NPM].map(
      (name) => compared.find((each) => each.shape === shape && each.contender === name)?.median,
    );
    if (mine === undefined || npm === undefined) continue;
    const rate = mine.requestsPerSecond / npm.requestsPerSecond;
    const perCpu = mine.perCpuSecond / npm.perCpuSecond;
    lines.push(
      row([
        `announces, ${shape.title}`,
        `>= ${RATIO_TARGET}x ${NPM}`,
        `${times(rate)} a second, ${times(perCpu)} per CPU second`,
        verdict(rate >= RATIO_TARGET),
      ]),
    );
  }
  const waiting = idle.find(({ contender }) => contender === OURS);
  if (waiting !== undefined) {
    const { bytesEach, ws, http } = waiting;
    const p99 = Math.max(ws[1], http?.[1] ?? 0);
    lines.push(
      row([
        'an idle WebSocket',
        `<= ${count(BYTES_TARGET)} bytes`,
        count(bytesEach),
        verdict(bytesEach <= BYTES_TARGET),
      ]),
      row([
        'announce p99 beside them',
        `< ${P99_TARGET_MS} ms`,
        `${p99.toFixed(2)} ms`,
        verdict(p99 < P99_TARGET_MS),
      ]),
    );
  }
  if (lines.length === 0) return [];
  return ['## Targets', '', '| what | target | measured | |', '|---|---|---|---|', ...lines, ''];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

const percent = (share: number) => `${Math.round(100 * share)} %`;
const times = (ratio: number) => `${ratio.toFixed(2)}x`;
const ms = (us: number) => (us / 1_000).toFixed(2);

function busyMark({ serverBusy, loadBusy }: { serverBusy: number; loadBusy: number }): string {
  return Math.max(serverBusy, loadBusy) < BUSY_MIN ? ' (something else ran)' : '';
}
