import { expect, it } from 'vitest';
import { BatchResender } from './batch-resender.js';
import { BatchRing } from './batch-ring.js';
import { ReplicationContext } from './replication-context.js';
import type { ReplicatorDependencies } from './replicator-options.js';

it('serves the others too while one asks for ever', () => {
  const said: string[] = [];
  const transport = {
    connected: true,
    unconfirmedBytes: 0,
    publish: (subject: string) => said.push(subject.split('.')[1]),
  };
  const means = { transport } as unknown as ReplicatorDependencies;
  const context = new ReplicationContext(
    { id: 'self', name: '', software: '', epoch: 1, addresses: [] },
    means,
  );
  const ring = new BatchRing({ bytesMax: 64 * 1024 * 1024 });
  for (let i = 0; i < 64; i++) ring.push(new Uint8Array(64 * 1024));
  ring.cursor = 65;
  const resender = new BatchResender(context, { ring });
  const all = { epoch: 1, first: 1, last: 64 };
  resender.ask('greedy', all);
  resender.ask('modest', all);
  for (let tick = 0; tick < 32; tick++) {
    resender.step();
    resender.ask('greedy', all);
  }
  expect(said.filter((to) => to === 'modest')).toHaveLength(64);
});
