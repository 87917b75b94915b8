import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AdminRig } from './admin-rig.testing.js';

const rig = new AdminRig();
afterEach(() => rig.stopAll());

type Json = Record<string, unknown>;
interface Media {
  readonly schema: Json;
  readonly example?: unknown;
}
interface Described {
  readonly operationId: string;
  readonly summary: string;
  readonly security: readonly Json[];
  readonly parameters?: readonly { name: string; in: string; required: boolean; schema: Json }[];
  readonly requestBody?: { content: Record<string, Media> };
  readonly responses: Record<string, { description: string; content: Record<string, Media> }>;
}
interface Document {
  readonly openapi: string;
  readonly info: Json;
  readonly paths: Record<string, Record<string, Described>>;
  readonly components: { schemas: Record<string, Json>; examples: Json; securitySchemes: Json };
}

const desk = { ask: async () => ({}), joinUrl: () => '' };

async function documentOf(role: 'tracker' | 'minder'): Promise<Document> {
  const { ask } = await rig.start(role === 'minder' ? { desk } : {});
  const response = await ask('/api/v1/openapi.json');
  expect(response.headers.get('content-type')).toContain('application/json');
  return (await response.json()) as Document;
}

function operationsOf({ paths }: Document) {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
}

/** What a schema of the document takes, read back from the document alone. */
function reader(schema: Json, { components }: Document): z.ZodType {
  const text = JSON.stringify({ ...schema, $defs: components.schemas });
  const local = JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/'));
  return z.fromJSONSchema(local);
}

const COMMON = [
  'GET /api/v1/cluster',
  'GET /api/v1/history',
  'GET /api/v1/live',
  'GET /api/v1/now',
  'GET /healthz',
  'GET /metrics',
  'GET /readyz',
  'GET /stats.json',
];
const OF_A_TRACKER = [
  'GET /api/v1/busiest',
  'GET /api/v1/digest',
  'GET /api/v1/swarms/{info_hash}',
];
const OF_A_MINDER = [
  'GET /api/v1/dns',
  'GET /api/v1/tokens',
  'POST /api/v1/tokens',
  'DELETE /api/v1/tokens/{id}',
  'GET /api/v1/nodes/{id}/drain',
  'PUT /api/v1/nodes/{id}/drain',
  'DELETE /api/v1/nodes/{id}/drain',
  'POST /api/v1/nodes/{id}/revoke',
  'GET /api/v1/lists/{list}',
  'GET /api/v1/lists/{list}/{info_hash}',
  'PUT /api/v1/lists/{list}/{info_hash}',
  'DELETE /api/v1/lists/{list}/{info_hash}',
  'GET /api/v1/settings',
  'PATCH /api/v1/settings',
];

describe.each([
  ['tracker', [...COMMON, ...OF_A_TRACKER]],
  ['minder', [...COMMON, ...OF_A_MINDER]],
] as const)('the OpenAPI document of a %s', (role, expected) => {
  it('holds every operation, each with a name of its own', async () => {
    const document = await documentOf(role);
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: expect.any(String), version: '0.1.0' });
    const operations = operationsOf(document);
    const listed = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(listed.sort()).toEqual([...expected].sort());
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has the shape that OpenAPI 3.1 wants', async () => {
    const document = await documentOf(role);
    for (const { path, operation } of operationsOf(document)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
      const inPath = (operation.parameters ?? []).filter((each) => each.in === 'path');
      expect(inPath.map(({ name }) => name).sort(), path).toEqual(named);
      expect(inPath.every(({ required }) => required)).toBe(true);
      expect(operation.summary).not.toBe('');
      for (const [status, { description, content }] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^[2345]\d\d$/);
        expect(description).not.toBe('');
        for (const media of Object.values(content)) expect(media).toHaveProperty('schema');
      }
    }
    const text = JSON.stringify(document);
    for (const [, kind, name] of text.matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)) {
      const { components } = document as unknown as { components: Record<string, Json> };
      expect(components[kind], `${kind}/${name}`).toHaveProperty(name);
    }
    expect(text).not.toMatch(/"\$(?:schema|id|defs)"/);
  });

  it('says which operations want the token', async () => {
    const document = await documentOf(role);
    expect(document.components.securitySchemes).toMatchObject({
      token: { type: 'http', scheme: 'bearer' },
    });
    for (const { method, path, operation } of operationsOf(document)) {
      const expectedSecurity = /^\/(?:healthz|readyz)$/.test(path)
        ? []
        : method === 'get' && path !== '/api/v1/tokens'
          ? [{}, { token: [] }]
          : [{ token: [] }];
      expect(operation.security, `${method} ${path}`).toEqual(expectedSecurity);
      expect('401' in operation.responses).toBe(expectedSecurity.length > 0);
    }
  });

  it('has an example of each reply and each body, which its own schemas take', async () => {
    const document = await documentOf(role);
    for (const { method, path, operation } of operationsOf(document)) {
      const where = `${method} ${path}`;
      const bodies = Object.values(operation.requestBody?.content ?? {});
      const [status] = Object.keys(operation.responses);
      expect(status, where).toMatch(/^20[01]$/);
      const replies = Object.values(operation.responses[status].content);
      for (const { schema, example } of [...bodies, ...replies]) {
        expect(example, where).toBeDefined();
        const { success, error } = reader(schema, document).safeParse(example);
        expect(success, `${where}: ${error?.message}`).toBe(true);
      }
    }
    const problem = reader(document.components.schemas.Problem, document);
    for (const { value } of Object.values(document.components.examples) as { value: unknown }[]) {
      problem.parse(value);
    }
  });

  it('describes what is really said', async () => {
    const { ask } = await rig.start(role === 'minder' ? { desk } : {});
    const document = (await (await ask('/api/v1/openapi.json')).json()) as Document;
    const paths = ['/stats.json', '/api/v1/now', '/api/v1/history', '/api/v1/cluster', '/healthz'];
    const own = role === 'tracker' ? ['/api/v1/digest', '/api/v1/busiest'] : ['/api/v1/dns'];
    for (const path of [...paths, ...own]) {
      const { schema } = document.paths[path].get.responses[200].content['application/json'];
      const body = await (await ask(path)).json();
      const { success, error } = reader(schema, document).safeParse(body);
      expect(success, `${path}: ${error?.message}`).toBe(true);
      expect(reader(schema, document).safeParse({ nonsense: 1 }).success, path).toBe(false);
    }
  });
});
