import { expect, it } from 'vitest';
import { Dialogues } from './dialogues.js';

it('of one that begins many walks the oldest are forgotten, and none of the others', () => {
  const dialogues = new Dialogues();
  dialogues.keep('honest', 1, 0);
  for (let walkId = 1; walkId <= 10_000; walkId++) dialogues.keep('hostile', walkId, 0);
  expect(dialogues.has('honest', 1, 60_000)).toBe(true);
  expect(dialogues.has('honest', 1, 60_001)).toBe(false);
  expect(dialogues.has('hostile', 10_000, 0)).toBe(true);
  expect(dialogues.has('hostile', 10_000 - 32, 0)).toBe(false);
});
