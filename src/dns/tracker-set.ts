/** What the zone tells of the trackers, and how it says so in text (BEP 34). */

export interface TrackerService {
  readonly protocol: 'udp' | 'http' | 'https';
  readonly port: number;
}

/** The trackers that clients are to be sent to. Another `revision` means another content. */
export interface TrackerSet {
  readonly revision: number;
  readonly addresses4: readonly string[];
  readonly addresses6: readonly string[];
  /** What they serve; what several serve may be named several times, and then weighs more. */
  readonly services: readonly TrackerService[];
}

/** The set before any tracker was known. */
export const NO_TRACKERS: TrackerSet = {
  revision: 0,
  addresses4: [],
  addresses6: [],
  services: [],
};

/** Keeps the text within the 255 bytes of one TXT string: 10 + 16 x 10 at most. */
const PORTS_MAX = 16;

/**
 * `BITTORRENT UDP:6969 TCP:6969`: each port once, the most common first, which is the order in which
 * clients are to try them. Undefined without a service: the bare word would say that nobody may
 * announce here.
 */
export function bittorrentText(services: readonly TrackerService[]): string | undefined {
  const counts = new Map<string, number>();
  const add = (service: TrackerService) => {
    const entry = `${service.protocol === 'udp' ? 'UDP' : 'TCP'}:${service.port}`;
    counts.set(entry, (counts.get(entry) ?? 0) + 1);
  };
  // Where two are equally common UDP goes first: it is the cheaper one for both sides.
  for (const service of services) if (service.protocol === 'udp') add(service);
  for (const service of services) if (service.protocol !== 'udp') add(service);
  if (counts.size === 0) return undefined;
  const entries = [...counts].sort(([, a], [, b]) => b - a).slice(0, PORTS_MAX);
  return ['BITTORRENT', ...entries.map(([entry]) => entry)].join(' ');
}
