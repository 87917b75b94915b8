/** For fast workers: which plain requests they leave to the portable HTTP worker. */
import { HeadResult, RequestHead } from '../protocol/http/request-head.js';
import { PageTarget, pageTargetOf } from '../tracker/page-targets.js';
import { isChallenge } from './challenge-handler.js';
import type { FastTask } from './task.js';

type IsLeft = (target: Uint8Array, start: number, end: number) => boolean;

/** Finds requests unusual that somebody else knows the answer to. */
class LeftHead extends RequestHead {
  readonly #isLeft: IsLeft;

  constructor(isLeft: IsLeft) {
    super();
    this.#isLeft = isLeft;
  }

  override parse(bytes: Uint8Array, start: number, limit: number): HeadResult {
    const result = super.parse(bytes, start, limit);
    const isLeft =
      result === HeadResult.plain && this.#isLeft(bytes, this.targetStart, this.targetEnd);
    return isLeft ? HeadResult.unusual : result;
  }
}

const isPage: IsLeft = (target, start, end) => pageTargetOf(target, start, end) !== PageTarget.none;

/** The parser for a fast worker: where everything is its own to answer, nothing more is looked at. */
export function headParserOf({
  answersChallenges,
  publicPage,
}: Pick<FastTask, 'answersChallenges' | 'publicPage'>): RequestHead {
  if (answersChallenges && publicPage) {
    return new LeftHead(
      (target, start, end) => isPage(target, start, end) || isChallenge(target, start, end),
    );
  }
  if (answersChallenges) return new LeftHead(isChallenge);
  return publicPage ? new LeftHead(isPage) : new RequestHead();
}
