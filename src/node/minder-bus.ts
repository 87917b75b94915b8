/** The bus of a minder process: its own server or somebody else's, and the connection to it. */
import { join } from 'node:path';
import { NatsTransport } from '../cluster/nats-transport.js';
import { type Config, parseListen } from '../config/index.js';
import { assert } from '../lib/assert.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import { LoggerSink } from '../lib/log-sink.js';
import type { Bus } from '../minder/bus.js';
import { inboxPrefix } from '../minder/bus-permissions.js';
import type { Foundation } from '../minder/foundation.js';
import { NatsServerError } from '../minder/nats-error.js';
import { OwnBus } from '../minder/own-bus.js';

/** The bus that somebody else runs, when the configuration names one. */
export async function openExternalBus(config: Config, clock: Clock): Promise<Bus | undefined> {
  const { natsUrl, natsCredsFile, natsAccountKeyFile } = config.minder;
  if (natsUrl === '') return undefined;
  const { ExternalBus } = await import('../minder/external-bus.js');
  return ExternalBus.start(
    { urls: [natsUrl], credsFile: natsCredsFile, accountKeyFile: natsAccountKeyFile },
    { clock },
  );
}

/** Starts our own server, on the ports of the last time where the configuration leaves the choice. */
export async function startOwnBus(
  config: Config,
  foundation: Foundation,
  { certificateSeconds, clock, logger }: StartDependencies,
): Promise<OwnBus> {
  const { state, authorities, issued, directory, place, roster } = foundation;
  const { bus, busCluster, natsServer } = config.minder;
  const listen = requireListen(bus);
  const routes = requireListen(busCluster);
  const start = (busPort: number, routesPort: number) =>
    OwnBus.start(
      {
        directory: join(directory, 'bus'),
        lifetimeMsMax: 1000 * certificateSeconds,
        nodeId: state.minderId,
        listen: { ...listen, port: busPort },
        routes: { ...routes, port: routesPort },
        peers: roster.routePeers(),
        binary: natsServer,
        certificates: issued,
        ca: authorities.cluster.certificatePem,
        routeCa: authorities.route.certificatePem,
      },
      { clock, log: new LoggerSink(logger) },
    );
  const last = [place.portFor('bus', listen.port), place.portFor('routes', routes.port)] as const;
  const isRemembered = last[0] !== listen.port || last[1] !== routes.port;
  const own = await start(...last).catch((error: unknown) => {
    const isTaken = error instanceof NatsServerError && error.code === 'bus_address_in_use';
    if (!isTaken || !isRemembered) throw error;
    // Somebody else has a port of ours by now: the others will hear of the new one.
    return start(listen.port, routes.port);
  });
  place.notePort('bus', own.ports.bus, listen.port);
  place.notePort('routes', own.ports.routes, routes.port);
  return own;
}

export interface StartDependencies {
  readonly certificateSeconds: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** This minder's own connection. */
export async function connectBus(
  bus: Bus,
  { state, certificates }: Foundation,
  logger: Logger,
): Promise<NatsTransport> {
  return new NatsTransport(
    {
      servers: [bus.ownUrl],
      tls: bus.tls(),
      credentials: await certificates.busCredentials(bus),
      name: `minder ${state.minderId}`,
      inboxPrefix: inboxPrefix(state.minderId),
    },
    { log: new LoggerSink(logger) },
  );
}

/** What the configuration has checked. */
export function requireListen(text: string): { host: string; port: number } {
  const address = parseListen(text);
  assert(address !== undefined, `the configuration checked '${text}'`);
  return address;
}
