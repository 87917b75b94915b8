/** A minder's door without a bus behind it: authority, state, tokens and the server on a free port. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.js';
import { ManualClock } from '../lib/clock.js';
import { createLogger } from '../lib/log.js';
import type { NodeRole } from '../protocol/cluster/enrolment.js';
import type { BusSeeds } from './bus-accounts.js';
import { CertificateAuthority } from './certificate-authority.js';
import { ClusterKeys } from './cluster-keys.js';
import type { ControlRecord } from './control-record.js';
import { ControlState } from './control-state.js';
import { Enrolment } from './enrolment.js';
import { EnrolmentServer, type EnrolmentServerLimits } from './enrolment-server.js';
import { JoinTokens } from './join-tokens.js';
import { MinderAdmission } from './minder-admission.js';

export interface RigOptions {
  readonly directory?: string;
  /** 0, the default, for a free one. */
  readonly port?: number;
  readonly certificateSeconds?: number;
  readonly nodesMax?: number;
  readonly limits?: Partial<EnrolmentServerLimits>;
  /** Keys of its bus; null, the default, for somebody else's. */
  readonly busSeeds?: BusSeeds | null;
}

export class MinderRig {
  /** What was logged, parsed. */
  readonly lines: Record<string, unknown>[] = [];
  readonly clock: ManualClock;
  url = '';

  private constructor(
    readonly directory: string,
    readonly state: ControlState,
    readonly authority: CertificateAuthority,
    readonly tokens: JoinTokens,
    readonly keys: ClusterKeys,
    readonly enrolment: Enrolment,
    readonly server: EnrolmentServer,
    clock: ManualClock,
    lines: Record<string, unknown>[],
  ) {
    this.clock = clock;
    this.lines = lines;
  }

  static async start(options: RigOptions = {}): Promise<MinderRig> {
    const { directory = temporaryDirectory(), certificateSeconds = 3_600, limits = {} } = options;
    // TLS looks at the real clock, so certificates must be made by about the same.
    const clock = new ManualClock(1_000, Date.now());
    const lines: Record<string, unknown>[] = [];
    const logger = createLogger(
      { level: 'debug', format: 'json', name: 'rig' },
      { output: { write: (line) => lines.push(JSON.parse(line)) } },
    );
    const state = new ControlState({ path: join(directory, 'state.json') }, { clock });
    const authority = await openAuthority(directory, clock);
    const tokens = new JoinTokens({ caFingerprint: authority.fingerprint }, { state, clock });
    let url = '';
    const keys = new ClusterKeys({ rotationSeconds: 600 }, { state, clock });
    const enrolment = new Enrolment(
      {
        certificateSeconds,
        ...(options.nodesMax === undefined ? {} : { nodesMax: options.nodesMax }),
      },
      {
        state,
        tokens,
        keys,
        authority,
        bus: {
          userJwt: async (publicKey, { nodeId }) => `jwt-of-${nodeId}-${publicKey.slice(0, 4)}`,
        },
        addresses: (host) => ({
          bus: { urls: [`tls://${host}:7422`], external: false },
          minders: [url],
        }),
        clock,
        logger,
      },
    );
    const admission = new MinderAdmission({
      state,
      authorities: { cluster: authority, route: authority },
      enrolment,
      busSeeds: () => options.busSeeds ?? null,
      onCalled: async () => {},
      logger,
    });
    const credentials = await authority.issue({
      role: 'minder',
      nodeId: state.minderId,
      lifetimeMs: 3_600_000,
    });
    const server = new EnrolmentServer(
      {
        host: '127.0.0.1',
        port: options.port ?? 0,
        ca: authority.certificatePem,
        credentials,
        limits,
      },
      { enrolment, admission, clock, logger },
    );
    const rig = new MinderRig(
      directory,
      state,
      authority,
      tokens,
      keys,
      enrolment,
      server,
      clock,
      lines,
    );
    url = `https://127.0.0.1:${(await server.start()).port}`;
    rig.url = url;
    return rig;
  }

  /** A token with sensible terms. */
  token(
    terms: { role?: NodeRole; ttlSeconds?: number; uses?: number; cidr?: string } = {},
  ): string {
    return this.tokens.create({ role: 'tracker', ttlSeconds: 600, uses: 1, ...terms }).token;
  }

  /** Why the last request was refused, as the log has it. */
  lastRefusal(): unknown {
    return this.lines.findLast(({ msg }) => msg === 'a node was refused')?.reason;
  }

  /** Stops the server; `keep` leaves the files for another rig. */
  async stop({ keep = false } = {}): Promise<void> {
    await this.server.stop();
    if (!keep) rmSync(this.directory, { recursive: true, force: true });
  }
}

/** What the state remembers of a tracker. */
export function nodeRecord(name: string, busPublicKey = 'U'): ControlRecord<'node'> {
  return {
    role: 'tracker',
    name,
    software: '2',
    busPublicKey,
    advertise: [],
    sourceAddress: '::1',
    enrolledMs: 1,
    renewedMs: 1,
    expiresMs: 1,
    tokenId: '0'.repeat(12),
  };
}

export function openAuthority(directory: string, clock: Clock): Promise<CertificateAuthority> {
  return CertificateAuthority.open(
    { directory, name: 'cluster', commonName: 'trackerbt cluster' },
    { clock },
  );
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'trackerbt-minder-'));
}
