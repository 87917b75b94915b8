import { expect, it } from 'vitest';
import { formatHostPort } from './host-port.js';

it.each([
  ['127.0.0.1', 6969, '127.0.0.1:6969'],
  ['::', 6969, '[::]:6969'],
  ['::1', 2, '[::1]:2'],
  ['a', 1, 'a:1'],
  ['', 6969, '*:6969'],
])('writes %j and %i as URLs want them', (host, port, text) => {
  expect(formatHostPort(host, port)).toBe(text);
});
