/**
 * The entry of a table by a word that came from outside; undefined where it has none. A plain index
 * would find what all objects have: `__proto__` is `Object.prototype`, and to render that writes into it.
 */
export function entryOf<T>(table: Readonly<Record<string, T>>, word: string): T | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}
