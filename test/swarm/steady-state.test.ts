/** In steady state an announce allocates nothing that lives on: see test/support/steady-state.ts. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { SteadyStateReport } from '../support/steady-state.js';

const script = fileURLToPath(new URL('../../dist/test/support/steady-state.js', import.meta.url));

describe('1,000,000 announces', () => {
  const output = execFileSync(process.execPath, ['--expose-gc', script], { encoding: 'utf8' });
  const reports = JSON.parse(output) as Record<'udp' | 'http', SteadyStateReport>;

  it.each(['udp', 'http'] as const)('over %s leave the heap as it was', (protocol) => {
    const { announces, answered, heapGrowthBytes, majorCollections } = reports[protocol];
    expect(answered).toBe(announces);
    expect(majorCollections).toBe(0);
    // Compiled code and the like: less than a byte an announce, so nothing that adds up.
    expect(heapGrowthBytes).toBeLessThan(announces);
  });
});
