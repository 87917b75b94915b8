import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { createLogger } from '../lib/log.js';
import { ControlState } from './control-state.js';
import { JoinTokens } from './join-tokens.js';
import { temporaryDirectory } from './minder-rig.testing.js';

const caFingerprint = new Uint8Array(32);
let directory = '';
let clock: ManualClock;
let lines: Record<string, unknown>[];

beforeEach(() => {
  directory = temporaryDirectory();
  clock = new ManualClock();
  lines = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function minder(name: string): { state: ControlState; tokens: JoinTokens } {
  const state = new ControlState({ path: join(directory, name) }, { clock });
  const logger = createLogger(
    { level: 'debug', format: 'json', name },
    { output: { write: (line) => lines.push(JSON.parse(line)) } },
  );
  return { state, tokens: new JoinTokens({ caFingerprint }, { state, clock, logger }) };
}

/** Lets a node in; what it is told otherwise. */
function spend({ state, tokens }: ReturnType<typeof minder>, token: string, node: string): string {
  const bearer = { role: 'tracker', address: '127.0.0.1', busPublicKey: node } as const;
  const check = tokens.check(token, bearer);
  if (!check.ok) return check.reason;
  state.commit(check.spend(check.nodeId));
  return 'ok';
}

const grant = { role: 'tracker', ttlSeconds: 600 } as const;

describe('a token that two minders know', () => {
  it('is spent for both when it is spent at one', () => {
    const [a, b] = [minder('a'), minder('b')];
    const { token } = a.tokens.create({ ...grant, uses: 2 });
    b.state.merge(a.state.entries());
    expect(spend(a, token, 'UA')).toBe('ok');
    b.state.merge(a.state.entries());
    expect(spend(b, token, 'UB')).toBe('ok');
    a.state.merge(b.state.entries());
    expect([spend(a, token, 'UC'), spend(b, token, 'UC')]).toEqual(['used', 'used']);
    expect(a.tokens.list()).toEqual(b.tokens.list());
    expect(a.tokens.list()).toMatchObject([{ uses: 2, usesMax: 2, state: 'used' }]);
    expect(lines).toEqual([]);
  });

  it('can be spent too often while they are apart: that is said once, with who got in', () => {
    const [a, b] = [minder('a'), minder('b')];
    const { id, token } = a.tokens.create({ ...grant, uses: 1 });
    b.state.merge(a.state.entries());
    expect([spend(a, token, 'UA'), spend(b, token, 'UB')]).toEqual(['ok', 'ok']);
    for (let i = 0; i < 3; i++) {
      a.state.merge(b.state.entries());
      b.state.merge(a.state.entries());
    }
    const nodes = a.state.get('token', id)!.spentBy.map(({ nodeId }) => nodeId);
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(line).toMatchObject({
        msg: 'a token was spent more often than it may be',
        tokenId: id,
        uses: 2,
        usesMax: 1,
        nodes: nodes.join(' '),
      });
    }
    expect(new Set(lines.map(({ name }) => name)).size).toBe(2);
    expect(JSON.stringify(lines)).not.toContain(token);
  });

  it('is known to both for a node that asks the other one again', () => {
    const [a, b] = [minder('a'), minder('b')];
    const { token } = a.tokens.create({ ...grant, uses: 1 });
    b.state.merge(a.state.entries());
    spend(a, token, 'UA');
    b.state.merge(a.state.entries());
    const bearer = { role: 'tracker', address: '127.0.0.1', busPublicKey: 'UA' } as const;
    expect(b.tokens.check(token, bearer)).toMatchObject({ ok: true, isNew: false });
  });

  it('counts uses from before minders counted apart', () => {
    const [a, b] = [minder('a'), minder('b')];
    const { id, token } = a.tokens.create({ ...grant, uses: 4 });
    const old = { ...a.state.get('token', id)!, uses: 1 };
    a.state.commit([{ kind: 'token', id, value: old }]);
    b.state.merge(a.state.entries());
    expect([spend(a, token, 'UA'), spend(b, token, 'UB')]).toEqual(['ok', 'ok']);
    a.state.merge(b.state.entries());
    b.state.merge(a.state.entries());
    expect([a, b].map(({ state }) => state.get('token', id)?.uses)).toEqual([3, 3]);
    expect(a.state.root()).toBe(b.state.root());
  });
});
