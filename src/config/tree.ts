/**
 * What every file format is parsed to. Sections are maps, never objects, so that no key can reach a
 * prototype.
 */
export type Tree = string | number | boolean | null | Tree[] | TreeMap;
export type TreeMap = Map<string, Tree>;

/** Deepest nesting that a file may have; the schema needs three. */
export const TREE_DEPTH_MAX = 16;

/** YAML and JSON give values with types; XML, the environment and flags give text alone. */
export type Typing = 'typed' | 'textual';
