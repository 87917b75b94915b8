import { describe, expect, it } from 'vitest';
import { Hearing } from './hearing.js';
import type { ReplicationContext } from './replication-context.js';

function rig() {
  const means = { transport: { connected: true } };
  const options = { heartbeatMs: 1_000, silentMs: 5_000 };
  const context = { nowMs: 10_000, means, options };
  const hearing = new Hearing(context as unknown as ReplicationContext);
  /** Ticks as the cluster worker does; heartbeats come back unless the bus is `mute`. */
  const run = (ms: number, { mute = false } = {}) => {
    for (const end = context.nowMs + ms; context.nowMs < end; ) {
      context.nowMs += 20;
      if (!mute && context.nowMs % 1_000 === 0) hearing.echoed();
      hearing.update();
    }
  };
  run(5_000);
  return { context, hearing, means, run };
}

describe('Hearing', () => {
  it('counts silence from what was heard last', () => {
    const { context, hearing } = rig();
    expect(hearing.silenceMs(context.nowMs - 3_000)).toBe(3_000);
  });

  it('counts none while there is no bus, and from its return on', () => {
    const { context, hearing, means, run } = rig();
    const heardMs = context.nowMs;
    means.transport.connected = false;
    run(60_000);
    expect(hearing.silenceMs(heardMs)).toBe(0);
    means.transport.connected = true;
    run(2_000);
    expect(hearing.silenceMs(heardMs)).toBe(2_000);
  });

  it('counts none while the process stands still, though its last heartbeat comes back after it', () => {
    const { context, hearing } = rig();
    const heardMs = context.nowMs;
    context.nowMs += 8_000;
    hearing.echoed();
    hearing.update();
    expect(hearing.silenceMs(heardMs)).toBe(0);
  });

  it('counts none while the bus carries nothing, and knows before anybody would be silent', () => {
    const { context, hearing, run } = rig();
    const heardMs = context.nowMs;
    for (let i = 0; i < 100; i++) {
      run(100, { mute: true });
      expect(hearing.silenceMs(heardMs)).toBeLessThan(2_600);
    }
    expect(hearing.silenceMs(heardMs)).toBe(0);
  });

  it('expects no heartbeats of its own where none ever came back', () => {
    const means = { transport: { connected: true } };
    const context = { nowMs: 0, means, options: { heartbeatMs: 1_000, silentMs: 5_000 } };
    const hearing = new Hearing(context as unknown as ReplicationContext);
    for (; context.nowMs < 20_000; context.nowMs += 20) hearing.update();
    expect(hearing.silenceMs(0)).toBe(20_000);
  });
});
