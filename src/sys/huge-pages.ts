/** Asks for pages of 2 MiB behind large tables: fewer misses when addresses are translated. */
import { MADV_HUGEPAGE } from './linux.js';
import { roundUp } from './pinned-memory.js';
import type { Sys } from './sys.js';

const PAGE_BYTES_MAX = 65_536;

/**
 * Advises the whole pages within `buffer`. A wish: 0, or a negative errno where the kernel has no
 * such pages. Best called before the memory is touched first.
 */
export function adviseHugePages(sys: Sys, buffer: SharedArrayBuffer): number {
  const start = sys.addressOf(new Uint8Array(buffer));
  const first = roundUp(start, PAGE_BYTES_MAX);
  const end = start + buffer.byteLength;
  const length = end - (end % PAGE_BYTES_MAX) - first;
  return length <= 0 ? 0 : sys.madvise(first, length, MADV_HUGEPAGE);
}
