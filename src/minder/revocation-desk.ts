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
 */
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import type { BusSigner } from './bus-signer.js';
import type { ClusterKeys } from './cluster-keys.js';
import type { ControlState } from './control-state.js';

export interface RevocationDeskDependencies {
  readonly state: ControlState;
  readonly keys: ClusterKeys;
  readonly bus: Pick<BusSigner, 'revoke' | 'lifetimeMsMax'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface RevocationOutcome {
  /** The node is cut off already. */
  readonly live: boolean;
  /** By when it is in any case, ms since 1970. */
  readonly effectiveMs: number;
}

export class RevocationDesk {
  readonly #dependencies: RevocationDeskDependencies;

  constructor(dependencies: RevocationDeskDependencies) {
    this.#dependencies = dependencies;
  }

  /** Revokes a node that has enrolled. Doing it again is harmless. */
  async revoke(nodeId: string): Promise<RevocationOutcome> {
    const { state, keys, bus, clock, logger } = this.#dependencies;
    const record = state.get('node', nodeId);
    if (record === undefined) throw new Error(`no node ${nodeId}`);
    const { busPublicKey } = record;
    const revokedMs = state.get('revocation', nodeId)?.revokedMs ?? clock.wallMs();
    // Until the bus says better, what it was given is good to its end.
    const worstMs = clock.wallMs() + bus.lifetimeMsMax;
    const noted = { revokedMs, effectiveMs: worstMs, busPublicKey };
    state.commit([{ kind: 'revocation', id: nodeId, value: noted }]);
    logger.warn({ node: nodeId, name: record.name }, 'a node was revoked');
    const { live, effectiveWallMs } = await bus.revoke(busPublicKey);
    const effectiveMs = Math.ceil(effectiveWallMs);
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
      try {
        await this.revoke(nodeId);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        logger.error({ node: nodeId, reason }, 'a revocation is not complete');
      }
    }
  }
}
