import { expect, it } from 'vitest';
import { ORIGINS_MAX, Origins, OTHER_SLOT } from './origins.js';
import { ReplicationContext } from './replication-context.js';
import type { ReplicatorDependencies } from './replicator-options.js';

const id = (number: number) => `n${number.toString(16).padStart(16, '0')}`;

it('however often it starts, names that others made up take half of the slots at most', () => {
  let known: readonly string[] = [];
  let next = 1;
  const start = () => {
    const keep = (ids: readonly string[]) => {
      known = [...ids];
    };
    const origins = new Origins({ self: id(0), known }, { keep });
    const means = { origins } as unknown as ReplicatorDependencies;
    const identity = { id: id(0), name: 'self', software: '', epoch: 1, addresses: [] };
    return { origins, context: new ReplicationContext(identity, means) };
  };
  for (let run = 0; run < 5; run++) {
    const { context } = start();
    for (let i = 0; i < 1_100; i++) context.slotOfNamed(id(next++));
  }
  const { origins, context } = start();
  expect(known).toHaveLength(ORIGINS_MAX / 2);
  expect(context.slotOfNamed(id(next))).toBe(OTHER_SLOT);
  expect(origins.slotOf(id(next))).toBe(ORIGINS_MAX / 2 + 1);
  expect(context.slotOfNamed(id(next))).toBe(ORIGINS_MAX / 2 + 1);
});
