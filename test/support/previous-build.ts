/**
 * The version before this one, built from its commit in a folder of its own, to run beside this one.
 *
 * ```
 * git archive COMMIT -> folder/src, bin, scripts, ...
 * npm ci             -> folder/node_modules
 * scripts/build.js   -> folder/dist
 * ```
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment, REPOSITORY, temporaryFolder } from './node-process.js';

/** The last commit before a cluster had lists, settings and several minders. */
const PREVIOUS = 'b3398d5d199242fb3850998aba1f5ac5056a2f68';
/** What the previous build says it is: its package.json names no other version than ours does. */
export const PREVIOUS_VERSION = '0.0.9';
const BUILD_LIMIT_MS = 120_000;

/** Builds it; returns its folder, which goes when the test process ends. Takes half a minute. */
export function buildPrevious(): string {
  expectHistory();
  const folder = temporaryFolder('previous');
  const archive = join(folder, 'previous.tar');
  git('archive', '--format=tar', '--output', archive, PREVIOUS);
  execFileSync('tar', ['-xf', archive, '-C', folder]);
  const manifest = join(folder, 'package.json');
  const text = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, unknown>;
  writeFileSync(manifest, JSON.stringify({ ...text, version: PREVIOUS_VERSION }));
  // Packages of its own: this version may have left some of them.
  run(folder, 'npm', 'ci', '--no-audit', '--no-fund');
  run(folder, process.execPath, join('scripts', 'build.js'));
  return folder;
}

function run(folder: string, command: string, ...args: readonly string[]): void {
  execFileSync(command, args, {
    cwd: folder,
    env: childEnvironment(),
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: BUILD_LIMIT_MS,
  });
}

/** A checkout without history, as build machines make them, lacks the commit. */
function expectHistory(): void {
  try {
    git('cat-file', '-e', `${PREVIOUS}^{commit}`);
  } catch {
    throw new Error(
      `the previous version is not in this checkout; get it with: git fetch --depth 1 origin ${PREVIOUS}`,
    );
  }
}

function git(...args: readonly string[]): void {
  execFileSync('git', args, { cwd: REPOSITORY, stdio: 'pipe' });
}
