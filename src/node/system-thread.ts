/**
 * How busy the threads of this process are, as Linux counts it.
 *
 * A worker that blocks in system calls has no event loop that could be asked, and Node.js tells the
 * processor's time of the whole process only. So each worker notes the number of its thread, and main
 * reads what the system has counted for it:
 *
 * ```
 * /proc/thread-self              a link: PID/task/TID
 * /proc/self/task/TID/stat       TID (name) state ...   field 14 user time, 15 system time, in 1/100 s
 * ```
 */
import { readFileSync, readlinkSync } from 'node:fs';

/** `USER_HZ`, which is the same on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100;
/** Fields behind the name, of which the state is the first: times are fields 14 and 15 of all. */
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/** The system's number of the calling thread; 0 where the system does not say. */
export function systemThread(): number {
  try {
    const number = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    return Number.isSafeInteger(number) ? number : 0;
  } catch {
    return 0;
  }
}

/** Processor's time that a thread of this process has used, in seconds; undefined if nobody knows. */
export function threadCpuSeconds(thread: number): number | undefined {
  if (thread === 0) return undefined;
  try {
    return parseCpuSeconds(readFileSync(`/proc/self/task/${thread}/stat`, 'latin1'));
  } catch {
    // It has ended, or /proc is not ours to read.
    return undefined;
  }
}

/** Reads a line of `stat`. The name may hold anything, so the last bracket ends it. */
export function parseCpuSeconds(stat: string): number | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME]);
  return Number.isFinite(ticks) ? ticks / TICKS_PER_SECOND : undefined;
}
