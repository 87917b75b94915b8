import type { PeerCertificate } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { checkServerRole, roleOf } from './server-role.js';

const ID = 'n0123456789abcdef';
const certificate = (subjectaltname: string, CN = ID) =>
  ({ subject: { CN }, subjectaltname }) as PeerCertificate;

describe('the holder of a certificate', () => {
  it('is whom its one URI and its common name agree on', () => {
    const found = roleOf(certificate(`URI:urn:trackerbt:minder:${ID}, IP Address:127.0.0.1`));
    expect(found).toEqual({ role: 'minder', nodeId: ID });
  });

  it.each([
    ['no names at all', certificate('')],
    ['another URI', certificate('URI:urn:other:minder:n0123456789abcdef')],
    ['another role', certificate(`URI:urn:trackerbt:king:${ID}`)],
    ['another common name', certificate(`URI:urn:trackerbt:minder:${ID}`, 'n0000000000000000')],
    ['a name of DNS', certificate(`DNS:urn:trackerbt:minder:${ID}`)],
    ['a quoted name that holds one', certificate(`URI:"x, URI:urn:trackerbt:minder:${ID}"`)],
    ['two URIs', certificate(`URI:urn:trackerbt:tracker:${ID}, URI:urn:trackerbt:minder:${ID}`)],
  ])('is a stranger with %s', (_what, given) => {
    expect(roleOf(given)).toBeUndefined();
    expect(checkServerRole('minder', given)).toBeInstanceOf(Error);
  });

  it('must have the role that is asked for', () => {
    const tracker = certificate(`URI:urn:trackerbt:tracker:${ID}`);
    expect(checkServerRole('tracker', tracker)).toBeUndefined();
    expect(checkServerRole('minder', tracker)?.message).toBe(
      'what answers is no minder but a tracker',
    );
  });
});
