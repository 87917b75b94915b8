import { positionText } from './problem.js';

/** Longest message; what a parser says may quote the file at length. */
const MESSAGE_CHARACTERS_MAX = 300;

/** A file is not well-formed, or uses a construct that is refused. Says where. */
export class SyntaxProblem extends Error {
  override name = 'SyntaxProblem';

  constructor(message: string) {
    super(message.slice(0, MESSAGE_CHARACTERS_MAX).replace(/[\p{Cc}\p{Cs}]/gu, '?'));
  }

  /** A problem at an index into the file's text. */
  static at(text: string, index: number, message: string): SyntaxProblem {
    return new SyntaxProblem(`${positionText(text, index)}: ${message}`);
  }
}
