import { expect, it } from 'vitest';
import { PageTarget, pageTargetOf } from './page-targets.js';

const of = (text: string) => {
  // Something stands before and behind it, as in a buffer of requests.
  const bytes = Buffer.from(`GET ${text} HTTP/1.1`, 'latin1');
  return pageTargetOf(bytes, 4, 4 + text.length);
};

it('knows the page, with a query and without, and what browsers and crawlers ask for', () => {
  expect(['/', '/?', '/?a=b'].map(of)).toEqual(Array(3).fill(PageTarget.page));
  expect(['/favicon.ico', '/favicon.ico?v=1'].map(of)).toEqual(Array(2).fill(PageTarget.icon));
  expect(of('/robots.txt')).toBe(PageTarget.robots);
});

it('leaves everything else alone, also what begins like one of them', () => {
  const others = ['', '/announce', '/scrape?a', '//', '/f', '/favicon.icon', '/favicon.ic'];
  others.push('/robots.txt/', '/r', '*', 'a', '/#');
  for (const text of others) expect([text, of(text)]).toEqual([text, PageTarget.none]);
});
