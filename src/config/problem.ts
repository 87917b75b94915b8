/** One thing that is wrong with the configuration. */
export interface ConfigProblem {
  /** A file's name, an environment variable, or a flag. */
  readonly source: string;
  /** The setting, such as `limits.peersMax`; '' when the source as a whole is meant. */
  readonly path: string;
  readonly message: string;
}

/** `FILE: limits.peersMax: expected ...; got ...` */
export function formatProblem({ source, path, message }: ConfigProblem): string {
  return [source, path, message].filter((part) => part !== '').join(': ');
}

/** The configuration cannot be used. Carries every problem of every source, at most 100. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly code = 'configInvalid';
  constructor(readonly problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join('\n'));
  }
}

/** Problems listed; a file with more of them is most likely not a configuration at all. */
const PROBLEMS_MAX = 100;

/** Collects problems, so that all of them are told at once. */
export class ProblemList {
  private readonly kept: ConfigProblem[] = [];
  private count = 0;

  add(source: string, path: string, message: string): void {
    this.count++;
    if (this.kept.length < PROBLEMS_MAX) this.kept.push({ source, path, message });
  }

  /** Throws a `ConfigError` unless nothing was added. */
  throwIfAny(): void {
    if (this.count === 0) return;
    const more = this.count - this.kept.length;
    const tail = { source: '', path: '', message: `and ${more} more problems` };
    throw new ConfigError(more > 0 ? [...this.kept, tail] : this.kept);
  }
}

/** `line 3, column 14` of an index into a text, both counted from one. */
export function positionText(text: string, index: number): string {
  const before = text.slice(0, index);
  const lineStart = before.lastIndexOf('\n') + 1;
  let lines = 1;
  for (let at = before.indexOf('\n'); at >= 0; at = before.indexOf('\n', at + 1)) lines++;
  return `line ${lines}, column ${index - lineStart + 1}`;
}

const SHOWN_CHARACTERS_MAX = 60;

/** A value as a message shows it: never long, never with control characters. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') {
    const shown =
      value.length > SHOWN_CHARACTERS_MAX ? `${value.slice(0, SHOWN_CHARACTERS_MAX)}...` : value;
    return JSON.stringify(shown.replace(/[\u007f-\u009f]/g, '?'));
  }
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Map) return 'a section';
  return String(value);
}
