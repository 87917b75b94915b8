/** In steady state an announce allocates nothing that lives on: see test/support/steady-state.ts. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { SteadyStateReport } from '../support/steady-state.js';

const script = fileURLToPath(new URL('../../dist/test/support/steady-state.js', import.meta.url));

describe.each(['alone', 'replicated'])('1,000,000 announces to a store that is %s', (mode) => {
  const args = ['--expose-gc', script, mode];
  const output = execFileSync(process.execPath, args, { encoding: 'utf8' });
  const reports = JSON.parse(output) as Record<'udp' | 'http', SteadyStateReport>;

  it.each(['udp', 'http'] as const)('over %s leave the heap as it was', (protocol) => {
    const { announces, answered, changes, heapGrowthBytes, majorCollections } = reports[protocol];
    expect(answered).toBe(announces);
    // New peers are told, and half of the refreshes; the store is full in the end.
    if (mode === 'alone') expect(changes).toBe(0);
    else expect(changes).toBeGreaterThan(announces / 20);
    expect(majorCollections).toBe(0);
    // Compiled code and the like: less than a byte an announce, so nothing that adds up.
    expect(heapGrowthBytes).toBeLessThan(announces);
  });
});
