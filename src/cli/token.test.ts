import { CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AskedMinder } from './asked-minder.testing.js';
import { nodesCommand } from './nodes.js';
import { revokeCommand } from './revoke.js';
import { tokenCommand } from './token.js';

const TOKEN = `tbt1.${'a'.repeat(83)}`;
let minder: AskedMinder;
/** What the minder was asked. */
let asked: [method: string, params: unknown][];
let answer: unknown;

beforeEach(async () => {
  minder = await AskedMinder.start(() => answer);
  asked = minder.asked;
});
afterEach(async () => {
  await minder.remove();
});

async function run(make: typeof tokenCommand, ...args: string[]) {
  const result = { stdout: '', stderr: '', code: -1 };
  const io = {
    stdout: { write: (text: string) => (result.stdout += text) },
    stderr: { write: (text: string) => (result.stderr += text) },
    exit: (code: number) => {
      result.code = code;
    },
  };
  try {
    await make(io).parseAsync([...args, '--data', minder.data], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
  }
  return result;
}

describe('token create', () => {
  it('prints the bare token, for one tracker within an hour unless told otherwise', async () => {
    answer = { id: '0'.repeat(12), token: TOKEN };
    expect(await run(tokenCommand, 'create')).toEqual({
      stdout: `${TOKEN}\n`,
      stderr: '',
      code: 0,
    });
    expect(asked).toEqual([
      ['token.create', { role: 'tracker', ttlSeconds: 3_600, uses: 1, cidr: '' }],
    ]);
  });

  it('passes its terms on', async () => {
    answer = { token: TOKEN };
    const terms = ['--role', 'minder', '--ttl', '7d', '--uses', '12', '--cidr', '2001:db8::/32'];
    await run(tokenCommand, 'create', ...terms);
    expect(asked[0][1]).toEqual({
      role: 'minder',
      ttlSeconds: 604_800,
      uses: 12,
      cidr: '2001:db8::/32',
    });
  });

  it.each([
    ['--ttl', '0s'],
    ['--ttl', '1'],
    ['--ttl', '1w'],
    ['--ttl', '367d'],
    ['--ttl', '999999999999s'],
    ['--uses', '0'],
    ['--uses', '1.5'],
    ['--cidr', '10.0.0.0/33'],
    ['--cidr', 'here'],
    ['--role', 'king'],
  ])('refuses %s %s as a mistake of usage, with nothing on its output', async (flag, value) => {
    const { stdout, stderr, code } = await run(tokenCommand, 'create', flag, value);
    expect([stdout, code]).toEqual(['', 2]);
    expect(stderr).toContain(flag);
    expect(asked).toEqual([]);
  });
});

describe('what comes from nodes', () => {
  it('cannot draw on the terminal', async () => {
    answer = [
      {
        id: `n${'a'.repeat(16)}`,
        name: '\u001b[31mred',
        role: 'tracker',
        version: '1',
        state: 'unreachable',
        reason: 'clock',
        lagMs: null,
        clockOffsetMs: 300_000.4,
        peers: 7,
      },
    ];
    const { stdout, code } = await run(nodesCommand);
    expect(code).toBe(0);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('unreachable (clock)');
    expect(stdout).toContain('300000 ms');
    expect(stdout.split('\n')[0]).toMatch(
      /^ID +NAME +ROLE +STATE +LAG +CLOCK +PEERS +REQUESTS +INTERVAL +VERSION$/,
    );
  });
});

describe('revoke', () => {
  it('says when the node is out', async () => {
    answer = { id: 'n1', live: true, effectiveMs: 0 };
    expect((await run(revokeCommand, 'one')).stdout).toBe('n1 is revoked and cut off\n');
    answer = { id: 'n1', live: false, effectiveMs: 1_769_860_800_000 };
    expect((await run(revokeCommand, 'one')).stdout).toContain('at 2026-01-31 12:00:00Z');
    expect(asked[0]).toEqual(['revoke', { node: 'one' }]);
  });

  it('says so as JSON too, as does what else changes something', async () => {
    answer = { id: 'n1', live: true, effectiveMs: 0 };
    expect(JSON.parse((await run(revokeCommand, 'one', '--json')).stdout)).toEqual(answer);
    answer = { token: TOKEN, more: 1 };
    const { stdout } = await run(tokenCommand, 'create', '--json');
    expect(JSON.parse(stdout)).toEqual({ token: TOKEN });
  });
});
