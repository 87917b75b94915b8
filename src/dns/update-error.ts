/** Why a dynamic update failed. `docs/errors.md` lists the same codes. */

export const UPDATE_ERROR_CODES = [
  'update_unreachable',
  'update_answer_malformed',
  'update_answer_unsigned',
  'update_answer_forged',
  'update_key_unknown',
  'update_key_differs',
  'update_clock',
  'update_refused',
  'update_not_authoritative',
  'update_failed',
] as const;
export type UpdateErrorCode = (typeof UPDATE_ERROR_CODES)[number];

/** The name server did not take an update, or did not say so in a way to be believed. */
export class UpdateError extends Error {
  override name = 'UpdateError';
  constructor(
    readonly code: UpdateErrorCode,
    message: string,
  ) {
    super(message);
  }
}
