/**
 * What operators can say to all trackers (interval, reply size, which lists count) and to one of them
 * (drain), from the commands on a minder's machine; and how that reads in the settings message.
 *
 * ```
 * settings.get   {}                                       -> TuningView
 * settings.set   {intervalSeconds?, numwantMax?, listMode?}, null: as configured -> TuningView
 * drain.start    {node}  -> DrainView       again: harmless
 * drain.end      {node}  -> DrainView
 * drain.status   {node}  -> DrainView
 * ```
 *
 * They are records `tuning` and `drain` of the control state: every minder knows them and tells them,
 * and a tracker remembers them while no minder does.
 */
import { z } from 'zod';
import type { NodeView } from '../admin/cluster-view.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import {
  type ClusterSettings,
  type ClusterTuning,
  DRAINS_MAX,
  LIST_MODES,
} from '../protocol/cluster/control.js';
import { CLUSTER_SETTING } from './control-record.js';
import { ControlError } from './control-socket.js';
import type { ControlState } from './control-state.js';
import { namedNode } from './named-node.js';
import type { NodeRegistry } from './node-registry.js';

/** Null: as each tracker is configured. */
export type TuningView = Omit<ClusterTuning, 'version'>;

const UNTUNED: TuningView = { intervalSeconds: null, numwantMax: null, listMode: null };

/** How a drain goes. */
export interface DrainView {
  readonly id: string;
  readonly name: string;
  /** What the operator wants. */
  readonly draining: boolean;
  /** What the tracker says, or the minder of it. */
  readonly state: NodeView['state'];
  readonly reason: string | null;
  readonly requestsPerSecond: number | null;
  /**
   * For how long no client has announced itself there since the drain began, stops left out; null
   * while that is not known.
   */
  readonly quietSeconds: number | null;
  /** It is among the answers of the cluster's name; null where nobody knows. */
  readonly inDns: boolean | null;
  /** Other trackers that are healthy: where clients can go. */
  readonly healthyOthers: number;
}

const setSchema = z.strictObject({
  intervalSeconds: z.number().int().min(1).max(28_800).nullable().optional(),
  numwantMax: z.number().int().min(0).max(200).nullable().optional(),
  listMode: z.enum(LIST_MODES).nullable().optional(),
});
const nodeSchema = z.strictObject({ node: z.string().min(1).max(255) });

export type TuningMethod =
  | 'settings.get'
  | 'settings.set'
  | 'drain.start'
  | 'drain.end'
  | 'drain.status';

export interface TuningDeskDependencies {
  readonly state: ControlState;
  readonly registry: Pick<NodeRegistry, 'find' | 'nodes' | 'service'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info'>;
  /** Whether a node is in the set that DNS answers from; absent without such a set. */
  readonly inDns?: (nodeId: string) => boolean;
}

export class TuningDesk {
  readonly #dependencies: TuningDeskDependencies;

  constructor(dependencies: TuningDeskDependencies) {
    this.#dependencies = dependencies;
  }

  /** Does a command. Throws `ControlError` for what can be explained. */
  handle(method: TuningMethod, params: unknown): TuningView | DrainView {
    switch (method) {
      case 'settings.get':
        return this.settings();
      case 'settings.set':
        return this.#set(params);
      case 'drain.start':
        return this.#drain(params, true);
      case 'drain.end':
        return this.#drain(params, false);
      case 'drain.status':
        return this.#view(this.#tracker(params));
    }
  }

  settings(): TuningView {
    return this.#dependencies.state.get('tuning', CLUSTER_SETTING) ?? UNTUNED;
  }

  #set(params: unknown): TuningView {
    const { state, logger } = this.#dependencies;
    const { success, data } = setSchema.safeParse(params);
    if (!success) throw new ControlError('control_invalid', 'these settings are out of bounds');
    const given = Object.entries(data).filter(([, value]) => value !== undefined);
    const value: TuningView = { ...this.settings(), ...Object.fromEntries(given) };
    if (given.length > 0) {
      state.commit([{ kind: 'tuning', id: CLUSTER_SETTING, value }]);
      logger.info({ ...value }, 'the settings of the cluster have changed');
    }
    return value;
  }

  #drain(params: unknown, draining: boolean): DrainView {
    const { state, clock, logger } = this.#dependencies;
    const node = this.#tracker(params);
    const { id, name } = node;
    // Again is no other word: the drain has begun when it did.
    if ((state.get('drain', id)?.draining ?? false) !== draining) {
      const value = { draining, sinceMs: clock.wallMs() };
      state.commit([{ kind: 'drain', id, value }]);
      logger.info({ node: id, nodeName: name }, draining ? 'a drain begins' : 'a drain is over');
    }
    return this.#view(node);
  }

  /** The tracker that is meant. */
  #tracker(params: unknown): NodeView {
    const { registry } = this.#dependencies;
    const { success, data } = nodeSchema.safeParse(params);
    if (!success) throw new ControlError('control_invalid', 'a node has an id or a name');
    const id = namedNode(registry, data.node);
    const node = registry.nodes().find((one) => one.id === id);
    if (node?.role !== 'tracker') {
      throw new ControlError('control_invalid', `${id} is a minder: only trackers are drained`);
    }
    if (node.state === 'revoked') {
      throw new ControlError('control_invalid', `${id} is revoked: nobody sends clients there`);
    }
    return node;
  }

  #view({ id, name, state, reason, requestsPerSecond = null }: NodeView): DrainView {
    const { state: control, registry, clock, inDns } = this.#dependencies;
    const drain = control.get('drain', id);
    const draining = drain?.draining ?? false;
    const { service } = registry;
    const quiet = service.quietSeconds(id);
    const sinceSeconds = Math.max(0, Math.floor((clock.wallMs() - (drain?.sinceMs ?? 0)) / 1000));
    const others = registry
      .nodes()
      .filter((node) => node.role === 'tracker' && node.id !== id && node.state === 'healthy');
    return {
      id,
      name,
      draining,
      state,
      reason,
      requestsPerSecond,
      quietSeconds: quiet === undefined || !draining ? null : Math.min(quiet, sinceSeconds),
      inDns: inDns?.(id) ?? null,
      healthyOthers: others.length,
    };
  }
}

/** What the settings message says of all this. Drains of nodes that are gone are left out. */
export function settingsParts(state: ControlState): Pick<ClusterSettings, 'tuning' | 'drains'> {
  const parts: Pick<ClusterSettings, 'tuning' | 'drains'> = {};
  const drains: NonNullable<ClusterSettings['drains']> = [];
  for (const { kind, id, stamp, by } of state.entries()) {
    if (kind === 'tuning') {
      const tuning = state.get('tuning', id);
      if (tuning !== undefined) parts.tuning = { version: [stamp, by], ...tuning };
    }
    if (kind !== 'drain') continue;
    const drain = state.get('drain', id);
    const isThere = state.get('node', id) !== undefined;
    if (drain === undefined || !isThere || state.get('revocation', id) !== undefined) continue;
    // Its stamp, which grows with every word that any minder heard of, and not the clock of one.
    drains.push([id, stamp, drain.draining]);
  }
  drains.sort(([, a], [, b]) => b - a);
  return drains.length === 0 ? parts : { ...parts, drains: drains.slice(0, DRAINS_MAX) };
}
