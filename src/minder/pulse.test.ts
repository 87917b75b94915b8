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
  new Pulse({ nodeId: NODE, name }, { clock: new ManualClock(), log: { log() {} } }).beat(
    transport,
  );
  return said;
}

/** A pulse, what it says, and the lines it writes. */
function pulse(clock: ManualClock) {
  const said: Uint8Array[] = [];
  const lines: string[] = [];
  const log = { log: (level: string, msg: string) => void lines.push(`${level} ${msg}`) };
  const made = new Pulse({ nodeId: NODE, name: 'm' }, { clock, log });
  const transport: ReplicationTransport = {
    connected: true,
    unconfirmedBytes: 0,
    publish: (_, payload) => said.push(payload),
    subscribe: () => {},
    onConnection: () => {},
  };
  const beat = () => {
    made.beat(transport);
    return said[said.length - 1];
  };
  return { beat, lines, hear: (payload: Uint8Array, id = NODE) => made.hear(id, payload) };
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

  it('finds that another process speaks in its name, and says so once a minute', () => {
    const clock = new ManualClock();
    const old = pulse(clock);
    clock.advance(5);
    const restored = pulse(clock);
    const hearBoth = () => {
      for (const beat of [old.beat(), restored.beat()]) {
        old.hear(beat);
        restored.hear(beat);
      }
    };
    // What the old one said before it was ended comes late.
    restored.hear(old.beat());
    expect(restored.lines).toEqual([]);
    for (let second = 0; second < 59; second++) {
      clock.advance(1);
      hearBoth();
    }
    const line = 'error this minder runs twice, restored or copied: stop the other one';
    expect([old.lines, restored.lines]).toEqual([[line], [line]]);
    clock.advance(10);
    hearBoth();
    expect([old.lines, restored.lines]).toEqual([
      [line, line],
      [line, line],
    ]);
  });

  it('takes neither itself nor others nor nonsense for a twin', () => {
    const clock = new ManualClock();
    const [one, other] = [pulse(clock), pulse(clock)];
    clock.advance(10);
    one.hear(one.beat());
    other.hear(one.beat(), `n${'b'.repeat(16)}`);
    one.hear(Buffer.from('{'));
    expect([...one.lines, ...other.lines]).toEqual([]);
  });
});
