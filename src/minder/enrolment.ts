/**
 * Decides who becomes a node and who stays one. Knows no sockets: the server in front of it says who
 * asks, from where, and with which certificate.
 */
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import {
  ENROLMENT_VERSION,
  type EnrolmentRefusal,
  type EnrolmentReply,
  enrolmentRequestSchema,
  type NodeRole,
  renewalRequestSchema,
} from '../protocol/cluster/enrolment.js';
import type { BusSigner } from './bus-signer.js';
import type { CertificateAuthority } from './certificate-authority.js';
import type { ClusterKeys } from './cluster-keys.js';
import type { ControlRecord } from './control-record.js';
import type { ControlState } from './control-state.js';
import type { JoinTokens } from './join-tokens.js';
import { RefusalLog } from './refusal-log.js';

/** Where a node finds bus and minders. */
export interface ClusterAddresses {
  readonly bus: { readonly urls: readonly string[]; readonly external: boolean };
  readonly minders: readonly string[];
}

/** Where a request comes from. */
export interface RequestSource {
  /** IP address as text. */
  readonly address: string;
  /** Host by which the node called us, as far as it can be believed; '' when it cannot. */
  readonly calledHost: string;
}

export interface EnrolmentOptions {
  readonly certificateSeconds: number;
  /** Nodes that the cluster can tell apart. Default 4,000. */
  readonly nodesMax?: number;
}

export interface EnrolmentDependencies {
  readonly state: ControlState;
  readonly tokens: JoinTokens;
  readonly keys: ClusterKeys;
  readonly authority: CertificateAuthority;
  readonly bus: Pick<BusSigner, 'userJwt'>;
  /** Addresses to tell a node that called us by `calledHost`. */
  readonly addresses: (calledHost: string) => ClusterAddresses;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type EnrolmentOutcome =
  | { readonly ok: true; readonly reply: EnrolmentReply }
  | { readonly ok: false; readonly refusal: EnrolmentRefusal };

/** Trackers number origins with 12 bits; a few are left for those that have gone. */
const NODES_MAX = 4_000;
/** Records of nodes whose certificate ended long ago are forgotten: they cannot come back. */
const FORGET_MS = 30 * 86_400_000;

export class Enrolment {
  /** Since the start; refusals by what the log calls them. */
  readonly counters = { enrolled: 0, renewed: 0, refused: {} as Record<string, number> };
  readonly #certificateMs: number;
  readonly #nodesMax: number;
  readonly #dependencies: EnrolmentDependencies;
  readonly #refusals: RefusalLog;

  constructor(
    { certificateSeconds, nodesMax = NODES_MAX }: EnrolmentOptions,
    dependencies: EnrolmentDependencies,
  ) {
    this.#certificateMs = 1000 * certificateSeconds;
    this.#nodesMax = nodesMax;
    this.#dependencies = dependencies;
    this.#refusals = new RefusalLog(dependencies);
  }

  /** A request to join, as parsed JSON. */
  async enrol(body: unknown, source: RequestSource): Promise<EnrolmentOutcome> {
    const parsed = enrolmentRequestSchema.safeParse(body);
    if (!parsed.success) return this.refuse('request_invalid', source);
    const { state, tokens, clock } = this.#dependencies;
    const { token, role, csr, busPublicKey, name, software, advertise } = parsed.data;
    const bearer = { role, address: source.address, busPublicKey };
    const first = tokens.check(token, bearer);
    if (!first.ok) return this.#refuseToken(first, source, name);
    if (state.get('revocation', first.nodeId) !== undefined) {
      return this.refuse('node_revoked', source, { node: first.nodeId });
    }
    const certificate = await this.#certify(csr, role, first.nodeId);
    if (certificate === undefined)
      return this.refuse('request_invalid', source, { nodeName: name });
    // Unspent tokens name a new id each time they are checked.
    const { nodeId } = first;
    const access = await this.#access(nodeId, role, busPublicKey, source);
    // While all that was made, another may have spent the token.
    const check = tokens.check(token, bearer);
    if (!check.ok) return this.#refuseToken(check, source, name);
    if (check.isNew !== first.isNew) return this.refuse('unavailable', source, { nodeName: name });
    // Nor may a revocation have slipped in: the answer would hold the keys that it has replaced.
    if (state.get('revocation', nodeId) !== undefined) {
      return this.refuse('node_revoked', source, { node: nodeId });
    }
    if (check.isNew && this.#isFull())
      return this.refuse('cluster_full', source, { nodeName: name });
    const nowMs = clock.wallMs();
    const record: ControlRecord<'node'> = {
      role,
      name,
      software,
      busPublicKey,
      advertise,
      sourceAddress: source.address,
      enrolledMs: nowMs,
      renewedMs: nowMs,
      expiresMs: nowMs + this.#certificateMs,
      tokenId: check.tokenId,
    };
    const spent = check.spend(nodeId);
    state.commit([...spent, { kind: 'node', id: nodeId, value: record }]);
    this.counters.enrolled++;
    this.#dependencies.logger.info(
      { node: nodeId, nodeName: name, role, address: source.address, tokenId: check.tokenId },
      'a node joined',
    );
    return { ok: true, reply: this.#reply(nodeId, role, certificate, access, source) };
  }

  /** A request to renew from a node that has shown a certificate of ours. */
  async renew(
    { nodeId, role }: { nodeId: string; role: NodeRole },
    body: unknown,
    source: RequestSource,
  ): Promise<EnrolmentOutcome> {
    const { state, clock, logger } = this.#dependencies;
    const parsed = renewalRequestSchema.safeParse(body);
    if (!parsed.success) return this.refuse('request_invalid', source, { node: nodeId });
    const known = state.get('node', nodeId);
    if (known === undefined || known.role !== role) {
      return this.refuse('node_unknown', source, { node: nodeId });
    }
    const { csr, busPublicKey, name, software, advertise } = parsed.data;
    // One bus key for life: a revocation names it.
    if (busPublicKey !== known.busPublicKey) {
      return this.refuse('request_invalid', source, { node: nodeId });
    }
    const certificate = await this.#certify(csr, role, nodeId);
    if (certificate === undefined) return this.refuse('request_invalid', source, { node: nodeId });
    const access = await this.#access(nodeId, role, busPublicKey, source);
    // Last, so that no revocation slips in between.
    if (state.get('revocation', nodeId) !== undefined) {
      return this.refuse('node_revoked', source, { node: nodeId });
    }
    const nowMs = clock.wallMs();
    const record: ControlRecord<'node'> = {
      ...known,
      name,
      software,
      advertise,
      sourceAddress: source.address,
      renewedMs: nowMs,
      expiresMs: nowMs + this.#certificateMs,
    };
    state.commit([{ kind: 'node', id: nodeId, value: record }]);
    this.counters.renewed++;
    logger.debug({ node: nodeId, nodeName: name }, 'a certificate was renewed');
    return { ok: true, reply: this.#reply(nodeId, role, certificate, access, source) };
  }

  /** Counts and logs a refusal. `reason` is for the log where it differs from what the node is told. */
  refuse(
    refusal: EnrolmentRefusal,
    source: RequestSource,
    details: Readonly<Record<string, string>> = {},
    reason: string = refusal,
  ): EnrolmentOutcome {
    const { refused } = this.counters;
    refused[reason] = (refused[reason] ?? 0) + 1;
    this.#refusals.write({ reason, address: source.address, ...details });
    return { ok: false, refusal };
  }

  #refuseToken(
    { told, reason, tokenId }: { told: EnrolmentRefusal; reason: string; tokenId?: string },
    source: RequestSource,
    name: string,
  ): EnrolmentOutcome {
    const details = { nodeName: name, ...(tokenId === undefined ? {} : { tokenId }) };
    return this.refuse(told, source, details, `token_${reason}`);
  }

  #certify(csr: string, role: NodeRole, nodeId: string): Promise<string | undefined> {
    const grant = { role, nodeId, lifetimeMs: this.#certificateMs };
    return this.#dependencies.authority.sign(csr, grant);
  }

  /** True when there is no room for another node; forgets those that are long gone. */
  #isFull(): boolean {
    const { state, clock } = this.#dependencies;
    const nodes = state.list('node');
    if (nodes.length < this.#nodesMax) return false;
    const before = clock.wallMs() - FORGET_MS;
    const gone = nodes.filter(([, { expiresMs }]) => expiresMs < before);
    if (gone.length > 0) {
      state.commit(gone.map(([id]) => ({ kind: 'node', id, value: null }) as const));
    }
    // Who was revoked has gone as well, although a record of it stays.
    const left = nodes.filter(
      ([id, { expiresMs }]) => expiresMs >= before && state.get('revocation', id) === undefined,
    );
    return left.length >= this.#nodesMax;
  }

  /**
   * Where the bus is and what opens it. Made before a token is spent, since it cannot be had while
   * the bus is not there yet.
   */
  async #access(
    nodeId: string,
    role: NodeRole,
    busPublicKey: string,
    { calledHost }: RequestSource,
  ): Promise<Pick<EnrolmentReply, 'bus' | 'minders'>> {
    const { addresses, bus, clock } = this.#dependencies;
    const { bus: server, minders } = addresses(calledHost);
    const expiresWallMs = clock.wallMs() + this.#certificateMs;
    const jwt = await bus.userJwt(busPublicKey, { nodeId, role, expiresWallMs });
    return {
      bus: { urls: [...server.urls], external: server.external, jwt },
      minders: [...minders],
    };
  }

  #reply(
    nodeId: string,
    role: NodeRole,
    certificate: string,
    access: Pick<EnrolmentReply, 'bus' | 'minders'>,
    { address }: RequestSource,
  ): EnrolmentReply {
    const { authority, keys, state } = this.#dependencies;
    return {
      version: ENROLMENT_VERSION,
      nodeId,
      role,
      certificate,
      ca: authority.certificatePem,
      validSeconds: this.#certificateMs / 1000,
      ...access,
      digestKey: keys.digestKey,
      keyRing: keys.ring,
      revision: state.revision,
      sourceAddress: address,
    };
  }
}
