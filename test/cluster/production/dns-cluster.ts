/** The name that a minder of a test answers for. */
import { parseAddressPort } from '../../support/address.js';
import { until } from '../../support/deadline.js';
import { dig } from '../../support/dig.js';
import type { MinderProcess } from '../../support/minder-process.js';
import type { TrackerProcess } from '../../support/tracker-process.js';

export const ZONE = 'tracker.test';
/** Only guards against hanging. */
const NAMED_LIMIT_MS = 60_000;

/** Of its first DNS address. */
export function dnsPortOf(minder: MinderProcess): number {
  const [first] = (minder.logs.find(({ msg }) => msg === 'ready')?.dns ?? []) as string[];
  if (first === undefined) throw new Error('the minder answers no DNS');
  return parseAddressPort(first).port;
}

/** The addresses that the zone's apex has, over TCP, so that none is cut off. */
export async function named(minder: MinderProcess, type: 'A' | 'AAAA'): Promise<string[]> {
  const { answer } = await dig('127.0.0.1', dnsPortOf(minder), '+tcp', ZONE, type);
  return answer.map((line) => line.split(' ').at(-1) ?? '');
}

/** Waits until the name has these addresses, and returns how long that took, in ms. */
export async function untilNamed(minder: MinderProcess, hosts: readonly string[]): Promise<number> {
  const startMs = performance.now();
  const wanted = hosts.toSorted().join();
  await until(
    async () => ((await named(minder, 'A')).toSorted().join() === wanted ? true : undefined),
    NAMED_LIMIT_MS,
    `the name to have ${hosts.join(' and ')}`,
  );
  return performance.now() - startMs;
}

export function addressOf(tracker: TrackerProcess): string {
  return tracker.http[0].host;
}
