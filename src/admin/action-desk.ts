/**
 * Who makes the changes that operators ask a minder for. The listener asks by the words that the
 * commands on the minder's machine use; whoever wires the process together has them done by the same
 * desk.
 */
export interface ActionDesk {
  /** Does it. Throws `AdminError` for what can be explained. */
  ask(method: string, params: unknown): Promise<unknown>;
  /** Where a new node finds this minder, `https://HOST:PORT`. */
  joinUrl(): string;
}
