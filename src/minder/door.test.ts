/** What holds strangers back at the enrolment port: rates, and a log that they cannot fill. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { createLogger } from '../lib/log.js';
import { sourceNetwork } from '../lib/source-network.js';
import { AddressGate } from './address-gate.js';
import { hostsFor, knownHosts } from './minder-addresses.js';
import { RefusalLog } from './refusal-log.js';

describe('the gate for addresses', () => {
  const gate = (clock: ManualClock, addressesMax = 100) =>
    new AddressGate({ burst: 3, perSecond: 1, addressesMax }, { clock });

  it('lets a burst through, and then as much as time brings', () => {
    const clock = new ManualClock();
    const under = gate(clock);
    const tries = (count: number) =>
      Array.from({ length: count }, () => under.pass('192.0.2.1')).filter(Boolean).length;
    expect(tries(10)).toBe(3);
    clock.advance(2);
    expect(tries(10)).toBe(2);
    clock.advance(3_600);
    expect(tries(10)).toBe(3);
  });

  it('holds one address back and not another, and never loopback', () => {
    const under = gate(new ManualClock());
    for (let i = 0; i < 10; i++) under.pass('192.0.2.1');
    expect(under.pass('192.0.2.1')).toBe(false);
    expect(under.pass('192.0.2.2')).toBe(true);
    for (const loopback of ['127.0.0.1', '::1']) {
      for (let i = 0; i < 10; i++) expect(under.pass(loopback)).toBe(true);
    }
  });

  it('takes all addresses of an IPv6 network of 64 bits for one', () => {
    const under = gate(new ManualClock());
    for (let i = 0; i < 10; i++) under.pass(`2001:db8:0:1::${i}`);
    expect(under.pass('2001:db8:0:1:ffff::1')).toBe(false);
    expect(under.pass('2001:db8:0:2::1')).toBe(true);
    expect(sourceNetwork('::ffff:192.0.2.1')).not.toBe(sourceNetwork('::ffff:192.0.2.2'));
  });

  it('remembers only so many addresses, and forgets the quietest', () => {
    const under = gate(new ManualClock(), 2);
    for (let i = 0; i < 4; i++) under.pass('192.0.2.1');
    under.pass('192.0.2.2');
    expect(under.pass('192.0.2.1')).toBe(false);
    // .2 goes, .1 was heard later.
    under.pass('192.0.2.3');
    expect(under.pass('192.0.2.1')).toBe(false);
  });
});

describe('the log of refusals', () => {
  it('has a line for each, sixty a minute at most, and tells how many it left out', () => {
    const lines: Record<string, unknown>[] = [];
    const logger = createLogger(
      { level: 'info', format: 'json', name: 'x' },
      { output: { write: (line) => lines.push(JSON.parse(line)) } },
    );
    const clock = new ManualClock();
    const log = new RefusalLog({ logger, clock });
    for (let i = 0; i < 100; i++) log.write({ reason: 'token_used', address: '192.0.2.1' });
    expect(lines).toHaveLength(60);
    expect(lines[0]).toMatchObject({ reason: 'token_used', address: '192.0.2.1' });
    clock.advance(60);
    log.write({ reason: 'token_used' });
    log.write({ reason: 'token_used' });
    expect(lines.slice(60).map(({ unwritten }) => unwritten)).toEqual([40, undefined]);
  });
});

describe('the hosts of a minder', () => {
  it('are those advertised, else that of its socket, else what the caller used', () => {
    const advertise = ['minder.example', '192.0.2.1'];
    expect(hostsFor({ advertise, bound: '::' }, '198.51.100.1')).toEqual(advertise);
    expect(hostsFor({ advertise: [], bound: '192.0.2.7' }, 'elsewhere')).toEqual(['192.0.2.7']);
    expect(hostsFor({ advertise: [], bound: '::' }, 'called.example')).toEqual(['called.example']);
    expect(hostsFor({ advertise: [], bound: '0.0.0.0' }, '').length).toBeGreaterThan(0);
    expect(knownHosts({ advertise: [], bound: '::' })).toEqual([]);
  });
});
