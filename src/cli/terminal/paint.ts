/** Colours of a terminal, or none: what is red says so in words as well. */

/** What a piece of text means; the colours follow from it. */
export type Tone = 'plain' | 'title' | 'quiet' | 'good' | 'warn' | 'bad' | 'mark';

const CODES: Readonly<Record<Tone, string>> = {
  plain: '',
  title: '1',
  quiet: '2',
  good: '32',
  warn: '33',
  bad: '31',
  mark: '36',
};

/** Wraps a text, which is all it does: widths are taken before. */
export type Paint = (text: string, tone: Tone) => string;

export const noPaint: Paint = (text) => text;

export const ansiPaint: Paint = (text, tone) =>
  CODES[tone] === '' || text === '' ? text : `\x1b[${CODES[tone]}m${text}\x1b[0m`;

/**
 * Colours for a stream: none where it is no terminal, where `NO_COLOR` holds anything (no-color.org),
 * or where the terminal says that it knows none.
 */
export function paintFor(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  const isWanted = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return isWanted ? ansiPaint : noPaint;
}
