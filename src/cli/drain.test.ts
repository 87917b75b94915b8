import { CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlError } from '../minder/control-socket.js';
import type { DrainView } from '../minder/tuning-desk.js';
import { AskedMinder } from './asked-minder.testing.js';
import { drainCommand } from './drain.js';
import { settingsCommand } from './settings.js';

const NODE = `n${'a'.repeat(16)}`;
const VIEW: DrainView = {
  id: NODE,
  name: 'one',
  draining: true,
  state: 'draining',
  reason: 'operator',
  requestsPerSecond: 12.5,
  quietSeconds: 0,
  inDns: null,
  healthyOthers: 2,
};
let minder: AskedMinder;
let asked: [method: string, params: unknown][];
/** Answers by the number of the question, the last one for all that follow. */
let answers: unknown[];

beforeEach(async () => {
  minder = await AskedMinder.start(() => {
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    if (answer instanceof Error) throw answer;
    return answer;
  });
  asked = minder.asked;
});
afterEach(async () => {
  await minder.remove();
});

/** Time passes only where the command waits. */
async function run(
  make: typeof drainCommand,
  args: string[],
  { isTTY = false, stopAfterMs = Number.POSITIVE_INFINITY } = {},
) {
  const result = { stdout: '', stderr: '', code: -1, ms: 0 };
  let stop = (): void => {};
  const io = {
    stdout: { write: (text: string) => (result.stdout += text) },
    stderr: { write: (text: string) => (result.stderr += text), isTTY },
    exit: (code: number) => {
      result.code = code;
    },
    onStopSignal: (listener: () => void) => {
      stop = listener;
    },
    wait: async (ms: number) => {
      result.ms += ms;
      if (result.ms >= stopAfterMs) stop();
    },
    nowMs: () => result.ms,
  };
  try {
    await make(io).parseAsync([...args, '--data', minder.data], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
  }
  return result;
}

describe('drain', () => {
  it('begins, and ends well when nobody has come for long enough', async () => {
    answers = [
      VIEW,
      { ...VIEW, quietSeconds: 59 },
      { ...VIEW, quietSeconds: 60, state: 'healthy' },
      { ...VIEW, quietSeconds: 60, inDns: true },
      { ...VIEW, quietSeconds: null },
      { ...VIEW, quietSeconds: 60 },
    ];
    const { stdout, stderr, code, ms } = await run(drainCommand, ['one']);
    expect(asked[0]).toEqual(['drain.start', { node: 'one' }]);
    expect(asked[1]).toEqual(['drain.status', { node: NODE }]);
    expect([code, ms, asked.length]).toEqual([0, 5_000, 6]);
    expect(stdout).toBe(`${NODE} (one) is empty: no client has come for 60 s\n`);
    expect(stderr).toBe(`${NODE} (one): draining, 12.5 requests/s, quiet for 0 s\n`);
  });

  it('ends with 3 when clients still come at the end, and says that it stays', async () => {
    answers = [VIEW];
    const { stdout, stderr, code, ms } = await run(drainCommand, ['one', '--timeout', '30']);
    expect([code, ms, stdout]).toEqual([3, 30_000, '']);
    expect(stderr).toContain('still has clients after 30 s; it stays draining');
    expect(asked.some(([method]) => method === 'drain.end')).toBe(false);
  });

  it('says when it is interrupted that it stays', async () => {
    answers = [VIEW];
    const { stderr, code } = await run(drainCommand, ['one'], { stopAfterMs: 3_000 });
    expect(code).toBe(130);
    expect(stderr).toContain('it stays draining');
    expect(asked.some(([method]) => method === 'drain.end')).toBe(false);
  });

  it('says a line now and then, and on a terminal one that changes', async () => {
    answers = [VIEW];
    const plain = await run(drainCommand, ['one', '--timeout', '35']);
    expect(plain.stderr.split('\n').filter((line) => line.includes('requests/s'))).toHaveLength(4);
    const terminal = await run(drainCommand, ['one', '--timeout', '3'], { isTTY: true });
    expect(terminal.stderr.split('\n')[0].split('\r\x1b[K').length).toBeGreaterThan(3);
  });

  it('warns when clients have nowhere to go', async () => {
    answers = [{ ...VIEW, healthyOthers: 0, quietSeconds: 60 }];
    expect((await run(drainCommand, ['one'])).stderr).toContain('nowhere to go');
  });

  it('is taken back, with JSON for machines', async () => {
    answers = [{ ...VIEW, draining: false }];
    const { stdout, code } = await run(drainCommand, ['one', '--undo', '--json']);
    expect(asked).toEqual([['drain.end', { node: 'one' }]]);
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      { ...VIEW, draining: false, outcome: 'undone' },
    ]);
  });

  it('ends with 1 for what cannot be drained, and when somebody takes it back', async () => {
    answers = [new ControlError('control_not_found', "there is no node 'one'")];
    expect(await run(drainCommand, ['one'])).toMatchObject({
      code: 1,
      stderr: "there is no node 'one'\n",
    });
    asked.length = 0;
    answers = [VIEW, { ...VIEW, draining: false }];
    expect((await run(drainCommand, ['one'])).code).toBe(1);
  });

  it('waits for a minder that is away for a moment, and not for ever', async () => {
    const away = new ControlError('minder_not_running', 'away');
    answers = [VIEW, away, away, { ...VIEW, quietSeconds: 60 }];
    expect((await run(drainCommand, ['one'])).code).toBe(0);
    asked.length = 0;
    answers = [VIEW, away];
    const { code, ms } = await run(drainCommand, ['one']);
    expect([code, ms]).toEqual([1, 61_000]);
  });
});

describe('settings', () => {
  const SETTINGS = { intervalSeconds: 600, numwantMax: null, listMode: null };

  it('are shown, for people and for machines', async () => {
    answers = [SETTINGS];
    expect((await run(settingsCommand, [])).stdout).toBe(
      'interval   600 s\nnumwant    default\nlist mode  default\n',
    );
    expect(JSON.parse((await run(settingsCommand, ['--json'])).stdout)).toEqual(SETTINGS);
    expect(asked[0]).toEqual(['settings.get', {}]);
  });

  it('are set one by one, and default takes one back', async () => {
    answers = [SETTINGS];
    const { code, stdout } = await run(settingsCommand, ['set', '--interval', '600', '--json']);
    expect([code, JSON.parse(stdout)]).toEqual([0, SETTINGS]);
    await run(settingsCommand, ['set', '--numwant', 'default', '--list-mode', 'allow']);
    expect(asked).toEqual([
      ['settings.set', { intervalSeconds: 600 }],
      ['settings.set', { numwantMax: null, listMode: 'allow' }],
    ]);
  });

  it.each([
    [['set']],
    [['set', '--interval', '0']],
    [['set', '--interval', '28801']],
    [['set', '--numwant', '201']],
    [['set', '--list-mode', 'shut']],
    [['get']],
  ])('refuse %j as a mistake of usage', async (args) => {
    const { code, stdout } = await run(settingsCommand, args);
    expect([code, stdout, asked]).toEqual([2, '', []]);
  });
});
