import { expect, it } from 'vitest';
import { webSocketTargets } from './web-sockets.js';

const TARGETS = ['/', '/?x=1', '/announce', '/announce?x=1', '/s3cret', '/x', '/scrape', ''];
const taken = (...paths: string[]): string[] => TARGETS.filter(webSocketTargets(paths));

it('takes WebSockets at the announce paths, and at / where the usual path is served', () => {
  expect(taken('/announce')).toEqual(['/', '/?x=1', '/announce', '/announce?x=1']);
  expect(taken('/announce', '/s3cret')).toEqual([
    '/',
    '/?x=1',
    '/announce',
    '/announce?x=1',
    '/s3cret',
  ]);
});

it('takes none at / where only paths are served that nobody guesses', () => {
  expect(taken('/s3cret')).toEqual(['/s3cret']);
});
