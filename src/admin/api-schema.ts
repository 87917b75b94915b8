/**
 * Pieces of the schemas by which the interface checks what it is asked and describes what it says.
 * Those with a name are components of the OpenAPI document.
 */
import { z } from 'zod';

/** The named schemas, by the name that the document gives them. */
export const COMPONENTS = z.registry<{ id: string }>();

/** Gives a schema a name in the document, and returns it. */
export function component<S extends z.ZodType>(id: string, schema: S): S {
  COMPONENTS.add(schema, { id });
  return schema;
}

/** How often something happened, or how much there is of it. */
export const count = z.int().min(0);
export const text = z.string();
/** Milliseconds since 1970; 0 for never. */
export const moment = z.number().min(0).describe('Milliseconds since 1970.');
/** Counts by a reason in snake case. */
export const counts = z.record(text, count);
/** In either case. */
export const infoHash = z
  .string()
  .regex(/^[0-9a-fA-F]{40}$/)
  .describe('40 hexadecimal digits.');

export const problemSchema = component(
  'Problem',
  z
    .looseObject({
      type: text.describe('urn:trackerbt:problem:CODE'),
      title: text,
      status: z.int(),
      detail: text,
      code: text.describe('Of the catalogue in docs/errors.md.'),
    })
    .describe('A refusal (RFC 9457).'),
);
