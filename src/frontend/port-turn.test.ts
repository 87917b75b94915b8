import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { inTurn } from './port-turn.js';

// Numbers that are no ports, so that no tracker on this machine is kept waiting.
const FIRST = 1_000_000 + process.pid;
const SECOND = FIRST + 10_000_000;
const PATIENT = { waitMsMax: 60_000 };

/** True when somebody has the turn at a port. */
function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(`\0trackerbt-port-${port}`);
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

describe.runIf(process.platform === 'linux')('turns at ports', () => {
  it('come one after the other, in whatever order the ports are named', async () => {
    let acting = 0;
    let done = 0;
    const act = async () => {
      expect(++acting).toBe(1);
      expect(await isTaken(FIRST)).toBe(true);
      acting--;
      return ++done;
    };
    const ports = [[FIRST, SECOND], [SECOND, FIRST], [FIRST, 0, FIRST], [FIRST]];
    const all = await Promise.all(ports.map((some) => inTurn(some, act, PATIENT)));
    expect(all.sort()).toEqual([1, 2, 3, 4]);
    expect(await isTaken(FIRST)).toBe(false);
    expect(await isTaken(SECOND)).toBe(false);
  });

  it('end with an error too', async () => {
    const failing = inTurn([FIRST], () => Promise.reject(new Error('no')), PATIENT);
    await expect(failing).rejects.toThrow('no');
    expect(await isTaken(FIRST)).toBe(false);
  });

  it('are not waited for without end', async () => {
    const other = () => inTurn([FIRST], async () => 'acted', { waitMsMax: 1 });
    expect(await inTurn([FIRST], other, PATIENT)).toBe('acted');
  });

  it('need not be taken for a port that the system chooses', async () => {
    expect(await inTurn([0], () => isTaken(0))).toBe(false);
  });
});
