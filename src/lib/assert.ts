/** A bug in our own code. It ends the worker that finds it; expected failures use other types. */
export class AssertionError extends Error {
  override name = 'AssertionError';
}

/** Ends the worker when something that must be true is not: a bug, never bad input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
