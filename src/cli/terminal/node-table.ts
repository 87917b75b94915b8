/** The nodes of a cluster as a table: for `trackerbt nodes` and for `trackerbt top`. */
import type { Tone } from './paint.js';
import { countText, millisText, rateText } from './quantity.js';
import { type Cell, type Column, type TableStyle, tableLines } from './table.js';

/** Of a node; null and absent: not known. */
export interface NodeRow {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly reason?: string | null | undefined;
  readonly version: string;
  readonly lagMs: number | null;
  readonly clockOffsetMs: number | null;
  readonly peers: number | null;
  readonly requestsPerSecond?: number | null | undefined;
  readonly intervalSeconds?: number | null | undefined;
}

/** A narrow terminal drops them from the lowest rank on. */
const COLUMNS: readonly Column[] = [
  { title: 'ID', rank: 2, cellsMin: 8 },
  { title: 'NAME', cellsMin: 8 },
  { title: 'ROLE', rank: 5 },
  { title: 'STATE', cellsMin: 7 },
  { title: 'LAG', align: 'right', rank: 7 },
  { title: 'CLOCK', align: 'right', rank: 3 },
  { title: 'PEERS', align: 'right', rank: 8 },
  { title: 'REQUESTS', align: 'right', rank: 9 },
  { title: 'INTERVAL', align: 'right', rank: 4 },
  { title: 'VERSION', rank: 1, cellsMin: 5 },
];

const TONES: Readonly<Record<string, Tone>> = {
  healthy: 'good',
  joining: 'mark',
  draining: 'warn',
  unreachable: 'bad',
  revoked: 'quiet',
};
const LAG_WARN_MS = 1_000;
const LAG_BAD_MS = 10_000;
/** As far as clocks of a cluster may be apart before anything happens. */
const CLOCK_WARN_MS = 1_000;
const NONE = '-';

export function nodeLines(nodes: readonly NodeRow[], style: TableStyle): string[] {
  return tableLines(COLUMNS, nodes.map(cellsOfNode), style);
}

function cellsOfNode(node: NodeRow): Cell[] {
  const { state, reason, lagMs, clockOffsetMs, requestsPerSecond, intervalSeconds } = node;
  const isTracker = node.role === 'tracker';
  const known = (value: number | null | undefined, text: string) =>
    typeof value === 'number' ? text : NONE;
  return [
    { text: node.id, tone: 'quiet' },
    node.name,
    node.role,
    {
      text: reason ? `${state} (${reason})` : state,
      tone: Object.hasOwn(TONES, state) ? TONES[state] : 'plain',
    },
    { text: millisText(lagMs), tone: lagTone(lagMs) },
    {
      text: known(clockOffsetMs, `${Math.round(clockOffsetMs ?? 0)} ms`),
      tone: Math.abs(clockOffsetMs ?? 0) >= CLOCK_WARN_MS ? 'warn' : 'plain',
    },
    isTracker ? countText(node.peers) : NONE,
    known(requestsPerSecond, `${rateText(requestsPerSecond)}/s`),
    known(intervalSeconds, `${intervalSeconds} s`),
    { text: node.version, tone: 'quiet' },
  ];
}

function lagTone(lagMs: number | null): Tone {
  if (lagMs === null || lagMs < LAG_WARN_MS) return 'plain';
  return lagMs < LAG_BAD_MS ? 'warn' : 'bad';
}
