import { describe, expect, it } from 'vitest';
import { Endpoint } from '../../lib/endpoint.js';
import { type Interfaces, LOCAL_ADDRESSES_MAX, localAddresses } from './local-addresses.js';
import { ReplyRing } from './reply-ring.js';
import { SourceCache } from './source-cache.js';

describe('SourceCache', () => {
  it('reads both families, and again from memory', () => {
    const cache = new SourceCache();
    const endpoint = new Endpoint();
    const seen = () => {
      endpoint.setPort(80);
      return endpoint.toString();
    };
    for (let round = 0; round < 3; round++) {
      expect(cache.lookup('192.0.2.7', 'IPv4', endpoint)).toBe(true);
      expect(seen()).toBe('192.0.2.7:80');
      expect(cache.lookup('2001:db8::1', 'IPv6', endpoint)).toBe(true);
      expect(seen()).toBe('[2001:db8::1]:80');
      expect(cache.lookup('fe80::1%eth0', 'IPv6', endpoint)).toBe(true);
      expect(seen()).toBe('[fe80::1]:80');
      expect(cache.lookup('::ffff:192.0.2.9', 'IPv6', endpoint)).toBe(true);
      expect(seen()).toBe('192.0.2.9:80');
    }
    expect(cache.size).toBe(3);
    expect(cache.lookup('nonsense', 'IPv6', endpoint)).toBe(false);
  });

  it('stays bounded and right under more sources than it holds', () => {
    const cache = new SourceCache();
    const endpoint = new Endpoint();
    for (let i = 0; i < 20_000; i++) {
      expect(cache.lookup(`2001:db8::${i.toString(16)}`, 'IPv6', endpoint)).toBe(true);
      expect((endpoint.bytes[14] << 8) | endpoint.bytes[15]).toBe(i & 0xffff);
      cache.lookup('2001:db8:1::1', 'IPv6', endpoint);
      expect(endpoint.bytes[5]).toBe(1);
    }
    expect(cache.size).toBeLessThanOrEqual(4_096);
  });
});

describe('ReplyRing', () => {
  it('gives each slot once until it comes back', () => {
    const errors: Error[] = [];
    const ring = new ReplyRing((error) => errors.push(error), 3);
    const taken = [1, 2, 3].map(() => {
      const slot = ring.peek();
      ring.take();
      return slot;
    });
    expect(new Set(taken).size).toBe(3);
    expect(ring.peek()).toBeUndefined();
    taken[1]?.sent(new Error('refused'));
    expect(errors).toHaveLength(1);
    expect(ring.peek()).toBe(taken[1]);
  });

  it('is idle when every send is over, or when the deadline has passed', async () => {
    const ring = new ReplyRing(() => {}, 2);
    await ring.idle(1_000_000);
    const slot = ring.peek();
    ring.take();
    await ring.idle(1);
    const idle = ring.idle(1_000_000);
    slot?.sent(null);
    await idle;
  });
});

describe('localAddresses', () => {
  const info = (address: string, scopeid = 0) => ({
    address,
    netmask: '',
    mac: '',
    internal: false,
    cidr: null,
    ...(address.includes(':') ? { family: 'IPv6' as const, scopeid } : { family: 'IPv4' as const }),
  });

  it('lists each family, link-local addresses with their zone', () => {
    const interfaces: Interfaces = {
      lo: [info('127.0.0.1'), info('::1')],
      eth0: [info('192.0.2.2'), info('fe80::1', 3)],
    };
    expect(localAddresses(interfaces, 4, 'linux')).toEqual(['127.0.0.1', '192.0.2.2']);
    expect(localAddresses(interfaces, 6, 'linux')).toEqual(['::1', 'fe80::1%eth0']);
    expect(localAddresses(interfaces, 6, 'win32')).toEqual(['::1', 'fe80::1%3']);
  });

  it('is bounded', () => {
    const many = Array.from({ length: 200 }, (_, i) => info(`10.0.0.${i}`));
    expect(localAddresses({ eth0: many }, 4)).toHaveLength(LOCAL_ADDRESSES_MAX);
  });
});
