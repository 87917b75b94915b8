import { describe, expect, it } from 'vitest';
import type { RequestOptions } from '../api.js';
import { ClusterActions } from './actions.js';

function recording(answer: unknown = undefined) {
  const sent: [string, RequestOptions][] = [];
  const api = {
    get: async <T>(path: string) => {
      sent.push([path, {}]);
      return answer as T;
    },
    send: async <T>(path: string, options: RequestOptions) => {
      sent.push([path, options]);
      return answer as T;
    },
  };
  return { sent, actions: new ClusterActions(api) };
}

describe('what an operator can do', () => {
  it('asks as the contract says', async () => {
    const { sent, actions } = recording({ tokens: [], entries: [] });
    const grant = { role: 'tracker', ttlSeconds: 60, uses: 2, cidr: '' } as const;
    await actions.createToken(grant);
    await actions.tokens();
    await actions.revokeToken('00ff');
    await actions.drain('n1');
    await actions.endDrain('n1');
    await actions.revoke('n1');
    await actions.deny('aa', 'why');
    await actions.deny('bb', '');
    await actions.allow('aa');
    expect(sent.map(([path, { method }]) => `${method ?? 'GET'} ${path}`)).toEqual([
      'POST api/v1/tokens',
      'GET api/v1/tokens',
      'DELETE api/v1/tokens/00ff',
      'PUT api/v1/nodes/n1/drain',
      'DELETE api/v1/nodes/n1/drain',
      'POST api/v1/nodes/n1/revoke',
      'PUT api/v1/lists/deny/aa',
      'PUT api/v1/lists/deny/bb',
      'DELETE api/v1/lists/deny/aa',
    ]);
    expect(sent[0][1].body).toEqual(grant);
    expect(sent[6][1].body).toEqual({ reason: 'why' });
    expect(sent[7][1].body).toEqual({});
  });

  it('never leaves the path of a node, whatever its id is', async () => {
    const { sent, actions } = recording();
    for (const id of ['../../tokens', 'a/b', 'a?b#c', '..', '.']) await actions.drain(id);
    for (const [path] of sent) {
      const { pathname, search, hash } = new URL(path, 'http://minder.example/page/');
      expect(pathname).toMatch(/^\/page\/api\/v1\/nodes\/[^/]+\/drain$/);
      expect(search + hash).toBe('');
    }
  });

  it('finds the entry of one info hash', async () => {
    const entry = { info_hash: 'aa', reason: 'r', sinceMs: 1, by: 'm', expiresMs: null };
    const found = recording({ total: 5, entries: [entry], more: false });
    expect(await found.actions.denial('aa')).toEqual(entry);
    expect(found.sent[0][0]).toContain('prefix=aa');
    const none = recording({ total: 5, entries: [], more: false });
    expect(await none.actions.denial('aa')).toBeUndefined();
  });
});
