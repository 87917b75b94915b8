/**
 * WebRTC session descriptions as they pass through: JSON objects of which only their size and shape
 * matter to a tracker. They are passed on as they came; what makes that safe is that they were walked
 * over to the last byte (json-scan.ts), so that what is told to the other peer is one JSON object and
 * nothing else, whoever sent it.
 */
import { JsonScan } from './json-scan.js';

/** Longest description, in bytes of UTF-8. Browsers send 1 to 6 KB. */
export const SESSION_BYTES_MAX = 16 * 1024;
/** `{type, sdp}` needs one level; other clients may wrap more around it. */
const DEPTH_MAX = 4;
/** Members of a description and of what is in it, all together. */
const MEMBERS_MAX = 64;

const OBJECT = 0x7b;
const scan = new JsonScan();

/** For what a JsonScan counted in an object. Its size is another matter (`sessionText`). */
export function isSessionShape(members: number, depth: number): boolean {
  return members <= MEMBERS_MAX && depth <= DEPTH_MAX;
}

/** The description that stands there, or undefined for one that is too long. */
export function sessionText(bytes: Buffer, start: number, end: number): string | undefined {
  return end - start > SESSION_BYTES_MAX ? undefined : bytes.toString('utf8', start, end);
}

/** True for a text that is one description and nothing else; for those that others have checked. */
export function isSessionText(text: string): boolean {
  if (text.length > SESSION_BYTES_MAX || text.charCodeAt(0) !== OBJECT) return false;
  const bytes = Buffer.from(text);
  if (bytes.length > SESSION_BYTES_MAX) return false;
  scan.start(bytes);
  scan.members = 0;
  scan.depth = 0;
  const isWhole = scan.skip() && scan.at === bytes.length;
  return isWhole && isSessionShape(scan.members, scan.depth);
}
