import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.js';
import { resolve } from './resolve.js';

const at = (env: Record<string, string>) => resolve(loadConfig({ env }), { hostname: 'box' });

describe('resolve', () => {
  it('derives the name, the min interval and the expiry where they are not set', () => {
    const config = at({ TRACKERBT_ANNOUNCE_INTERVAL_SECONDS: '31' });
    expect(config.name).toBe('box');
    expect(config.announce).toMatchObject({ minIntervalSeconds: 15, peerTtlSeconds: 47 });
    expect(at({ TRACKERBT_ANNOUNCE_INTERVAL_SECONDS: '1' }).announce).toMatchObject({
      minIntervalSeconds: 1,
      peerTtlSeconds: 2,
    });
  });

  it('takes no more of a name than nodes tell each other', () => {
    const hostname = `${'long-'.repeat(20)}.example`;
    const { name } = resolve(loadConfig({ env: {} }), { hostname });
    expect(name).toBe(hostname.slice(0, 64));
    expect(() => loadConfig({ env: { TRACKERBT_NAME: 'n'.repeat(65) } })).toThrow('name');
    expect(loadConfig({ env: { TRACKERBT_NAME: 'n'.repeat(64) } }).name).toHaveLength(64);
  });

  it('keeps what is set, and freezes the result', () => {
    const config = at({
      TRACKERBT_NAME: 'a',
      TRACKERBT_ANNOUNCE_MIN_INTERVAL_SECONDS: '7',
      TRACKERBT_ANNOUNCE_PEER_TTL_SECONDS: '2000',
    });
    expect(config.name).toBe('a');
    expect(config.announce).toMatchObject({ minIntervalSeconds: 7, peerTtlSeconds: 2_000 });
    expect(Object.isFrozen(config) && Object.isFrozen(config.announce)).toBe(true);
  });
});
