/** A name server with a set of trackers that a test can change. */
import { DnsServer, type DnsServerOptions } from '../../src/dns/dns-server.js';
import type { TrackerSet } from '../../src/dns/tracker-set.js';
import type { ManualClock } from '../../src/lib/clock.js';
import { createLogger } from '../../src/lib/log.js';

export const ZONE = 'tracker.example.org';

export const SOME_TRACKERS: TrackerSet = {
  revision: 1,
  addresses4: ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
  addresses6: ['2001:db8::1', '2001:db8::2'],
  services: [
    { protocol: 'udp', port: 6969 },
    { protocol: 'http', port: 6969 },
  ],
};

export interface TestDnsServer {
  readonly server: DnsServer;
  readonly port: number;
  /** Sockets that were lost; tests expect none. */
  readonly fatal: Error[];
  set: TrackerSet;
}

/** Starts one on all addresses of both families, on one port. */
export async function startDnsServer(
  options: Partial<DnsServerOptions> = {},
  set: TrackerSet = SOME_TRACKERS,
  clock?: ManualClock,
): Promise<TestDnsServer> {
  const fatal: Error[] = [];
  const held = { set };
  const logger = createLogger(
    { level: 'silent', format: 'json', name: 'test' },
    { output: { write() {} } },
  );
  const all: DnsServerOptions = {
    listen: [{ host: '', port: 0 }],
    zone: ZONE,
    ttlSeconds: 30,
    answersMax: 8,
    nameServers: [],
    ownAddresses: ['198.51.100.1', '2001:db8:1::1'],
    ratePerSecond: 0,
    connectionsMax: 64,
    ...options,
  };
  const server = await DnsServer.start(all, {
    set: () => held.set,
    logger,
    onFatal: (error) => fatal.push(error),
    ...(clock === undefined ? {} : { clock }),
  });
  return Object.assign(held, { server, port: server.addresses[0].port, fatal });
}
