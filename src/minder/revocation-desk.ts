/**
 * Throws nodes out, for good.
 *
 * ```
 * 1  recorded          no certificate is renewed from here on; the others are told, drop what the
 *                      node alone had reported, and hear it no more
 * 2  bus access ends   live, as soon as a bus server has taken it
 * 3  keys replaced     after 2, so that the node cannot hear the new ones
 * ```
 *
 * Whatever interrupts this is taken up again at the next start.
 *
 * Where there are several minders, the others follow: each puts the revocation into its own bus
 * server (2), and the minder that was asked replaces the keys (3) a second later. When that minder
 * does not get so far, the next one in order does it after 30 s. And who learns of a revocation only
 * after the keys were replaced, because it was away, says so with a later time in the record: the node
 * may have heard the new keys there, and they are replaced once more (`ClusterKeys`).
 *
 * On somebody else's bus nobody can be cut off. A minder that has renewed the node while it did not
 * know says so, likewise with a later time.
 */
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import { reasonOf } from '../lib/reason.js';
import type { BusSigner } from './bus-signer.js';
import type { ClusterKeys } from './cluster-keys.js';
import { CLUSTER_SETTING } from './control-record.js';
import type { ControlChange, ControlState } from './control-state.js';
import type { MinderOrder } from './minder-order.js';

/** How long other minders have to put a revocation into their servers before keys are replaced. */
const FOLLOW_MS = 1_000;
/** Until a bus server that did not take it is asked again. */
const RETRY_SECONDS = 5;
/** How long the minder that revokes has to replace the keys, and then each one in order. */
const TAKEOVER_SECONDS = 30;
const RANK_SECONDS = 20;

export interface RevocationDeskDependencies {
  readonly state: ControlState;
  readonly keys: ClusterKeys;
  readonly bus: Pick<BusSigner, 'revoke' | 'uphold' | 'lifetimeMsMax'>;
  /** Absent where there is one minder. */
  readonly order?: Pick<MinderOrder, 'others' | 'rank'> | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface RevocationOutcome {
  /** The node is cut off already. */
  readonly live: boolean;
  /** By when it is in any case, ms since 1970. */
  readonly effectiveMs: number;
}

/** A revocation that our bus has taken, and whose keys another minder should replace. */
interface Watch {
  readonly seconds: number;
  /** Of the ring by then. */
  readonly generation: number;
}

export class RevocationDesk {
  readonly #dependencies: RevocationDeskDependencies;
  readonly #watched = new Map<string, Watch>();
  /** Public keys that our bus server does not know of for certain. */
  readonly #fresh = new Set<string>();
  /** What other minders revoked is taken over in one turn after the other. */
  #turn: Promise<void> | undefined;
  #isDue = false;
  #retrySeconds = Number.POSITIVE_INFINITY;
  #isStopped = false;
  #leftOut = 0;

  constructor(dependencies: RevocationDeskDependencies) {
    this.#dependencies = dependencies;
  }

  /** Revokes a node that has enrolled. Doing it again is harmless. */
  async revoke(nodeId: string): Promise<RevocationOutcome> {
    const { state, keys, bus, order, clock, logger } = this.#dependencies;
    const record = state.get('node', nodeId);
    if (record === undefined) throw new Error(`no node ${nodeId}`);
    const { busPublicKey } = record;
    const revokedMs = state.get('revocation', nodeId)?.revokedMs ?? clock.wallMs();
    // Until the bus says better, what it was given is good to its end.
    const worstMs = clock.wallMs() + bus.lifetimeMsMax;
    const noted = { revokedMs, effectiveMs: worstMs, busPublicKey };
    state.commit([{ kind: 'revocation', id: nodeId, value: noted }]);
    logger.warn({ node: nodeId, nodeName: record.name }, 'a node was revoked');
    const { live, effectiveWallMs } = await bus.revoke(busPublicKey);
    if (live && (order?.others().length ?? 0) > 0) {
      // Their servers may let it hear until they know.
      await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
    }
    const effectiveMs = Math.ceil(Math.max(effectiveWallMs, live ? clock.wallMs() : 0));
    state.commit([
      { kind: 'revocation', id: nodeId, value: { ...noted, effectiveMs } },
      keys.replacement(),
    ]);
    if (!live) {
      const until = new Date(effectiveMs).toISOString();
      logger.error({ node: nodeId, until }, 'the bus does not cut off the revoked node yet');
    }
    return { live, effectiveMs };
  }

  /** Takes up what an end of the process interrupted. */
  async resume(): Promise<void> {
    const { state, clock, logger } = this.#dependencies;
    for (const [nodeId, { effectiveMs }] of state.list('revocation')) {
      if (effectiveMs <= clock.wallMs() || state.get('node', nodeId) === undefined) continue;
      // Another minder's is its own to complete, and `follow` has it in our bus.
      if (state.entry('revocation', nodeId)?.by !== state.minderId) continue;
      try {
        await this.revoke(nodeId);
      } catch (error) {
        const reason = reasonOf(error);
        logger.error({ node: nodeId, reason }, 'a revocation is not complete');
      }
    }
  }

  /** From now on takes over what other minders have revoked; and what they did while we were away. */
  follow(): void {
    this.#dependencies.state.onChange((entries, source) => {
      const isNews = source === 'merged' && entries.some(({ kind }) => kind === 'revocation');
      if (isNews) void this.uphold();
    });
    void this.uphold();
  }

  /** Puts all revocations that are not there yet into our bus. Resolves when that is done, or failed. */
  uphold(): Promise<void> {
    this.#isDue = true;
    this.#turn ??= this.#upholdAll().finally(() => {
      this.#turn = undefined;
    });
    return this.#turn;
  }

  /** To be called each second. */
  tick(): void {
    const seconds = this.#dependencies.clock.monotonicSeconds();
    if (seconds >= this.#retrySeconds) void this.uphold();
    for (const [nodeId, watch] of this.#watched) this.#checkKeys(nodeId, watch, seconds);
  }

  stop(): void {
    this.#isStopped = true;
    this.#watched.clear();
  }

  async #upholdAll(): Promise<void> {
    const { state, bus, clock, logger } = this.#dependencies;
    while (this.#isDue && !this.#isStopped) {
      this.#isDue = false;
      this.#retrySeconds = Number.POSITIVE_INFINITY;
      const revocations = state.list('revocation').map(([, { busPublicKey, revokedMs }]) => ({
        publicKey: busPublicKey,
        atWallMs: revokedMs,
      }));
      try {
        const { fresh, live, canCut, leftOut = 0 } = await bus.uphold(revocations);
        if (this.#isStopped) return;
        if (leftOut > this.#leftOut) {
          logger.error({ leftOut }, 'the bus has no room for revocations of other minders');
        }
        this.#leftOut = leftOut;
        for (const publicKey of fresh) this.#fresh.add(publicKey);
        if (!live) this.#retrySeconds = clock.monotonicSeconds() + RETRY_SECONDS;
        else if (canCut) this.#noteCut();
        else this.#noteRenewed();
      } catch (error) {
        const reason = reasonOf(error);
        logger.error({ reason }, 'revocations of other minders are not in the bus yet');
        this.#retrySeconds = clock.monotonicSeconds() + RETRY_SECONDS;
      }
    }
  }

  /** Our server has cut off whoever is fresh, just now. */
  #noteCut(): void {
    const { state, keys, clock, logger } = this.#dependencies;
    const changes: ControlChange[] = [];
    for (const [nodeId, record] of state.list('revocation')) {
      if (!this.#fresh.has(record.busPublicKey)) continue;
      logger.info({ node: nodeId }, 'a node that another minder revoked is cut off');
      const nowMs = clock.wallMs();
      const rotatedMs = state.get('setting', CLUSTER_SETTING)?.rotatedMs ?? 0;
      if (record.effectiveMs > nowMs) {
        // Whoever revokes it has yet to replace the keys.
        const { generation } = keys.ring;
        this.#watched.set(nodeId, { seconds: clock.monotonicSeconds(), generation });
      } else if (rotatedMs >= record.revokedMs) {
        // They may be the new keys, and the node may have heard them from our server.
        const effectiveMs = Math.max(nowMs, rotatedMs + 1);
        changes.push({ kind: 'revocation', id: nodeId, value: { ...record, effectiveMs } });
      }
    }
    this.#fresh.clear();
    if (changes.length > 0) state.commit(changes);
  }

  /** What was signed while we did not know is good to its end. */
  #noteRenewed(): void {
    const { state, bus } = this.#dependencies;
    const changes: ControlChange[] = [];
    for (const [nodeId, record] of state.list('revocation')) {
      const renewedMs = state.get('node', nodeId)?.renewedMs ?? 0;
      const effectiveMs = renewedMs + bus.lifetimeMsMax;
      if (renewedMs <= record.revokedMs || effectiveMs <= record.effectiveMs) continue;
      changes.push({ kind: 'revocation', id: nodeId, value: { ...record, effectiveMs } });
    }
    if (changes.length > 0) state.commit(changes);
  }

  /** Replaces the keys for a minder that did not get so far. */
  #checkKeys(nodeId: string, { seconds, generation }: Watch, nowSeconds: number): void {
    const { state, keys, order, logger } = this.#dependencies;
    if (keys.ring.generation >= generation + 3) {
      this.#watched.delete(nodeId);
      return;
    }
    const waitSeconds = TAKEOVER_SECONDS + RANK_SECONDS * (order?.rank() ?? 0);
    if (nowSeconds - seconds < waitSeconds) return;
    this.#watched.delete(nodeId);
    try {
      state.commit([keys.replacement()]);
      logger.warn({ node: nodeId }, 'the keys were replaced for a minder that has not done it');
    } catch (error) {
      const reason = reasonOf(error);
      logger.error({ node: nodeId, reason }, 'a revocation is not complete');
    }
  }
}
