/**
 * Which walks this node takes part in, or did a moment ago: entries are taken from their other end
 * only. Bounded for each node, so that one that begins many ends none of the others'; the oldest goes.
 */
const NODES_MAX = 1_024;
const WALKS_MAX = 32;
/** Stops may come so long after the walk that they answer. */
const KEPT_MS = 60_000;

export class Dialogues {
  /** By node, the one that was heard longest ago first; its walks likewise. */
  readonly #untilMs = new Map<string, Map<number, number>>();

  /** A walk with a node begins or goes on. */
  keep(node: string, walkId: number, nowMs: number): void {
    const walks = this.#untilMs.get(node) ?? new Map<number, number>();
    walks.delete(walkId);
    walks.set(walkId, nowMs + KEPT_MS);
    if (walks.size > WALKS_MAX) forgetOldest(walks);
    this.#untilMs.delete(node);
    this.#untilMs.set(node, walks);
    if (this.#untilMs.size > NODES_MAX) forgetOldest(this.#untilMs);
  }

  has(node: string, walkId: number, nowMs: number): boolean {
    const until = this.#untilMs.get(node)?.get(walkId);
    return until !== undefined && nowMs <= until;
  }
}

function forgetOldest(map: Map<unknown, unknown>): void {
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
