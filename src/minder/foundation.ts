/**
 * What a minder is made of before anything listens: loaded from its directory, or made at the first
 * start.
 *
 * ```
 * DATA/minder/ca/       authorities of nodes and of routes      DATA/minder/bus/     the bus server's
 * DATA/minder/state.json                                        DATA/minder/control.sock
 * ```
 */
import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.js';
import type { BusCertificates } from './bus.js';
import { CertificateAuthority } from './certificate-authority.js';
import { ClusterKeys } from './cluster-keys.js';
import { ControlState } from './control-state.js';
import { JoinTokens } from './join-tokens.js';
import { type MinderAuthorities, MinderCertificates } from './minder-certificates.js';

export interface FoundationOptions {
  /** The data directory. */
  readonly data: string;
  readonly certificateSeconds: number;
  readonly keyRotationSeconds: number;
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
}

export async function layFoundation(
  { data, certificateSeconds, keyRotationSeconds: rotationSeconds }: FoundationOptions,
  { clock }: { clock: Clock },
): Promise<Foundation> {
  const directory = prepareDirectory(data);
  const state = new ControlState({ path: join(directory, 'state.json') }, { clock });
  const open = (name: string, commonName: string) =>
    CertificateAuthority.open({ directory: join(directory, 'ca'), name, commonName }, { clock });
  const authorities = {
    cluster: await open('cluster', 'trackerbt cluster'),
    route: await open('route', 'trackerbt routes'),
  };
  const certificates = new MinderCertificates(
    { nodeId: state.minderId, certificateSeconds },
    { authorities, clock },
  );
  const caFingerprint = authorities.cluster.fingerprint;
  return {
    directory,
    state,
    authorities,
    certificates,
    issued: await certificates.issue(),
    tokens: new JoinTokens({ caFingerprint }, { state, clock }),
    keys: new ClusterKeys({ rotationSeconds }, { state, clock }),
  };
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
