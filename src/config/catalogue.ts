/**
 * The schema as a tree of sections and leaves that knows how each is named in every source:
 *
 * ```
 * path         http.listen
 * file         a member `listen` of `http`
 * environment  TRACKERBT_HTTP_LISTEN
 * ```
 */
import { z } from 'zod';
import { assert } from '../lib/assert.js';
import { expectations } from './leaves.js';
import { configSchema } from './schema.js';

/** Every environment variable with this prefix must be a setting. */
export const ENVIRONMENT_PREFIX = 'TRACKERBT_';

export interface Leaf {
  readonly type: 'leaf';
  readonly path: string;
  readonly key: string;
  readonly environmentName: string;
  readonly description: string;
  readonly kind: 'text' | 'number' | 'boolean' | 'list';
  readonly defaultValue: unknown;
  readonly expects: string;
  /** A list that may be given as the word `off`. */
  readonly offMeansEmpty: boolean;
  readonly schema: z.ZodType;
}

export interface Section {
  readonly type: 'section';
  readonly path: string;
  readonly key: string;
  readonly description: string;
  readonly children: ReadonlyMap<string, Leaf | Section>;
}

/** `http.requestsPerConnectionMax` becomes `TRACKERBT_HTTP_REQUESTS_PER_CONNECTION_MAX`. */
function environmentName(path: string): string {
  const snake = path.replaceAll('.', '_').replace(/[A-Z]/g, (letter) => `_${letter}`);
  return ENVIRONMENT_PREFIX + snake.toUpperCase();
}

function kindOf(inner: z.ZodType): Leaf['kind'] {
  if (inner instanceof z.ZodArray) return 'list';
  if (inner instanceof z.ZodNumber) return 'number';
  if (inner instanceof z.ZodBoolean) return 'boolean';
  return 'text';
}

function makeLeaf(path: string, key: string, schema: z.ZodDefault): Leaf {
  const inner = schema.unwrap() as z.ZodType;
  const expectation = expectations.get(inner);
  assert(expectation !== undefined, `${path} does not say what it expects`);
  return {
    type: 'leaf',
    path,
    key,
    environmentName: environmentName(path),
    description: schema.description ?? '',
    kind: kindOf(inner),
    defaultValue: schema.parse(undefined),
    expects: expectation.expects,
    offMeansEmpty: expectation.offMeansEmpty,
    schema: inner,
  };
}

function makeSection(path: string, key: string, object: z.ZodObject, description: string): Section {
  const children = new Map<string, Leaf | Section>();
  for (const [childKey, child] of Object.entries(object.shape)) {
    const childPath = path === '' ? childKey : `${path}.${childKey}`;
    if (child instanceof z.ZodPrefault) {
      const inner = child.unwrap();
      assert(inner instanceof z.ZodObject, `${childPath} is not a section`);
      children.set(childKey, makeSection(childPath, childKey, inner, child.description ?? ''));
    } else {
      assert(child instanceof z.ZodDefault, `${childPath} has no default`);
      children.set(childKey, makeLeaf(childPath, childKey, child));
    }
  }
  return { type: 'section', path, key, description, children };
}

function collectLeaves(section: Section, into: Leaf[]): Leaf[] {
  for (const child of section.children.values()) {
    if (child.type === 'leaf') into.push(child);
    else collectLeaves(child, into);
  }
  return into;
}

/** The whole configuration as one section, whose path and key are ''. */
export const ROOT: Section = makeSection('', '', configSchema, '');
/** Every leaf, in the order of the schema. */
export const LEAVES: readonly Leaf[] = collectLeaves(ROOT, []);
const leavesByPath = new Map(LEAVES.map((leaf) => [leaf.path, leaf]));

/** The leaf at a path that is known to exist. */
export function leafAt(path: string): Leaf {
  const leaf = leavesByPath.get(path);
  assert(leaf !== undefined, `no setting ${path}`);
  return leaf;
}

/** The value at a leaf's path in a configuration. */
export function valueAt(config: object, path: string): unknown {
  let value: unknown = config;
  for (const key of path.split('.')) value = (value as Record<string, unknown>)[key];
  return value;
}
