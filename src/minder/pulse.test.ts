import { describe, expect, it } from 'vitest';
import type { ReplicationTransport } from '../cluster/transport.js';
import { ManualClock } from '../lib/clock.js';
import { decodeHeartbeat } from '../protocol/cluster/heartbeat.js';
import { Pulse } from './pulse.js';

const NODE = `n${'a'.repeat(16)}`;

function beat(name: string, connected = true): [string, unknown][] {
  const said: [string, unknown][] = [];
  const transport: ReplicationTransport = {
    connected,
    unconfirmedBytes: 0,
    publish: (subject, payload) => said.push([subject, decodeHeartbeat(payload)]),
    subscribe: () => {},
    onConnection: () => {},
  };
  new Pulse({ nodeId: NODE, name }, { clock: new ManualClock() }).beat(transport);
  return said;
}

describe('the heartbeat of a minder', () => {
  it('says who it is, and what its clock says', () => {
    const [[subject, heartbeat]] = beat('minder one');
    expect(subject).toBe(`hb.${NODE}`);
    const wallMs = new ManualClock().wallMs();
    expect(heartbeat).toMatchObject({ id: NODE, name: 'minder one', role: 'minder', wallMs });
    expect(heartbeat).toMatchObject({ stamp: ((wallMs / 1000) * 64) % 2 ** 32, peers: 0 });
  });

  it.each(['x'.repeat(300), `${'x'.repeat(63)}\u{1F600}`, '\u0007\u200d\u2028', ''])(
    'can be read whatever the name is: %j',
    (name) => {
      expect(beat(name)[0][1]).toMatchObject({ id: NODE });
    },
  );

  it('is not said while nobody hears it', () => {
    expect(beat('m', false)).toEqual([]);
  });
});
