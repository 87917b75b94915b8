/** The name that a minder of a test answers for. */

import { parseAddressPort } from '../../support/address.js';
import { dig } from '../../support/dig.js';
import type { MinderProcess } from '../../support/minder-process.js';
import type { TrackerProcess } from '../../support/tracker-process.js';

export const ZONE = 'tracker.test';

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

export function addressOf(tracker: TrackerProcess): string {
  return tracker.http[0].host;
}
