/** An admin listener on a port of its own, for tests over HTTP. */
import { connect } from 'node:net';
import { expect } from 'vitest';
import { createLogger } from '../lib/log.js';
import type { ActionDesk } from './action-desk.js';
import { ADMIN_ERRORS, type AdminErrorCode } from './admin-error.js';
import { type AdminServer, type AdminServerOptions, createAdminServer } from './admin-server.js';
import { FakeMinderSource, FakeSource } from './fake-source.testing.js';

export const TOKEN = 'admin-token-of-this-test';
export const BEARER = { authorization: `Bearer ${TOKEN}` };
export const HASH = '0123456789abcdef0123456789abcdef01234567';

export interface RigOptions extends Partial<AdminServerOptions> {
  /** A minder's listener, with this desk for its changes. */
  readonly desk?: ActionDesk | 'starting';
  readonly clock?: NonNullable<Parameters<typeof createAdminServer>[1]['clock']>;
}

/** Listeners of one test file; `stopAll` belongs into its `afterEach`. */
export class AdminRig {
  readonly #running: AdminServer[] = [];

  async stopAll(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((server) => server.stop()));
  }

  async start({ desk, clock, ...options }: RigOptions = {}) {
    const source = new FakeSource();
    const logged: Record<string, unknown>[] = [];
    const output = { write: (line: string) => logged.push(JSON.parse(line)) };
    const logger = createLogger({ level: 'trace', format: 'json', name: 'test' }, { output });
    const server = createAdminServer(
      { host: '127.0.0.1', port: 0, token: TOKEN, ...options },
      {
        logger,
        source: desk === undefined ? source : new FakeMinderSource(),
        ...(desk === undefined ? {} : { actions: () => (desk === 'starting' ? undefined : desk) }),
        ...(clock === undefined ? {} : { clock }),
      },
    );
    this.#running.push(server);
    const address = await server.start();
    const port = Number(/:(\d+)$/.exec(address)![1]);
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(`http://127.0.0.1:${port}${path}`, init);
    return { ask, logged, port, server, source };
  }
}

export async function expectProblem(response: Response, code: AdminErrorCode) {
  const { status, message } = ADMIN_ERRORS[code];
  const body = (await response.json()) as Record<string, unknown>;
  expect({ status: response.status, ...body }).toMatchObject({
    type: `urn:trackerbt:problem:${code}`,
    title: message,
    status,
    code,
  });
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  return body as { detail: string };
}

/** Sends bytes as they are and returns what comes back until the end. */
export function raw(port: number, bytes: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect({ host: '127.0.0.1', port });
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('end', () => done(answer));
    socket.on('error', fail);
    socket.write(bytes, 'latin1');
  });
}
