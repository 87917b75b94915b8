import { describe, expect, it } from 'vitest';
import { cluster, minder, node } from './map.testing.js';
import { nextModel } from './model.js';
import { lagText, shortName, shortSize, sizeOf, spoken, subtitle } from './node-words.js';

function mapNode(changes: Parameters<typeof node>[1]) {
  return nextModel(undefined, cluster([minder(), node('a', changes)]), 60_000).byId.get('a')!;
}
const plain = (text: string) => text.replaceAll('\u202f', ' ');
const AWAY = { state: 'unreachable', reason: 'silent', lastHeartbeatMs: 62_000 } as const;

describe('the words at a node', () => {
  it('are lag and version while all is well', () => {
    expect(plain(subtitle(mapNode({ lagMs: 4.4 }), 60_000, '0.1.0'))).toBe('lag 4 ms · v0.1.0');
  });

  it('are the reason and how long it is away, without a version that all run', () => {
    expect(plain(subtitle(mapNode(AWAY), 60_000, '0.1.0'))).toBe('silent · 1 min 2 s');
    expect(plain(subtitle(mapNode(AWAY), 60_000, '9'))).toBe('silent · 1 min 2 s · v0.1.0');
    expect(subtitle(mapNode({ state: 'revoked' }), 60_000, '0.1.0')).toBe('revoked');
  });

  it('say everything to who does not see the picture', () => {
    const told = { peers: 1_234, requestsPerSecond: 56.7, lagMs: 8 };
    expect(plain(spoken(mapNode(told), 60_000))).toBe(
      'tracker a, healthy, 1,234 peers, 57 requests a second, lag 8 ms',
    );
    expect(plain(spoken(mapNode({ ...told, ...AWAY }), 60_000))).toBe(
      'tracker a, unreachable (silent), for 1 min 2 s, 1,234 peers',
    );
  });

  it('do not call the last requests of a node that is away those of now', () => {
    const away = mapNode({ ...AWAY, requestsPerSecond: 50, peers: 7 });
    expect(sizeOf(away, 'requests')).toBe(0);
    expect(shortSize(away, 'requests')).toBe('');
    expect(shortSize(away, 'peers')).toBe('7');
  });

  it('cut a long name by its letters', () => {
    expect(shortName('short')).toBe('short');
    expect([...shortName('😀'.repeat(40))]).toHaveLength(22);
    expect(shortName('😀'.repeat(40)).endsWith('😀…')).toBe(true);
  });

  it('say a lag in whole milliseconds, then in seconds', () => {
    expect([0.2, 12.6, 999.6, 4_210, null].map((ms) => plain(lagText(ms)))).toEqual([
      '< 1 ms',
      '13 ms',
      '1.0 s',
      '4.2 s',
      '–',
    ]);
  });
});
