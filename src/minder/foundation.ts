/**
 * What a minder is made of before anything listens: loaded from its directory, made at the first
 * start, or fetched from another minder (`minder-join.ts`).
 *
 * ```
 * DATA/minder/ca/             authorities of nodes and of routes     DATA/minder/bus/     the bus server's
 * DATA/minder/state.json      the control state                      DATA/minder/control.sock
 * DATA/minder/own-keys.json   this minder's own keys                 DATA/minder/place.json
 * DATA/minder/identity.json   of a minder that joined
 * ```
 */
import { existsSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeDescription } from '../cluster/enrolment-client.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import type { BusCertificates } from './bus.js';
import { CertificateAuthority } from './certificate-authority.js';
import { ClusterKeys } from './cluster-keys.js';
import { ControlState } from './control-state.js';
import { JoinTokens } from './join-tokens.js';
import { hostsOfRoutes } from './minder-addresses.js';
import { type MinderAuthorities, MinderCertificates } from './minder-certificates.js';
import { joinMinders, minderIdentityPath, revokedError } from './minder-join.js';
import { MinderRoster } from './minder-roster.js';
import { OwnKeys } from './own-keys.js';
import { OwnPlace } from './own-place.js';

export interface FoundationOptions {
  /** The data directory. */
  readonly data: string;
  readonly certificateSeconds: number;
  readonly keyRotationSeconds: number;
  /** What this minder says of itself. */
  readonly node: NodeDescription;
  /** Whether somebody else runs the bus. */
  readonly external: boolean;
  /** URL of another minder to join at the first start; empty begins a cluster. */
  readonly peer: string;
  /** Reads the token for that; not called when it is not needed. */
  readonly token?: (() => Promise<string>) | undefined;
  /** Addresses that the ports are bound to, as configured. */
  readonly bound: readonly string[];
}

export interface Foundation {
  /** `minder/` in the data directory. */
  readonly directory: string;
  readonly state: ControlState;
  readonly authorities: MinderAuthorities;
  readonly certificates: MinderCertificates;
  /** The first certificates of this run. */
  readonly issued: BusCertificates;
  readonly tokens: JoinTokens;
  readonly keys: ClusterKeys;
  readonly ownKeys: OwnKeys;
  readonly place: OwnPlace;
  readonly roster: MinderRoster;
}

export async function layFoundation(
  options: FoundationOptions,
  { clock, logger }: { clock: Clock; logger: Logger },
): Promise<Foundation> {
  const { data, certificateSeconds, keyRotationSeconds: rotationSeconds, node, bound } = options;
  const directory = prepareDirectory(data);
  const ownKeys = OwnKeys.open(directory);
  const place = new OwnPlace(directory);
  await joinFirst(directory, options, { keys: ownKeys, clock, logger });
  const state = new ControlState({ path: join(directory, 'state.json') }, { clock });
  const open = (name: string, commonName: string) =>
    CertificateAuthority.open({ directory: join(directory, 'ca'), name, commonName }, { clock });
  const authorities = {
    cluster: await open('cluster', 'trackerbt cluster'),
    route: await open('route', 'trackerbt routes'),
  };
  const roster = new MinderRoster(node, { state, keys: ownKeys, clock });
  if (roster.isRevoked) throw revokedError();
  const certificates = new MinderCertificates(
    { nodeId: state.minderId, certificateSeconds },
    { authorities, keys: ownKeys, clock },
  );
  const caFingerprint = authorities.cluster.fingerprint;
  return {
    directory,
    state,
    authorities,
    certificates,
    issued: await certificates.issue(
      hostsOfRoutes({ advertise: node.advertise, bound }, [...place.calledHosts, roster.source]),
    ),
    tokens: new JoinTokens({ caFingerprint }, { state, clock, logger }),
    keys: new ClusterKeys({ rotationSeconds }, { state, clock }),
    ownKeys,
    place,
    roster,
  };
}

/** Fetches a cluster where there is none yet. What has a state ignores `--peer` and its token. */
async function joinFirst(
  directory: string,
  options: FoundationOptions,
  dependencies: { keys: OwnKeys; clock: Clock; logger: Logger },
): Promise<void> {
  const { peer, token, node, external, certificateSeconds } = options;
  if (existsSync(join(directory, 'state.json'))) return;
  if (peer === '' && !existsSync(minderIdentityPath(directory))) return;
  const lifetimeMsMax = 1000 * certificateSeconds;
  await joinMinders({ directory, peer, token, node, external, lifetimeMsMax }, dependencies);
}

function prepareDirectory(data: string): string {
  const directory = join(data, 'minder');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // A process that starts as root must not be led to write elsewhere.
  if (!lstatSync(directory).isDirectory()) {
    throw new Error(`${directory} is a link: put the directory itself there`);
  }
  return directory;
}
