import { ENVIRONMENT_PREFIX, LEAVES } from './catalogue.js';
import { Layer } from './layer.js';
import type { ProblemList } from './problem.js';
import { didYouMean } from './suggest.js';

/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

const leavesByName = new Map(LEAVES.map((leaf) => [leaf.environmentName, leaf]));

/**
 * Reads every variable that begins with `TRACKERBT_`. The items of a list stand between commas; an
 * empty text is an empty list.
 */
export function readEnvironment(env: Environment, problems: ProblemList): Layer {
  const layer = new Layer();
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || text === undefined) continue;
    const leaf = leavesByName.get(name);
    if (leaf === undefined) {
      problems.add(name, '', `is not a setting${didYouMean(name, leavesByName.keys())}`);
      continue;
    }
    const raw = leaf.kind === 'list' ? splitList(text) : text.trim();
    layer.take(leaf, raw, 'textual', name, problems);
  }
  return layer;
}

function splitList(text: string): string[] {
  return text.trim() === '' ? [] : text.split(',').map((item) => item.trim());
}
