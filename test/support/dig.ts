/** Debian's `dig`, asked without regard to the machine's own resolver and settings. */
import { execFile } from 'node:child_process';

export interface DigAnswer {
  /** As dig names it: `NOERROR`. Empty when no answer came. */
  readonly status: string;
  readonly flags: readonly string[];
  /** A line a record, blanks made one: `name ttl class type data`. */
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
  readonly text: string;
}

const TIME_LIMIT_MS = 60_000;

/** Asks `server` on `port`; `args` are dig's own. */
export async function dig(
  server: string,
  port: number,
  ...args: readonly string[]
): Promise<DigAnswer> {
  // +nocookie: its own option, which an answer would not carry. Tries once, so that counts hold.
  const all = [
    '-r',
    `@${server}`,
    '-p',
    String(port),
    '+tries=1',
    '+time=10',
    '+nocookie',
    ...args,
  ];
  const text = await new Promise<string>((resolve) => {
    // What dig says stands in its output; its exit code repeats that.
    execFile('dig', all, { timeout: TIME_LIMIT_MS }, (_, stdout) => resolve(stdout));
  });
  return {
    status: /status: ([A-Z0-9]+)/.exec(text)?.[1] ?? '',
    flags: (/;; flags: ([a-z ]*);/.exec(text)?.[1] ?? '').split(' '),
    answer: section(text, 'ANSWER'),
    authority: section(text, 'AUTHORITY'),
    additional: section(text, 'ADDITIONAL'),
    text,
  };
}

function section(text: string, name: string): string[] {
  const [, body = ''] = text.split(`;; ${name} SECTION:\n`);
  return body
    .split('\n\n')[0]
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(';'))
    .map((line) => line.replace(/\s+/g, ' '));
}
