/** What is written at a node of the map, and what a screen reader says of it. */
import { formatCount, formatDuration, formatRate, formatShort, UNKNOWN } from '../format.js';
import { awayMs, type MapNode, stateText } from './model.js';

/** What the size of a tracker shows. */
export type SizeBy = 'peers' | 'requests';

/** Longer names are cut in the picture; the details say them whole. */
const NAME_CHARS_MAX = 22;

export function sizeOf({ view }: MapNode, by: SizeBy): number {
  if (by === 'peers') return view.peers;
  return view.state === 'unreachable' ? 0 : (view.requestsPerSecond ?? 0);
}

/** Whole milliseconds: more digits would only flicker. */
export function lagText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return UNKNOWN;
  if (ms < 1) return '<\u202f1\u202fms';
  return ms < 999.5 ? `${Math.round(ms)}\u202fms` : `${(ms / 1_000).toFixed(1)}\u202fs`;
}

/** Within the shape. */
export function shortSize(node: MapNode, by: SizeBy): string {
  const { state } = node.view;
  if (state === 'revoked' || (by === 'requests' && state === 'unreachable')) return '';
  if (by === 'peers') return formatShort(node.view.peers);
  const rate = node.view.requestsPerSecond;
  return rate === null || rate === undefined ? '' : formatShort(Math.round(rate));
}

export function shortName(name: string): string {
  const chars = [...name];
  return chars.length <= NAME_CHARS_MAX ? name : `${chars.slice(0, NAME_CHARS_MAX - 1).join('')}…`;
}

/** Below the name: why and for how long it is away, or how late its changes come. */
export function subtitle(node: MapNode, atMs: number, commonVersion: string): string {
  const { state, reason, lagMs, version, role } = node.view;
  const parts: string[] = [];
  if (state === 'unreachable') {
    const ms = awayMs(node, atMs);
    parts.push(reason ?? 'unreachable');
    if (ms !== null) parts.push(formatDuration(ms / 1_000));
  } else if (state !== 'healthy') {
    parts.push(state);
  } else if (role === 'tracker' && lagMs !== null) {
    parts.push(`lag ${lagText(lagMs)}`);
  }
  // What all run need not be said at those in trouble.
  if (version !== '' && (version !== commonVersion || state === 'healthy')) {
    parts.push(`v${version}`);
  }
  return parts.join(' · ');
}

/** The whole of it in a sentence. */
export function spoken(node: MapNode, atMs: number): string {
  const { role, name, state, reason, peers, lagMs, requestsPerSecond } = node.view;
  const parts = [`${role} ${name}`, stateText(state, reason)];
  const ms = awayMs(node, atMs);
  if (ms !== null) parts.push(`for ${formatDuration(ms / 1_000)}`);
  if (role === 'tracker' && state !== 'revoked') {
    parts.push(`${formatCount(peers)} peers`);
    if (typeof requestsPerSecond === 'number' && state !== 'unreachable') {
      parts.push(`${formatRate(requestsPerSecond)} requests a second`);
    }
    if (lagMs !== null && state !== 'unreachable') parts.push(`lag ${lagText(lagMs)}`);
  }
  return parts.join(', ');
}
