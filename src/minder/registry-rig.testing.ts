/** A control state with the registry over it, and what nodes say to that. */
import { join } from 'node:path';
import type { Clock } from '../lib/clock.js';
import { HEARTBEAT_VERSION, type Heartbeat } from '../protocol/cluster/heartbeat.js';
import { ControlState } from './control-state.js';
import { NodeRegistry } from './node-registry.js';

export function openRegistry(
  directory: string,
  clock: Clock,
  name = 'minder',
): { state: ControlState; registry: NodeRegistry } {
  const state = new ControlState({ path: join(directory, 'state.json') }, { clock });
  const registry = new NodeRegistry(
    { clockOffsetMaxMs: 10_000 },
    { self: { name, software: '1', addresses: [] }, state, clock },
  );
  return { state, registry };
}

/** What a healthy tracker without anything says, unless told otherwise. */
export function heartbeatOf(id: string, clock: Clock, over: Partial<Heartbeat> = {}): Heartbeat {
  return {
    version: HEARTBEAT_VERSION,
    id,
    name: 'says so itself',
    role: 'tracker',
    state: 'healthy',
    reason: '',
    epoch: 1,
    sequence: 0,
    wallMs: clock.wallMs(),
    stamp: 0,
    root: '0'.repeat(16),
    peers: 0,
    swarms: 0,
    addresses: [],
    counters: {},
    links: [],
    ...over,
  };
}
