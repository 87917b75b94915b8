import { describe, expect, it } from 'vitest';
import type { DnsView } from '../tick.js';
import { EMPTY_LOG, factEvents, LOG_EVENTS_MAX, logged } from './event-log.js';

const DNS: DnsView = {
  zone: 'tracker.example.org',
  revision: 7,
  addresses4: ['192.0.2.1', '192.0.2.2'],
  addresses6: [],
  services: [],
  trackers: [],
  since: 0,
};

const event = (text: string) => ({ atMs: 1, tone: 'info', text }) as const;

describe('the log of events', () => {
  it('has the latest first, each with a number of its own', () => {
    const log = logged(logged(EMPTY_LOG, [event('a'), event('b')]), [event('c')]);
    expect(log.events.map(({ text }) => text)).toEqual(['c', 'b', 'a']);
    expect(log.events.map(({ number }) => number)).toEqual([2, 1, 0]);
  });

  it('forgets the oldest and counts on', () => {
    let log = EMPTY_LOG;
    for (let i = 0; i < 3 * LOG_EVENTS_MAX; i++) log = logged(log, [event(`${i}`)]);
    expect(log.events).toHaveLength(LOG_EVENTS_MAX);
    expect(log.events[0].text).toBe('599');
    expect(log.count).toBe(600);
  });

  it('stays the same object when nothing happened', () => {
    expect(logged(EMPTY_LOG, [])).toBe(EMPTY_LOG);
  });
});

describe('what is told of the cluster as a whole', () => {
  const facts = { busConnected: true, dns: DNS };

  it('is nothing at first and while nothing changes', () => {
    expect(factEvents(undefined, facts, 1)).toEqual([]);
    expect(factEvents(facts, { ...facts }, 1)).toEqual([]);
  });

  it('is the bus, when it goes and when it returns', () => {
    const [gone] = factEvents(facts, { ...facts, busConnected: false }, 1);
    expect(gone).toMatchObject({ tone: 'bad', text: expect.stringContaining('bus: away') });
    const [back] = factEvents({ ...facts, busConnected: false }, facts, 1);
    expect(back).toMatchObject({ tone: 'good', text: 'bus: connected' });
  });

  it('is the DNS set, and a smaller one is a warning', () => {
    const less = { ...DNS, revision: 8, addresses4: ['192.0.2.1'] };
    const [event] = factEvents(facts, { ...facts, dns: less }, 1);
    expect(event).toMatchObject({ tone: 'warning', text: 'DNS set: 1 address, revision 8' });
    const [grown] = factEvents({ ...facts, dns: less }, facts, 1);
    expect(grown).toMatchObject({ tone: 'info', text: 'DNS set: 2 addresses, revision 7' });
  });
});
