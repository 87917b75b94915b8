/**
 * What a bus server is told. NATS reads JSON as its own configuration language, and JSON needs no
 * quoting rules of ours.
 *
 * ```
 * DIR/server.conf           this                           DIR/ca.pem, server.pem, server.key
 * DIR/jwt/<account>.jwt     accounts, kept by the server   DIR/route-ca.pem, route.pem, route.key
 * DIR/ports/*.ports         where it listens, for port 0   DIR/server.pid    the process
 * ```
 *
 * Nothing but core NATS: no streams, no monitoring port, no leaf nodes, no WebSocket.
 */
import { join } from 'node:path';
import { writePrivateFile } from '../lib/private-file.js';
import type { BusTrust } from './bus-accounts.js';

export interface NatsAddress {
  /** An address; `0.0.0.0` stands for both families. */
  readonly host: string;
  /** 0: any free one, kept over restarts of the server. */
  readonly port: number;
}

/** A certificate, its key, and whose certificates to accept from others. PEM. */
export interface ServerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The bus servers of the other minders. */
export interface RoutePeers {
  /** `nats-route://host:port` of the others. */
  readonly routes: readonly string[];
  /**
   * Keys that may be at the other end of a route, ours included (`OwnKeys.routePin`). Without any,
   * every certificate that `tls.ca` signed is good.
   */
  readonly pins?: readonly string[];
}

/** Routes to the servers of other minders. */
export interface RouteOptions extends NatsAddress, RoutePeers {
  readonly tls: ServerTls;
}

export interface NatsLimits {
  /** Default 1,024. */
  readonly connectionsMax: number;
  /**
   * What may wait for one reader: at least twice what a tracker sends in `writeDeadline` and a
   * second. A frozen reader holds that much memory until it is cut off. Default 256 MiB.
   */
  readonly pendingBytesMax: number;
  /** Default 1 MiB. */
  readonly payloadBytesMax: number;
}

export const NATS_LIMITS: NatsLimits = {
  connectionsMax: 1024,
  pendingBytesMax: 256 * 1024 * 1024,
  payloadBytesMax: 1024 * 1024,
};

export interface NatsConfigOptions {
  /** Absolute. */
  readonly directory: string;
  /** The minder's node id. */
  readonly serverName: string;
  readonly bus: NatsAddress;
  readonly routes: RouteOptions | undefined;
  readonly limits: NatsLimits;
  readonly trust: BusTrust;
}

/** The text of `server.conf`. */
export function natsConfig(options: NatsConfigOptions): string {
  const { directory, serverName, bus, routes, limits, trust } = options;
  const config = {
    server_name: serverName,
    host: bus.host,
    port: natsPort(bus.port),
    tls: tlsBlock(directory, ''),
    // Of a TLS handshake and of signing in: more than NATS gives, for machines that do much else.
    authorization: { timeout: 10 },
    operator: trust.operatorJwt,
    system_account: trust.systemAccount,
    resolver: {
      type: 'full',
      dir: join(directory, 'jwt'),
      allow_delete: false,
      // How often servers compare their accounts: one that was away has old revocations until then.
      interval: '10s',
    },
    // The other account is put into `jwt` before each start: it changes, and this file does not.
    resolver_preload: { [trust.systemAccount]: trust.systemJwt },
    max_connections: limits.connectionsMax,
    max_payload: limits.payloadBytesMax,
    // A frozen reader must not hold up the others: it is cut off after two or three seconds, and
    // until then what it does not read waits here.
    max_pending: limits.pendingBytesMax,
    write_deadline: '2s',
    ping_interval: '2s',
    ping_max: 2,
    // A minder that is away is dialled each second; one line in a minute tells of it.
    connect_error_reports: 60,
    reconnect_error_reports: 60,
    ports_file_dir: join(directory, 'ports'),
    ...(routes === undefined ? {} : { cluster: clusterBlock(directory, routes) }),
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

function clusterBlock(directory: string, { host, port, routes, pins = [] }: RouteOptions) {
  return {
    name: 'trackerbt',
    host,
    port: natsPort(port),
    tls: {
      ...tlsBlock(directory, 'route'),
      ...(pins.length === 0 ? {} : { pinned_certs: [...pins] }),
    },
    routes: [...routes],
    // Clients get their servers from the minder, with addresses that they can reach.
    no_advertise: true,
    connect_retries: 1_000_000_000,
  };
}

/** `verify`: whoever connects must show a certificate of `ca_file`. */
function tlsBlock(directory: string, name: '' | 'route') {
  const files = tlsFiles(directory, name);
  return {
    cert_file: files.cert,
    key_file: files.key,
    ca_file: files.ca,
    verify: true,
    timeout: 10,
  };
}

function tlsFiles(directory: string, name: '' | 'route') {
  const stem = name === '' ? 'server' : name;
  return {
    ca: join(directory, name === '' ? 'ca.pem' : `${name}-ca.pem`),
    cert: join(directory, `${stem}.pem`),
    key: join(directory, `${stem}.key`),
  };
}

/** Writes the files that the configuration names. */
export function writeTls(directory: string, name: '' | 'route', tls: ServerTls): void {
  const files = tlsFiles(directory, name);
  writePrivateFile(files.ca, tls.ca);
  writePrivateFile(files.key, tls.key);
  writePrivateFile(files.cert, tls.cert);
}

/** In NATS 0 means the usual port, and -1 any. */
function natsPort(port: number): number {
  return port === 0 ? -1 : port;
}
