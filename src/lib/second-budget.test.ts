import { expect, it } from 'vitest';
import { SecondBudget } from './second-budget.js';

it('gives out so many in each second', () => {
  const budget = new SecondBudget(2);
  const taken = [7, 7, 7, 8, 8, 8, 8, 20].map((second) => budget.take(second));
  expect(taken).toEqual([true, true, false, true, true, false, false, true]);
});
