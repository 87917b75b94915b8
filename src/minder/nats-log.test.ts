import { describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { NatsLog } from './nats-log.js';

function setUp() {
  const written: string[] = [];
  const clock = new ManualClock();
  const log = new NatsLog({
    clock,
    log: { log: (level, msg, fields) => written.push(`${level} ${msg} ${fields?.text ?? ''}`) },
  });
  const say = (level: string, text: string) =>
    log.take(`[812] 2026/01/31 12:00:00.123456 [${level}] ${text}`);
  return { log, clock, written, say };
}

describe("the bus server's words", () => {
  it('become ours, errors as warnings, what it does all day for debugging', () => {
    const { say, written } = setUp();
    expect(say('INF', 'Server is ready')).toBe('Server is ready');
    say('ERR', 'something is wrong');
    say('FTL', 'the end');
    expect(written).toEqual([
      'debug bus server Server is ready',
      'warn bus server something is wrong',
      'error bus server the end',
    ]);
  });

  it('tell of intruders and slow readers', () => {
    const { log, say } = setUp();
    say('ERR', '127.0.0.1:1 - cid:5 - Publish Violation - JWT User "U" Subject "peers.x"');
    say('ERR', '127.0.0.1:1 - cid:5 - Subscription Violation - JWT User "U" Subject ">", SID 1');
    say('ERR', '127.0.0.1:1 - cid:5 - authentication error');
    say('ERR', '127.0.0.1:1 - cid:5 - TLS handshake error: tls: bad certificate');
    say('INF', '127.0.0.1:1 - cid:5 - Slow Consumer Detected: WriteDeadline of 2s exceeded');
    expect(log.counters).toEqual({
      publishViolations: 1,
      subscribeViolations: 1,
      authErrors: 1,
      tlsErrors: 1,
      slowConsumers: 1,
      staleConnections: 0,
      suppressed: 0,
    });
  });

  it('are overlooked where they are about ourselves, or no news', () => {
    const { log, say, written } = setUp();
    log.overlook(4711);
    say('ERR', '127.0.0.1:4711 - cid:5 - TLS handshake error: EOF');
    say('WRN', 'error checking for JetStream enabled error JetStream not enabled for account (1)');
    expect(written).toEqual([]);
    // Somebody else, from there or from elsewhere.
    say('ERR', '127.0.0.1:4711 - cid:6 - TLS handshake error: EOF');
    say('ERR', '127.0.0.1:4712 - cid:7 - TLS handshake error: EOF');
    expect(log.counters.tlsErrors).toBe(2);
    expect(written).toHaveLength(2);
  });

  it('are held to a rate, and what is left out is counted', () => {
    const { log, clock, say, written } = setUp();
    for (let i = 0; i < 100; i++) say('ERR', 'authentication error');
    expect(written).toHaveLength(50);
    expect(log.counters).toMatchObject({ authErrors: 100, suppressed: 50 });
    clock.advance(1);
    log.tick();
    expect(written.at(-1)).toContain('log lines dropped');
  });

  it('lose secrets and what is too long', () => {
    const { say, written } = setUp();
    const seed = `SU${'A'.repeat(56)}`;
    say('ERR', `user ${seed} and eyJ0eXAi.eyJqdGki.c2ln ${'x'.repeat(10_000)}`);
    expect(written[0]).toContain('user [seed] and [jwt] x');
    expect(written[0].length).toBeLessThan(500);
  });

  it('are remembered for the message about its end', () => {
    const { log, say } = setUp();
    say('INF', 'Starting nats-server');
    log.take('nats-server: no such file');
    say('FTL', 'bind: address already in use');
    expect(log.lastWords()).toBe('nats-server: no such file; bind: address already in use');
    expect(log.lastWords()).toBe('it gave no reason');
  });

  it('tell once a minute of what a route says each second', () => {
    const { log, clock, say, written } = setUp();
    const refusal = (port: number, rid: number) =>
      say(
        'ERR',
        `192.0.2.9:${port} - rid:${rid} - TLS route handshake error: certificate not pinned`,
      );
    for (let i = 0; i < 50; i++) refusal(40_000 + i, i);
    say('ERR', '192.0.2.7:1 - rid:99 - TLS route handshake error: certificate not pinned');
    expect(written).toHaveLength(2);
    expect(log.counters).toMatchObject({ tlsErrors: 51, suppressed: 49 });
    clock.advance(61);
    refusal(1, 1);
    expect(written).toHaveLength(3);
  });
});
