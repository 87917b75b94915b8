import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { PageRequest } from '../frontend/http/page-taker.js';
import { PAGE_POLICY, PublicPage } from './public-page.js';

const PLAIN: PageRequest = {
  host: 'tracker.example',
  ifNoneMatch: undefined,
  secure: false,
  proxied: false,
};

function rig(urls: readonly string[] = ['http://tracker.example/announce']) {
  const state = { nowMs: 0, seeders: 1_234, looks: 0, made: 0 };
  const page = new PublicPage({
    totals: () => {
      state.looks++;
      return { swarms: 12, seeders: state.seeders, leechers: 5, webPeers: 3 };
    },
    urls: () => {
      state.made++;
      return urls;
    },
    nowMs: () => state.nowMs,
  });
  const ask = (target = '/', request: Partial<PageRequest> = {}) => {
    const bytes = Buffer.from(target);
    return page.answer(bytes, 0, bytes.length, { ...PLAIN, ...request });
  };
  return { state, page, ask };
}

const header = (headers: readonly string[], name: string) => headers[headers.indexOf(name) + 1];

describe('PublicPage', () => {
  it('shows the totals and the URLs, as escaped text', () => {
    const { ask } = rig(['http://a/announce', 'udp://<script>"\'&\u00e9{key}:1']);
    const { status, body } = ask();
    expect(status).toBe(200);
    expect(body).toContain('<dt>Seeders</dt><dd>1,234</dd>');
    expect(body).toContain('<code>http://a/announce</code>');
    expect(body).toContain('udp://&#60;script&#62;&#34;&#39;&#38;&#233;{key}:1');
    // One character is one byte, as the frontend sends it.
    expect(body).toMatch(/^[\n\x20-\x7e]*$/);
  });

  it('says so when it knows no URL', () => {
    expect(rig([]).ask().body).toContain('Ask the operator');
  });

  it('allows its own style and script and nothing else', () => {
    const { body, headers } = rig().ask();
    expect(header(headers, 'Content-Security-Policy')).toBe(PAGE_POLICY);
    for (const tag of ['style', 'script']) {
      const text = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(body)?.[1] ?? '';
      const hash = createHash('sha256').update(text).digest('base64');
      expect(text.length).toBeGreaterThan(100);
      expect(PAGE_POLICY).toContain(`${tag}-src 'sha256-${hash}'`);
    }
    // Nothing within that the policy would stop, and nobody else is asked for anything.
    expect(body).not.toMatch(/ (?:style|on[a-z]+)=/);
    expect(body.match(/(?:src|href)="[^"]*"/g)).toEqual(['href="/favicon.ico"']);
    expect(header(headers, 'Cache-Control')).toBe('max-age=10');
  });

  it('looks at the totals once a second, however often it is asked for', () => {
    const { ask, state } = rig();
    for (let i = 0; i < 50; i++) ask();
    expect([state.looks, state.made]).toEqual([1, 1]);
    state.seeders = 2;
    state.nowMs = 999;
    expect(ask().body).toContain('1,234');
    state.nowMs = 1_000;
    expect(ask().body).toContain('<dd>2</dd>');
    expect(state.looks).toBe(2);
  });

  it('keeps a bounded number of pages, and serves hosts beyond that all the same', () => {
    const { ask, state } = rig();
    for (let i = 0; i < 100; i++) expect(ask('/', { host: `h${i}` }).status).toBe(200);
    state.made = 0;
    for (let i = 0; i < 100; i++) ask('/', { host: `h${i}` });
    expect(state.made).toBe(68);
    expect(state.looks).toBe(1);
  });

  it('answers 304 to who has that page, and 200 when it changed', () => {
    const { ask, state } = rig();
    const tag = header(ask().headers, 'ETag');
    for (const ifNoneMatch of [tag, `"x", W/${tag}`, '*']) {
      const { status, body } = ask('/', { ifNoneMatch });
      expect([status, body]).toEqual([304, '']);
    }
    expect(ask('/', { ifNoneMatch: '"x"' }).status).toBe(200);
    expect(ask('/', { ifNoneMatch: `${tag}${','.repeat(1_000)}` }).status).toBe(200);
    state.seeders++;
    state.nowMs = 5_000;
    expect(ask('/', { ifNoneMatch: tag }).status).toBe(200);
  });

  it('shows new URLs at once when it is told that they changed', () => {
    const { ask, page, state } = rig();
    ask();
    page.refresh();
    ask();
    expect(state.made).toBe(2);
  });

  it('has an icon, and rules for crawlers', () => {
    const { ask } = rig();
    expect(ask('/favicon.ico').headers).toContain('image/svg+xml');
    expect(ask('/favicon.ico').body).toMatch(/^<svg /);
    expect(ask('/robots.txt').body).toContain('User-agent: *');
  });
});
