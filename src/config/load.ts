/**
 * Loads the configuration: defaults, then file, then environment, then flags, each stronger than
 * the one before. Every problem of every source is found before any is reported.
 */
import { LEAVES } from './catalogue.js';
import { type Environment, readEnvironment } from './environment.js';
import { readConfigFile } from './file.js';
import { type FlagSetting, readFlags } from './flags.js';
import type { Layer, Setting } from './layer.js';
import { ProblemList } from './problem.js';
import { RELATIONS } from './relations.js';
import { type Config, configSchema } from './schema.js';

export interface LoadOptions {
  readonly file?: string | undefined;
  readonly env?: Environment;
  readonly flags?: readonly FlagSetting[];
}

/** Loads and freezes the configuration. Throws `ConfigError` with every problem. */
export function loadConfig({ file, env = {}, flags = [] }: LoadOptions = {}): Config {
  const problems = new ProblemList();
  const layers: Layer[] = [];
  if (file !== undefined) layers.push(readConfigFile(file, problems));
  layers.push(readEnvironment(env, problems), readFlags(flags, problems));
  const settings = new Map<string, Setting>();
  for (const layer of layers) {
    for (const [path, setting] of layer.settings) settings.set(path, setting);
  }
  const config = assemble(settings);
  checkRelations(config, layers, settings, problems);
  problems.throwIfAny();
  return deepFreeze(config);
}

/** The configuration in which nothing is set. */
export function defaultConfig(): Config {
  return loadConfig();
}

function assemble(settings: ReadonlyMap<string, Setting>): Config {
  const root: Record<string, unknown> = {};
  for (const { path } of LEAVES) {
    const setting = settings.get(path);
    if (setting === undefined) continue;
    // Paths come from the schema, so these keys are ours.
    const keys = path.split('.');
    const last = keys.pop() as string;
    let section = root;
    for (const key of keys) {
      section[key] ??= {};
      section = section[key] as Record<string, unknown>;
    }
    section[last] = setting.value;
  }
  return configSchema.parse(root);
}

function checkRelations(
  config: Config,
  layers: readonly Layer[],
  settings: ReadonlyMap<string, Setting>,
  problems: ProblemList,
): void {
  for (const { paths, check } of RELATIONS) {
    // A value that is wrong by itself has been reported; what it would relate to is unknown.
    if (paths.some((path) => layers.some((layer) => layer.broken.has(path)))) continue;
    const message = check(config);
    if (message === undefined) continue;
    const path = strongestPath(paths, layers);
    problems.add(settings.get(path)?.source ?? '', path, message);
  }
}

/** The path that the strongest source set: most likely the one to change. */
function strongestPath(paths: readonly string[], layers: readonly Layer[]): string {
  for (const layer of layers.toReversed()) {
    const path = paths.find((candidate) => layer.settings.has(candidate));
    if (path !== undefined) return path;
  }
  return paths[0];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) deepFreeze(child);
    Object.freeze(value);
  }
  return value;
}
