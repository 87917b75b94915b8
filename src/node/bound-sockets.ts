/** What the sockets of a tracker were bound to. */
import type { BoundAddress } from '../frontend/frontend.js';
import { formatHostPort } from '../lib/host-port.js';

/** Each as `ADDRESS:PORT`. */
export interface BoundSockets {
  readonly http: readonly string[];
  readonly https: readonly string[];
  readonly udp: readonly string[];
}

/** What one worker has bound. */
export type Bound = Readonly<Partial<Record<keyof BoundSockets, readonly BoundAddress[]>>>;

/** Several workers may have bound the same. */
export function boundSockets(started: readonly Bound[]): BoundSockets {
  const texts = (of: (one: Bound) => readonly BoundAddress[] | undefined) => [
    ...new Set(
      started.flatMap((one) =>
        (of(one) ?? []).map(({ address, port }) => formatHostPort(address, port)),
      ),
    ),
  ];
  return {
    http: texts(({ http }) => http),
    udp: texts(({ udp }) => udp),
    https: texts(({ https }) => https),
  };
}
