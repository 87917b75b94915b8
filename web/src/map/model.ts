/**
 * From one tick to the next: the nodes and links to draw, and what happened in between.
 *
 * ```
 * ClusterView (each second) --> nextModel(before, view, atMs) --> nodes, links   drawn
 *                                                             --> events         said in the log
 * ```
 *
 * Pure: time comes in with the tick. Names and reasons come from other machines; they stay text.
 */
import { entryOf } from '../entry.js';
import type { ClusterView, NodeState, NodeView } from '../tick.js';

/** Most nodes that the map draws; the list shows the others too. */
export const MAP_NODES_MAX = 200;
/** Most links that the map draws; the busiest come first. */
export const MAP_LINKS_MAX = 1_000;
/** For how long a node that came back pulses. */
export const PULSE_MS = 2_400;

export interface MapNode {
  readonly view: NodeView;
  readonly id: string;
  /** The minder whose page this is. */
  readonly isSelf: boolean;
  /** Records that it sends to, and hears from, each other node in a second, all links together. */
  readonly recordsOutPerSecond: number;
  readonly recordsInPerSecond: number;
  /** When this page saw it enter its state; null for a state that was there when the page opened. */
  readonly sinceMs: number | null;
  /** Since when it is away, until it serves again: while it joins anew, too. Null where unknown. */
  readonly awayFromMs: number | null;
  /** When it came back from being unreachable, for the pulse; null when it did not. */
  readonly returnedMs: number | null;
}

export interface MapLink {
  /** `FROM>TO`. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly recordsPerSecond: number;
  readonly lagMs: number | null;
}

export interface MapEvent {
  readonly atMs: number;
  /** How bad it is: what the log's mark shows. */
  readonly tone: 'good' | 'info' | 'warning' | 'bad';
  readonly text: string;
}

export interface MapModel {
  readonly atMs: number;
  readonly nodes: readonly MapNode[];
  readonly byId: ReadonlyMap<string, MapNode>;
  readonly links: readonly MapLink[];
  readonly linksById: ReadonlyMap<string, MapLink>;
  /** What happened since the tick before. */
  readonly events: readonly MapEvent[];
}

/** @param before the model of the tick before; undefined for the first, which has no events */
export function nextModel(before: MapModel | undefined, view: ClusterView, atMs: number): MapModel {
  const known = new Set(view.nodes.filter(({ state }) => state !== 'revoked').map(({ id }) => id));
  const links = linksOf(view, known);
  const rates = ratesOf(links);
  const nodes = view.nodes.map((told): MapNode => {
    const node = { ...told, name: plainText(told.name), version: plainText(told.version) };
    const last = before?.byId.get(node.id);
    const isSame = last !== undefined && last.view.state === node.state;
    const sinceMs = isSame ? last.sinceMs : before === undefined ? null : atMs;
    const isBack = isUp(node.state) && wasAway(last);
    return {
      view: node,
      id: node.id,
      isSelf: node.id === view.self,
      recordsOutPerSecond: rates.get(node.id)?.out ?? 0,
      recordsInPerSecond: rates.get(node.id)?.in ?? 0,
      sinceMs,
      awayFromMs: awayFrom(node, last, sinceMs, atMs),
      returnedMs: isBack ? atMs : isUp(node.state) ? (last?.returnedMs ?? null) : null,
    };
  });
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const events = before === undefined ? [] : eventsOf(before, byId, atMs);
  const linksById = new Map(links.map((link) => [link.id, link]));
  return { atMs, nodes, byId, links, linksById, events };
}

/** Those that the map draws: this minder, then whoever needs eyes, then the largest. */
export function drawnNodes(nodes: readonly MapNode[]): readonly MapNode[] {
  if (nodes.length <= MAP_NODES_MAX) return nodes;
  const rank = ({ isSelf, view }: MapNode) =>
    isSelf ? 0 : view.role === 'minder' ? 1 : (entryOf(RANK, view.state) ?? 6);
  return nodes
    .toSorted((a, b) => rank(a) - rank(b) || b.view.peers - a.view.peers)
    .slice(0, MAP_NODES_MAX);
}

const RANK: Readonly<Record<NodeState, number>> = {
  unreachable: 2,
  draining: 3,
  joining: 4,
  healthy: 5,
  revoked: 6,
};

/** Whether clients are served there. */
export function isUp(state: NodeState): boolean {
  return state === 'healthy' || state === 'draining';
}

/** Whether a node in a state for this reason still says how it is. */
export function isHeard(reason: string | null): boolean {
  return reason !== 'silent' && reason !== 'stopped';
}

/** For how long a node has been unreachable, in ms; null where nobody can say. */
export function awayMs({ view, awayFromMs }: MapNode, atMs: number): number | null {
  if (view.state !== 'unreachable' || awayFromMs === null) return null;
  return Math.max(0, atMs - awayFromMs);
}

function awayFrom(
  { state, reason, lastHeartbeatMs }: NodeView,
  last: MapNode | undefined,
  sinceMs: number | null,
  atMs: number,
): number | null {
  if (state === 'joining') return wasAway(last) ? (last?.awayFromMs ?? null) : null;
  if (state !== 'unreachable') return null;
  if (!isHeard(reason) && lastHeartbeatMs !== null) return atMs - lastHeartbeatMs;
  return last?.view.state === 'unreachable' ? (last.awayFromMs ?? sinceMs) : sinceMs;
}

/**
 * Names are free text. What cannot be seen, or turns the direction of what stands beside it, becomes
 * a sign that can be seen.
 */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu, '\ufffd');
}

/** `unreachable (silent)`: a state with its reason, as the log and the list say it. */
export function stateText(state: NodeState, reason: string | null): string {
  return reason === null || reason === '' ? state : `${state} (${reason})`;
}

/** The version that most nodes run, so that others stand out. */
export function commonVersion(nodes: readonly MapNode[]): string {
  const counts = new Map<string, number>();
  let common = '';
  for (const { view } of nodes) {
    const count = (counts.get(view.version) ?? 0) + 1;
    counts.set(view.version, count);
    if (count > (counts.get(common) ?? 0) || common === '') common = view.version;
  }
  return common;
}

/** Nothing of a revoked node counts, though its last heartbeats tell of links. */
function linksOf(view: ClusterView, known: ReadonlySet<string>): MapLink[] {
  const links = view.links
    .filter(({ from, to }) => from !== to && known.has(from) && known.has(to))
    .map((link) => ({ ...link, id: `${link.from}>${link.to}` }));
  if (links.length <= MAP_LINKS_MAX) return links;
  return links.sort((a, b) => b.recordsPerSecond - a.recordsPerSecond).slice(0, MAP_LINKS_MAX);
}

function ratesOf(links: readonly MapLink[]): Map<string, { in: number; out: number }> {
  const rates = new Map<string, { in: number; out: number }>();
  const rateOf = (id: string) => {
    const rate = rates.get(id) ?? { in: 0, out: 0 };
    rates.set(id, rate);
    return rate;
  };
  for (const { from, to, recordsPerSecond } of links) {
    rateOf(from).out += recordsPerSecond;
    rateOf(to).in += recordsPerSecond;
  }
  return rates;
}

/** It was unreachable, and has at most begun to join again. */
function wasAway(last: MapNode | undefined): boolean {
  if (last === undefined) return false;
  const { state } = last.view;
  return state === 'unreachable' || (state === 'joining' && last.awayFromMs !== null);
}

function eventsOf(before: MapModel, byId: ReadonlyMap<string, MapNode>, atMs: number): MapEvent[] {
  const events: MapEvent[] = [];
  for (const { view } of byId.values()) {
    const who = `${view.role} ${view.name}`;
    const last = before.byId.get(view.id);
    if (last === undefined) {
      events.push({
        atMs,
        tone: 'info',
        text: `${who}: new, ${stateText(view.state, view.reason)}`,
      });
      continue;
    }
    if (last.view.name !== view.name) {
      events.push({
        atMs,
        tone: 'info',
        text: `${view.role} ${last.view.name}: now named ${view.name}`,
      });
    }
    if (last.view.state !== view.state || last.view.reason !== view.reason) {
      events.push({
        atMs,
        tone: entryOf(TONES, view.state) ?? 'info',
        text: `${who}: ${changeText(last, view, atMs)}`,
      });
    }
    if (last.view.version !== view.version) {
      const text = `${who}: version ${last.view.version} is now ${view.version}`;
      events.push({ atMs, tone: 'info', text });
    }
  }
  for (const { id, view } of before.nodes) {
    if (byId.has(id)) continue;
    events.push({ atMs, tone: 'info', text: `${view.role} ${view.name}: gone from the registry` });
  }
  return events;
}

const TONES: Readonly<Record<NodeState, MapEvent['tone']>> = {
  joining: 'info',
  healthy: 'good',
  draining: 'warning',
  unreachable: 'bad',
  revoked: 'bad',
};

function changeText(last: MapNode, view: NodeView, atMs: number): string {
  const text = stateText(view.state, view.reason);
  if (!isUp(view.state) || !wasAway(last) || last.awayFromMs === null) return text;
  return `${text} again after ${Math.max(1, Math.round((atMs - last.awayFromMs) / 1_000))} s`;
}
