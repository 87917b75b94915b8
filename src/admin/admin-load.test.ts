import { expect, it, vi } from 'vitest';
import { createLogger } from '../lib/log.js';
import { createAdminServer } from './admin-server.js';
import { FakeSource } from './fake-source.testing.js';

const loaded = vi.hoisted((): string[] => []);
vi.mock('./admin-app.js', async (original) => {
  loaded.push('app');
  return await original();
});
vi.mock('./metrics.js', async (original) => {
  loaded.push('metrics');
  return await original();
});

it('loads nothing that answers before the first request, and all of it when asked to', async () => {
  const output = { write: () => {} };
  const logger = createLogger({ level: 'silent', format: 'json', name: 'test' }, { output });
  const server = createAdminServer(
    { host: '127.0.0.1', port: 0, token: 'admin-token-of-this-test' },
    { logger, source: new FakeSource() },
  );
  await server.start();
  expect(loaded).toEqual([]);
  await server.load();
  expect(loaded.sort()).toEqual(['app', 'metrics']);
  await server.stop();
});
