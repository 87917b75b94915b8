import { describe, expect, it } from 'vitest';
import { CidrSet } from '../../lib/cidr-set.js';
import { Endpoint } from '../../lib/endpoint.js';
import { clientFromForwardedFor, FORWARDED_HOPS_MAX } from './x-forwarded-for.js';

const proxies = new CidrSet(['10.0.0.0/8', 'fd00::/8']);

function client(header: string): string | undefined {
  const out = new Endpoint();
  const isTrusted = (hop: Endpoint) => proxies.has(hop);
  return clientFromForwardedFor(header, isTrusted, out) ? `${out}` : undefined;
}

describe('clientFromForwardedFor', () => {
  it('takes the right-most hop that is not trusted', () => {
    expect(client('192.0.2.1')).toBe('192.0.2.1:0');
    expect(client('6.6.6.6, 192.0.2.1')).toBe('192.0.2.1:0');
    expect(client('6.6.6.6, 192.0.2.1, 10.0.0.1,10.0.0.2')).toBe('192.0.2.1:0');
    expect(client('6.6.6.6, 2001:db8::1, fd00::1')).toBe('[2001:db8::1]:0');
  });

  it('takes the left-most hop where all are trusted', () => {
    expect(client('10.0.0.3, 10.0.0.2, 10.0.0.1')).toBe('10.0.0.3:0');
  });

  it('bears ports, brackets and blanks', () => {
    expect(client(' 192.0.2.1:8080\t,  [fd00::1]:443 ')).toBe('192.0.2.1:0');
    expect(client('[2001:db8::1],10.0.0.1:5')).toBe('[2001:db8::1]:0');
    expect(client('::ffff:192.0.2.1')).toBe('192.0.2.1:0');
  });

  it('stops at garbage, with the last good hop', () => {
    expect(client('192.0.2.1, unknown, 10.0.0.1')).toBe('10.0.0.1:0');
    expect(client('192.0.2.1,, 10.0.0.1')).toBe('10.0.0.1:0');
    expect(client('192.0.2.1, [10.0.0.2], 10.0.0.1')).toBe('10.0.0.1:0');
    for (const header of ['', ',', 'unknown', '192.0.2.1, _hidden', '192.0.2.1,', '[]', '[::1']) {
      expect(client(header), header).toBeUndefined();
    }
  });

  it('looks at a bounded number of hops', () => {
    const trail = Array(FORWARDED_HOPS_MAX).fill('10.0.0.1').join(',');
    expect(client(`192.0.2.1,${trail}`)).toBe('10.0.0.1:0');
    expect(client(`192.0.2.1,${trail.slice(9)}`)).toBe('192.0.2.1:0');
    expect(client(`${'x'.repeat(1_000_000)},10.0.0.1`)).toBe('10.0.0.1:0');
  });
});
