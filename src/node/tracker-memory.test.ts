import { expect, it } from 'vitest';
import { defaultConfig } from '../config/index.js';
import { reserveTrackerMemory } from './tracker-memory.js';

it('says which limits ask for more memory than the system reserves', () => {
  const config = defaultConfig();
  // More than any system has, which the schema would not let through.
  const cluster = { ...config.cluster, tombstonesMax: 2 ** 45 };
  const digestKey = new Uint8Array(16);
  expect(() => reserveTrackerMemory({ ...config, cluster }, 'fast', digestKey)).toThrow(
    expect.objectContaining({
      code: 'memory_unavailable',
      message: expect.stringMatching(/limits\.peersMax \(10000000\).*ulimit -v/),
    }),
  );
});
