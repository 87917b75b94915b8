import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { CidrError, CidrSet } from './cidr-set.js';
import { Endpoint, formatAddress } from './endpoint.js';
import { testSeed } from './prng.js';

function endpoint(text: string): Endpoint {
  const made = new Endpoint();
  expect(made.setAddressText(text), text).toBe(true);
  made.setPort(6881);
  return made;
}

describe('CidrSet', () => {
  it('holds networks and single addresses of both families', () => {
    const set = new CidrSet(['10.0.0.0/8', '192.0.2.7', '2001:db8::/33', '::1']);
    for (const text of ['10.255.0.1', '192.0.2.7', '2001:db8:7fff::', '::1', '::ffff:10.0.0.1']) {
      expect(set.has(endpoint(text)), text).toBe(true);
    }
    for (const text of ['11.0.0.0', '9.255.255.255', '192.0.2.6', '2001:db8:8000::', '::2']) {
      expect(set.has(endpoint(text)), text).toBe(false);
    }
  });

  it('holds nothing when empty, and never an unset endpoint', () => {
    expect(new CidrSet([]).has(endpoint('1.2.3.4'))).toBe(false);
    expect(new CidrSet(['0.0.0.0/0', '::/0']).has(new Endpoint())).toBe(false);
  });

  it('keeps the families apart in whole-world networks', () => {
    expect(new CidrSet(['0.0.0.0/0']).has(endpoint('255.255.255.255'))).toBe(true);
    expect(new CidrSet(['0.0.0.0/0']).has(endpoint('::1'))).toBe(false);
    expect(new CidrSet(['::/0']).has(endpoint('1.2.3.4'))).toBe(false);
  });

  it('ignores bits behind the prefix and reads v4-mapped networks as IPv4', () => {
    expect(new CidrSet(['10.1.2.3/8']).has(endpoint('10.9.9.9'))).toBe(true);
    expect(new CidrSet(['::ffff:10.0.0.0/104']).has(endpoint('10.9.9.9'))).toBe(true);
  });

  it('refuses what is no network, naming it', () => {
    const wrong = ['', 'x', '1.2.3.4/33', '1.2.3.4/-1', '1.2.3.4/', '::/129', '10.1', '0x7f.1'];
    wrong.push('1.2.3.4/8/8', 'fe80::1%eth0', '::ffff:1.2.3.4/8');
    for (const text of wrong) expect(() => new CidrSet([text]), text).toThrow(CidrError);
    expect(() => new CidrSet(['nonsense'])).toThrow("'nonsense'");
  });

  it('agrees with ipaddr.js', () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(address, address, fc.nat(128), (network, other, bits) => {
        const made = endpoint(network);
        const prefix = Math.min(bits, 8 * made.addressLength);
        // ipaddr.js reads ::1.2.3.4 as v4-mapped, which it is not: it gets canonical text.
        const size = made.addressLength as 4 | 16;
        const text = `${formatAddress(made.bytes, 0, size)}/${prefix}`;
        const asked = endpoint(other);
        const expected =
          asked.family === made.family &&
          ipaddr
            .fromByteArray([...asked.bytes.subarray(0, size)])
            .match(ipaddr.parseCIDR(text) as [never, number]);
        expect(new CidrSet([text]).has(endpoint(other)), `${other} in ${text}`).toBe(expected);
      }),
      { seed: testSeed(), numRuns: 1000 },
    );
  });
});
