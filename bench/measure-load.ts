/** One load at one server, with the processor time of both while it was measured. */
import type { LoadOptions } from '../src/load/load-options.js';
import { type LoadHooks, type LoadResult, runLoad } from '../src/load/run-load.js';
import type { RunningContender } from './contender.js';
import type { Sample } from './figures.js';

export interface MeasuredLoad {
  readonly result: LoadResult;
  readonly sample: Sample;
}

/** Rejects with a `LoadError`. */
export async function measureLoad(
  running: RunningContender,
  options: LoadOptions,
  hooks: Pick<LoadHooks, 'torrentOf'> = {},
): Promise<MeasuredLoad> {
  const server = [running.cpu(), running.cpu()];
  const load = [process.cpuUsage(), process.cpuUsage()];
  const result = await runLoad(options, {
    ...hooks,
    onMeasure: (moment) => {
      const i = moment === 'start' ? 0 : 1;
      server[i] = running.cpu();
      load[i] = process.cpuUsage();
    },
  });
  const { requests, seconds, latencyUs } = result;
  const user = server[1].user - server[0].user;
  const system = server[1].system - server[0].system;
  const loadMicroseconds = load[1].user + load[1].system - load[0].user - load[0].system;
  const sample = {
    requestsPerSecond: result.requestsPerSecond,
    userUs: (1e6 * user) / requests,
    systemUs: (1e6 * system) / requests,
    perCpuSecond: requests / (user + system),
    serverBusy: (user + system) / seconds,
    loadBusy: loadMicroseconds / 1e6 / seconds,
    peersPerReply: result.peersPerReply ?? 0,
    p50Us: latencyUs.p50,
    p99Us: latencyUs.p99,
    errors: Object.values(result.errors).reduce((sum, times) => sum + times, 0),
  };
  return { result, sample };
}
