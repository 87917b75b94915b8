import { describe, expect, it } from 'vitest';
import { parseListen } from './listen.js';

describe('parseListen', () => {
  it.each([
    ['6969', '', 6969],
    [':6969', '', 6969],
    ['*:6969', '', 6969],
    ['0', '', 0],
    ['127.0.0.1:6969', '127.0.0.1', 6969],
    ['0.0.0.0:0', '0.0.0.0', 0],
    ['[::]:65535', '::', 65535],
    ['[::1]:0', '::1', 0],
    ['[::ffff:1.2.3.4]:80', '::ffff:1.2.3.4', 80],
    ['[fe80::1%eth0]:80', 'fe80::1%eth0', 80],
  ])('takes %s', (text, host, port) => {
    expect(parseListen(text)).toEqual({ host, port });
  });

  it.each([
    '',
    ':',
    '*',
    'off',
    '65536',
    '-1',
    '06969',
    '6969 ',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.256:80',
    '1.2.3:80',
    '::1:6969',
    '[::1]',
    '[::g]:80',
    '[1.2.3.4]:80',
    '[]:80',
    'localhost:80',
    '6969/tcp',
    '*:1\n',
    `[${'1'.repeat(100)}]:1`,
  ])('refuses %j', (text) => {
    expect(parseListen(text)).toBeUndefined();
  });
});
