/** In which order nodes are listed. */
import type { TopNode } from './tick-reader.js';
import type { Sort } from './top-state.js';

/** What needs a look comes first. */
const STATES = ['unreachable', 'joining', 'draining', 'healthy', 'revoked'];

/** By name first; the rest keeps that order among equals, so that lists do not jump about. */
export function sortedNodes(
  nodes: readonly TopNode[],
  { sort, reversed }: { readonly sort: Sort; readonly reversed: boolean },
): TopNode[] {
  const byName = nodes.toSorted((a, b) => compare(a.name, b.name) || compare(a.id, b.id));
  const sorted = byName.sort((a, b) => order(a, b, sort));
  return reversed ? sorted.reverse() : sorted;
}

/** The largest number first: those are what one looks for. */
function order(a: TopNode, b: TopNode, sort: Sort): number {
  if (sort === 'state') return rankOf(a.state) - rankOf(b.state);
  if (sort === 'lag') return (b.lagMs ?? -1) - (a.lagMs ?? -1);
  if (sort === 'peers') return (b.peers ?? -1) - (a.peers ?? -1);
  if (sort === 'requests') return (b.requestsPerSecond ?? -1) - (a.requestsPerSecond ?? -1);
  return 0;
}

function rankOf(state: string): number {
  const rank = STATES.indexOf(state);
  return rank < 0 ? STATES.length : rank;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
