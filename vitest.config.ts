/**
 * How the tests run. Quick projects go first, two files at a time (the smallest machine we promise
 * to test on has two cores). Projects that start processes follow: those that mostly wait for clients
 * and clusters two files at a time, those that look at memory and descriptors one at a time. In the
 * long form, which measures, every one of them has the machine to itself. Limits only guard against
 * hanging.
 */
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';

const WORKERS_MAX = 2;
const IS_LONG = process.env.TEST_LONG === '1';

function quick(name: string, ...include: string[]): TestProjectConfiguration {
  return {
    test: {
      name,
      include,
      testTimeout: 300_000,
      hookTimeout: 300_000,
      maxWorkers: WORKERS_MAX,
      sequence: { groupOrder: 0 },
    },
  };
}

/** Files that wait more than they work, for clients to trust each other and nodes to fail. */
function waiting(name: string, groupOrder: number): TestProjectConfiguration {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: 120_000,
      hookTimeout: 120_000,
      maxWorkers: IS_LONG ? 1 : WORKERS_MAX,
      sequence: { groupOrder },
    },
  };
}

/** `io` names the socket path that the trackers of a run take; without it they choose. */
function serial(
  name: string,
  groupOrder: number,
  { folder = name, io }: { folder?: string; io?: 'fast' | 'portable' } = {},
): TestProjectConfiguration {
  return {
    test: {
      name,
      include: [`test/${folder}/**/*.test.ts`],
      env: io === undefined ? {} : { TEST_IO: io },
      testTimeout: 120_000,
      hookTimeout: 120_000,
      maxWorkers: 1,
      fileParallelism: false,
      sequence: { groupOrder },
    },
  };
}

export default defineConfig({
  test: {
    pool: 'forks',
    retry: 0,
    watch: false,
    maxWorkers: WORKERS_MAX,
    projects: [
      quick('unit', 'src/**/*.test.ts', 'web/src/**/*.test.ts'),
      quick('layout', 'test/layout/**/*.test.ts'),
      quick('fuzz', 'test/fuzz/**/*.test.ts'),
      quick('simulation', 'test/simulation/**/*.test.ts'),
      serial('swarm', 1),
      serial('conformance', 1, { io: 'portable' }),
      serial('conformance-fast', 1, { folder: 'conformance', io: 'fast' }),
      waiting('e2e', 2),
      waiting('dns', 2),
      waiting('cluster', 2),
      waiting('browser', 2),
      serial('abuse', 3, { io: 'portable' }),
      serial('abuse-fast', 3, { folder: 'abuse', io: 'fast' }),
    ],
  },
});
