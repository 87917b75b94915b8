import { describe, expect, it } from 'vitest';
import { Api, ApiError, describeError, tabTokens } from './api.js';

const TOKEN = 'the-right-token-of-this-test';

interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

/** A listener that wants a token, and an operator who gives those in `answers`. */
function setUp(answers: (string | undefined)[], reply: Answer = { status: 200, body: '{"a":1}' }) {
  const requests: { path: string; init: RequestInit }[] = [];
  const asked: boolean[] = [];
  let kept: string | undefined;
  const api = new Api({
    fetch: async (path, init) => {
      requests.push({ path: String(path), init: init ?? {} });
      const headers = new Headers(init?.headers);
      if (headers.get('authorization') !== `Bearer ${TOKEN}`) {
        return new Response('{"code":"unauthorized","detail":"it needs the token"}', {
          status: 401,
        });
      }
      const { status, body, headers: more } = reply;
      return new Response(status === 204 ? null : body, { status, ...(more && { headers: more }) });
    },
    tokens: {
      get: () => kept,
      set: (token) => {
        kept = token;
      },
    },
    askToken: async (wasRefused) => {
      asked.push(wasRefused);
      return answers.shift();
    },
  });
  return { api, requests, asked, tokenKept: () => kept };
}

describe('the API', () => {
  it('asks for the token when it is needed, again when it is wrong, and keeps the right one', async () => {
    const { api, requests, asked, tokenKept } = setUp(['wrong', TOKEN]);
    expect(await api.get('api/v1/now')).toEqual({ a: 1 });
    expect(asked).toEqual([false, true]);
    expect(requests).toHaveLength(3);
    expect(tokenKept()).toBe(TOKEN);
    await api.get('api/v1/now');
    expect(asked).toHaveLength(2);
    api.forgetToken();
    expect(api.hasToken).toBe(false);
  });

  it('never writes the token into an address', async () => {
    const { api, requests } = setUp([TOKEN]);
    await api.send('api/v1/tokens', { method: 'POST', body: { role: 'tracker' } });
    for (const { path } of requests) expect(path).not.toContain(TOKEN);
    expect(requests.at(-1)?.init).toMatchObject({ method: 'POST', body: '{"role":"tracker"}' });
  });

  it('says what the listener said when the operator gives no token', async () => {
    const { api, requests } = setUp([undefined]);
    await expect(api.get('x')).rejects.toMatchObject({ status: 401, code: 'unauthorized' });
    expect(requests).toHaveLength(1);
  });

  it('asks once for all that wait', async () => {
    const { api, asked } = setUp([TOKEN]);
    await Promise.all([api.get('a'), api.get('b'), api.get('c')]);
    expect(asked).toEqual([false]);
  });

  it('turns problems into errors with their words', async () => {
    const body = '{"code":"rate_limited","title":"Too many requests","detail":"slow down"}';
    const limited = setUp([TOKEN], { status: 429, body, headers: { 'retry-after': '7' } });
    const error = await limited.api.get('x').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 429, code: 'rate_limited', retryAfterSeconds: 7 });
    expect(describeError(error)).toBe('slow down (again in 7 s)');
  });

  it('copes with a proxy that answers something else', async () => {
    const html = setUp([TOKEN], { status: 502, body: '<html>Bad gateway</html>' });
    await expect(html.api.get('x')).rejects.toMatchObject({ status: 502, code: 'status_502' });
    const login = setUp([TOKEN], { status: 200, body: '<html>Log in</html>' });
    await expect(login.api.get('x')).rejects.toMatchObject({ code: 'malformed' });
  });

  it('takes a reply without content', async () => {
    const { api } = setUp([TOKEN], { status: 204 });
    expect(await api.send('x', { method: 'DELETE' })).toBeUndefined();
  });

  it('calls it unreachable when nobody answers', async () => {
    const api = new Api({
      fetch: () => Promise.reject(new TypeError('Failed to fetch')),
      tokens: { get: () => undefined, set: () => {} },
      askToken: async () => undefined,
    });
    await expect(api.get('x')).rejects.toMatchObject({ status: 0, code: 'unreachable' });
  });
});

describe('tokens of a tab', () => {
  it('are kept in memory where storage is forbidden', () => {
    const tokens = tabTokens(() => {
      throw new Error('denied');
    });
    tokens.set(TOKEN);
    expect(tokens.get()).toBe(TOKEN);
    tokens.set(undefined);
    expect(tokens.get()).toBeUndefined();
  });
});
