/** Which processors a thread runs on. Children and new threads inherit it. */
import { CPU_SET_BYTES } from './layout.js';
import { PinnedMemory } from './pinned-memory.js';
import type { Sys } from './sys.js';
import { check } from './sys-error.js';

/** Processors that `thread` (0: the calling one) may run on, ascending. Throws a `SysError`. */
export function readAffinity(sys: Sys, thread = 0): number[] {
  const memory = new PinnedMemory(sys, CPU_SET_BYTES);
  check(sys.schedGetaffinity(thread, CPU_SET_BYTES, memory.address), 'sched_getaffinity');
  const cpus: number[] = [];
  for (let cpu = 0; cpu < CPU_SET_BYTES * 8; cpu++) {
    if ((memory.bytes[cpu >>> 3] & (1 << (cpu & 7))) !== 0) cpus.push(cpu);
  }
  return cpus;
}

/** Keeps `thread` (0: the calling one) on `cpus`. Throws a `SysError`. */
export function setAffinity(sys: Sys, cpus: readonly number[], thread = 0): void {
  const memory = new PinnedMemory(sys, CPU_SET_BYTES);
  for (const cpu of cpus) memory.bytes[cpu >>> 3] |= 1 << (cpu & 7);
  check(sys.schedSetaffinity(thread, CPU_SET_BYTES, memory.address), 'sched_setaffinity');
}
