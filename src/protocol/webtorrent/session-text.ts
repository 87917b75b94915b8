/**
 * WebRTC session descriptions as they pass through: JSON objects of which only their size and shape
 * matter to a tracker. They are parsed and written anew, so that what is told to the other peer is one
 * JSON object and nothing else, whoever sent it.
 */

/** Longest description, in bytes of UTF-8. Browsers send 1 to 6 KB. */
export const SESSION_BYTES_MAX = 16 * 1024;
/** `{type, sdp}` needs one level; other clients may wrap more around it. */
const DEPTH_MAX = 4;
/** Members of a description and of what is in it, all together. */
const MEMBERS_MAX = 64;

/** True for an object of bounded shape. Its size shows when it is written (`sessionText`). */
export function isSession(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return members(value, DEPTH_MAX, MEMBERS_MAX) >= 0;
}

/** The description as JSON text, or undefined for what is none or too much of one. */
export function sessionText(value: unknown): string | undefined {
  if (!isSession(value)) return undefined;
  const text = JSON.stringify(value);
  // Most are ASCII: then the length says it all.
  if (text.length > SESSION_BYTES_MAX) return undefined;
  return Buffer.byteLength(text) > SESSION_BYTES_MAX ? undefined : text;
}

/** What is left of `left` after all members are counted; negative when there are too many, or too deep. */
function members(value: object, depth: number, left: number): number {
  if (depth === 0) return -1;
  for (const member of Object.values(value)) {
    left--;
    if (left >= 0 && typeof member === 'object' && member !== null) {
      left = members(member, depth - 1, left);
    }
    if (left < 0) return -1;
  }
  return left;
}
