import { describe, expect, it } from 'vitest';
import { HttpPathError, HttpRoute, HttpRoutes, KEY_BYTES_MAX, scrapePathOf } from './route.js';

function match(routes: HttpRoutes, target: string) {
  const bytes = Buffer.from(`GET ${target} HTTP/1.1`, 'latin1');
  const end = 4 + target.length;
  const route = routes.match(bytes, 4, end);
  const text = (from: number, to: number) => bytes.toString('latin1', from, to);
  return {
    route,
    query: text(routes.queryStart, end),
    key: text(routes.keyStart, routes.keyEnd),
  };
}

describe('HttpRoutes', () => {
  const routes = new HttpRoutes({
    announcePaths: ['/announce', '/{key}/announce', '/announce.php', '/t/{key}', '/tell'],
  });

  it('finds the announce path and where the query begins', () => {
    expect(match(routes, '/announce?a=b')).toMatchObject({ route: 1, query: 'a=b', key: '' });
    expect(match(routes, '/announce')).toMatchObject({ route: 1, query: '' });
    expect(match(routes, '/announce?')).toMatchObject({ route: 1, query: '' });
    expect(match(routes, '/announce?x?a=b')).toMatchObject({ route: 1, query: 'x?a=b' });
  });

  it('derives the scrape path by the convention of BEP 48', () => {
    expect(match(routes, '/scrape?a').route).toBe(HttpRoute.scrape);
    expect(match(routes, '/scrape.php').route).toBe(HttpRoute.scrape);
    expect(match(routes, '/k/scrape')).toMatchObject({ route: HttpRoute.scrape, key: 'k' });
  });

  it('gives no scrape path where the convention gives none', () => {
    expect(match(routes, '/tell').route).toBe(HttpRoute.announce);
    expect(scrapePathOf('/tell')).toBeUndefined();
    expect(scrapePathOf('/announce/x')).toBeUndefined();
    expect(scrapePathOf('/xannounce')).toBeUndefined();
    expect(scrapePathOf('/a/announce?x')).toBe('/a/scrape?x');
  });

  it('reports the key segment', () => {
    expect(match(routes, '/secret/announce?x')).toMatchObject({ route: 1, key: 'secret' });
    expect(match(routes, '/t/secret')).toMatchObject({ route: 1, key: 'secret' });
  });

  it('bounds the key and takes one segment only', () => {
    expect(match(routes, '//announce').route).toBe(HttpRoute.none);
    expect(match(routes, '/a/b/announce').route).toBe(HttpRoute.none);
    expect(match(routes, `/${'k'.repeat(KEY_BYTES_MAX)}/announce`).route).toBe(1);
    expect(match(routes, `/${'k'.repeat(KEY_BYTES_MAX + 1)}/announce`).route).toBe(0);
  });

  it('matches nothing else', () => {
    for (const target of ['/', '', '*', '/announc', '/announces', '/Announce', '/announce/']) {
      expect(match(routes, target).route, target).toBe(HttpRoute.none);
    }
  });

  it('refuses paths that cannot be routed', () => {
    for (const path of ['announce', '/{key}/{key}', '/a?b', '/x{key}', '/{key}x', '/a b']) {
      expect(() => new HttpRoutes({ announcePaths: [path] }), path).toThrow(HttpPathError);
    }
  });
});
