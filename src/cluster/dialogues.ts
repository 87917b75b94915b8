/**
 * Which walks this node takes part in, or did a moment ago: entries are taken from their other end
 * only. Bounded; the oldest goes.
 */
const DIALOGUES_MAX = 256;
/** Stops may come so long after the walk that they answer. */
const KEPT_MS = 60_000;

export class Dialogues {
  readonly #untilMs = new Map<string, number>();

  /** A walk with a node begins or goes on. */
  keep(node: string, walkId: number, nowMs: number): void {
    const key = `${node} ${walkId}`;
    this.#untilMs.delete(key);
    this.#untilMs.set(key, nowMs + KEPT_MS);
    if (this.#untilMs.size <= DIALOGUES_MAX) return;
    for (const oldest of this.#untilMs.keys()) {
      this.#untilMs.delete(oldest);
      return;
    }
  }

  has(node: string, walkId: number, nowMs: number): boolean {
    const until = this.#untilMs.get(`${node} ${walkId}`);
    return until !== undefined && nowMs <= until;
  }
}
