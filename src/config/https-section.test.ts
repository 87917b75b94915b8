import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.js';
import { ConfigError } from './problem.js';

const ACME = {
  TRACKERBT_HTTPS_LISTEN: '*:443',
  TRACKERBT_HTTPS_ACME_DIRECTORY_URL: 'https://ca.example/directory',
  TRACKERBT_HTTPS_ACME_DOMAINS: 'tracker.example',
  TRACKERBT_HTTPS_ACME_TERMS_AGREED: 'true',
};
const FILES = {
  TRACKERBT_HTTPS_LISTEN: '*:443',
  TRACKERBT_HTTPS_CERT_FILE: '/c.pem',
  TRACKERBT_HTTPS_KEY_FILE: '/k.pem',
};

function complaints(env: Readonly<Record<string, string>>): string {
  try {
    loadConfig({ env });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

describe('the settings of HTTPS', () => {
  it('take a certificate from files or from ACME, and none where nothing listens', () => {
    const more = {
      TRACKERBT_HTTPS_MORE_CERT_FILES: '/a.pem,/b.pem',
      TRACKERBT_HTTPS_MORE_KEY_FILES: '/one.key,/one.key',
    };
    for (const env of [{}, FILES, ACME, { ...FILES, ...more }, { ...ACME, ...more }])
      expect(complaints(env)).toBe('');
  });

  it.each([
    ['a listener without a certificate', { TRACKERBT_HTTPS_LISTEN: '*:443' }, /comes from one/],
    ['a certificate without its key', { ...FILES, TRACKERBT_HTTPS_KEY_FILE: '' }, /together/],
    ['both sources at once', { ...FILES, ...ACME }, /comes from one/],
    ['ACME without a name', { ...ACME, TRACKERBT_HTTPS_ACME_DOMAINS: '' }, /it is empty/],
    ['ACME for an address', { ...ACME, TRACKERBT_HTTPS_ACME_DOMAINS: '192.0.2.1' }, /to be names/],
    [
      'more certificates than keys',
      {
        ...FILES,
        TRACKERBT_HTTPS_MORE_CERT_FILES: '/a.pem,/b.pem',
        TRACKERBT_HTTPS_MORE_KEY_FILES: '/a.key',
      },
      /as many/,
    ],
    [
      'more certificates without a listener',
      { TRACKERBT_HTTPS_MORE_CERT_FILES: '/a.pem', TRACKERBT_HTTPS_MORE_KEY_FILES: '/a.key' },
      /which https\.moreCertFiles are for/,
    ],
    ['terms not agreed to', { ...ACME, TRACKERBT_HTTPS_ACME_TERMS_AGREED: 'false' }, /termsAgreed/],
    ['ACME without HTTP', { ...ACME, TRACKERBT_HTTP_LISTEN: 'off' }, /http\.listen/],
    [
      'a directory in the clear',
      { ...ACME, TRACKERBT_HTTPS_ACME_DIRECTORY_URL: 'http://ca.example/' },
      /https:\/\//,
    ],
  ])('refuse %s', (_, env, says) => {
    expect(complaints(env)).toMatch(says);
  });
});
