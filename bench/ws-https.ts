/**
 * What TLS costs HTTP announces: a connection for each request with a full handshake and with a
 * resumed one, and kept connections; beside HTTP without TLS, asked in the same way.
 */
import { LOAD_DEFAULTS, LoadError, type LoadOptions } from '../src/load/load-options.js';
import { count } from './compare.js';
import { type RunningContender, startContender } from './contender.js';
import type { Cores } from './cores.js';
import { medianOf, type Sample } from './figures.js';
import { measureLoad } from './measure-load.js';
import type { WsTimes } from './ws-compare.js';
import { TRACKERBT, trackerbtOverTls } from './ws-contenders.js';

export interface HttpsFigure {
  readonly title: string;
  readonly median: Sample;
  /** Share of the connections that went on with a session of before. */
  readonly resumed: number;
}

interface Work {
  readonly title: string;
  readonly server: 'plain' | 'ecdsa' | 'rsa';
  readonly options: Partial<LoadOptions>;
}

const WORKS: readonly Work[] = [
  { title: 'HTTP, connection each', server: 'plain', options: { close: true } },
  { title: 'HTTPS, connection each, full, ECDSA P-256', server: 'ecdsa', options: { close: true } },
  { title: 'HTTPS, connection each, full, RSA 2048', server: 'rsa', options: { close: true } },
  {
    title: 'HTTPS, connection each, resumed',
    server: 'ecdsa',
    options: { close: true, resume: true },
  },
  { title: 'HTTP, kept connections', server: 'plain', options: {} },
  { title: 'HTTPS, kept connections', server: 'ecdsa', options: {} },
];

export async function measureHttps(
  times: WsTimes,
  { cores, notes, say }: { cores: Cores; notes: Set<string>; say: (text: string) => void },
): Promise<HttpsFigure[]> {
  const servers = new Map<Work['server'], RunningContender>();
  const samples = WORKS.map((): { sample: Sample; resumed: number }[] => []);
  try {
    const contenders = [
      ['plain', TRACKERBT],
      ['ecdsa', await trackerbtOverTls('ecdsa')],
      ['rsa', await trackerbtOverTls('rsa')],
    ] as const;
    for (const [key, contender] of contenders) {
      const started = await startContender(contender, {
        infoHashes: () => [],
        onCore: cores.forTracker,
      });
      if (typeof started === 'string') notes.add(`${contender.name}: ${started}`);
      else servers.set(key, started);
    }
    for (let round = 0; round < times.rounds; round++) {
      for (const [i, work] of WORKS.entries()) {
        const running = servers.get(work.server);
        if (running === undefined) continue;
        try {
          const measured = await measure(running, work, times);
          samples[i].push(measured);
          const { requestsPerSecond, perCpuSecond } = measured.sample;
          say(
            `round ${round + 1}, ${work.title}: ${count(requestsPerSecond)}/s, ${count(perCpuSecond)} per CPU s`,
          );
        } catch (error) {
          if (!(error instanceof LoadError)) throw error;
          notes.add(`${work.title}: ${error.message}`);
        }
      }
    }
  } finally {
    for (const running of servers.values()) await running.stop();
  }
  return WORKS.flatMap(({ title }, i) => {
    const all = samples[i];
    if (all.length === 0) return [];
    const resumed = all.reduce((sum, each) => sum + each.resumed, 0) / all.length;
    return [{ title, median: medianOf(all.map(({ sample }) => sample)), resumed }];
  });
}

async function measure(
  running: RunningContender,
  { server, options }: Work,
  { seconds, warmUpSeconds }: WsTimes,
): Promise<{ sample: Sample; resumed: number }> {
  const scheme = server === 'plain' ? 'http' : 'https';
  const { result, sample } = await measureLoad(running, {
    ...LOAD_DEFAULTS,
    url: new URL(`${scheme}://127.0.0.1:${running.port}/announce`),
    torrents: 1_000,
    peers: 20_000,
    fill: false,
    // TLS is node's own: so plain HTTP is asked in the same way, to compare.
    portable: true,
    timeoutMs: 10_000,
    seconds,
    warmUpSeconds,
    ...options,
  });
  return { sample, resumed: result.connects === 0 ? 0 : result.resumed / result.connects };
}
