import { describe, expect, it } from 'vitest';
import { entryOf } from './entry.js';

describe('entryOf', () => {
  it('finds what the table has', () => {
    expect(entryOf({ a: 1 }, 'a')).toBe(1);
  });

  it.each(['b', '', '__proto__', 'constructor', 'toString'])('finds nothing for %j', (word) => {
    expect(entryOf({ a: 1 }, word)).toBeUndefined();
  });
});
