/** The OpenAPI 3.1 document of a listener, from its operations. */
import { z } from 'zod';
import { ADMIN_ERRORS, type AdminErrorCode, problemOf } from './admin-error.js';
import { COMPONENTS, problemSchema } from './api-schema.js';
import type { Operation } from './operation.js';

type Json = Record<string, unknown>;

const PREFIX = '#/components/schemas/';
const EXAMPLES = '#/components/examples/';
/** What every operation can be refused for, and what all but the free ones. */
const COMMON: readonly AdminErrorCode[] = ['cross_site', 'host_not_allowed', 'internal'];
const OF_ACCESS: readonly AdminErrorCode[] = [
  'unauthorized',
  'too_many_requests',
  'too_many_tokens',
];
const OF_INPUT: readonly AdminErrorCode[] = ['bad_request'];
const OF_BODY: readonly AdminErrorCode[] = ['body_too_large', 'media_type_unsupported'];

/** Made anew with each call; ask once. */
export function openApi(operations: readonly Operation[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    paths[operation.path] ??= {};
    paths[operation.path][operation.method.toLowerCase()] = describe(operation);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'trackerbt admin interface',
      version,
      description:
        'Reading is free on loopback; everything else needs the token of the listener. ' +
        'Refusals are problems as RFC 9457 has them.',
    },
    paths,
    components: {
      schemas: usedComponents(paths),
      // An example of each refusal, by its code.
      examples: Object.fromEntries(
        (Object.keys(ADMIN_ERRORS) as AdminErrorCode[]).map((code) => [
          code,
          { value: problemOf(code) },
        ]),
      ),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'The content of the token file.' },
      },
    },
  };
}

function describe(operation: Operation): Json {
  const { id, summary, needs, reply, body, example, otherStatus } = operation;
  const content = {
    [reply.mediaType ?? 'application/json']: {
      ...(reply.schema === undefined
        ? { schema: { type: 'string' } }
        : { schema: schemaOf(reply.schema) }),
      example: example.reply,
    },
  };
  const security = {
    nothing: [],
    reading: [{}, { token: [] }],
    token: [{ token: [] }],
  }[needs];
  return {
    operationId: id,
    summary,
    security,
    ...(hasParameters(operation) ? { parameters: parametersOf(operation) } : {}),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: !body.safeParse({}).success,
            content: {
              'application/json': {
                schema: schemaOf(body),
                ...(example.body === undefined ? {} : { example: example.body }),
              },
            },
          },
        }),
    responses: {
      [reply.status]: { description: summary, content },
      ...(otherStatus === undefined ? {} : { [otherStatus]: { description: 'No.', content } }),
      ...refusalsOf(operation),
    },
  };
}

function hasParameters({ params, query }: Operation): boolean {
  return params !== undefined || query !== undefined;
}

function parametersOf({ params, query, example }: Operation): Json[] {
  const inPath = Object.entries(params?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: 'path',
    required: true,
    schema: schemaOf(schema as z.ZodType),
    ...(example.params?.[name] === undefined ? {} : { example: example.params[name] }),
  }));
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: schemaOf(schema as z.ZodType),
  }));
  return [...inPath, ...inQuery];
}

/** By status; what several codes share is told once, with an example of each. */
function refusalsOf(operation: Operation): Json {
  const { needs, body, refusals = [] } = operation;
  const codes = new Set<AdminErrorCode>([
    ...refusals,
    ...(hasParameters(operation) || body !== undefined ? OF_INPUT : []),
    ...(body === undefined ? [] : OF_BODY),
    ...COMMON,
    ...(needs === 'nothing' ? [] : OF_ACCESS),
  ]);
  const byStatus = new Map<number, AdminErrorCode[]>();
  for (const code of codes) {
    const { status } = ADMIN_ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const responses: Json = {};
  for (const [status, shared] of byStatus) {
    // The body of this one is the operation's own.
    if (status === operation.otherStatus) continue;
    const examples = Object.fromEntries(shared.map((code) => [code, { $ref: EXAMPLES + code }]));
    responses[status] = {
      description: shared.map((code) => ADMIN_ERRORS[code].message).join('; '),
      content: { 'application/problem+json': { schema: schemaOf(problemSchema), examples } },
    };
  }
  return responses;
}

/** A reference to a component, or the schema itself. */
function schemaOf(schema: z.ZodType): Json {
  const id = COMPONENTS.get(schema)?.id;
  return id === undefined ? bare(z.toJSONSchema(schema, OPTIONS) as Json) : { $ref: PREFIX + id };
}

const OPTIONS = {
  io: 'input',
  /** The largest whole number of JavaScript bounds nothing. */
  override: ({ jsonSchema }: { jsonSchema: Json }) => {
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  },
} as const;

/** The components that paths name, and those that these name. */
function usedComponents(paths: Json): Json {
  const all = z.toJSONSchema(COMPONENTS, { ...OPTIONS, uri: (id) => PREFIX + id }).schemas;
  const used: Json = {};
  const visit = (value: unknown) => {
    for (const [, id] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (used[id] !== undefined) continue;
      used[id] = bare(all[id] as Json);
      visit(used[id]);
    }
  };
  visit(paths);
  return Object.fromEntries(Object.entries(used).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function bare({ $schema: _schema, $id: _id, ...schema }: Json): Json {
  return schema;
}
