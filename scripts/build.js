// Builds the TypeScript sources into dist/. Plain JavaScript because it runs before anything is
// compiled; `bin/trackerbt.js` and `npm test` both call it.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampFile = join(root, 'dist', '.built');
const sourceRoots = [
  'src',
  'bench',
  'scripts',
  'test/support',
  'tsconfig.json',
  'tsconfig.build.json',
];

/** Newest modification time below a path, in milliseconds since the epoch; 0 when it is absent. */
function newestMtimeMs(path) {
  if (!existsSync(path)) return 0;
  const info = statSync(path);
  if (!info.isDirectory()) return info.mtimeMs;
  return readdirSync(path).reduce(
    (newest, name) => Math.max(newest, newestMtimeMs(join(path, name))),
    info.mtimeMs,
  );
}

/** True when dist/ is at least as new as every source. A package from the registry has no src/. */
export function isBuilt() {
  if (!existsSync(join(root, 'src'))) return true;
  if (!existsSync(stampFile)) return false;
  const builtMs = statSync(stampFile).mtimeMs;
  return sourceRoots.every((path) => newestMtimeMs(join(root, path)) <= builtMs);
}

/**
 * Compiles into a folder of its own and swaps it in, so that a process that starts meanwhile sees
 * either the old build or the new one. Throws when the compiler reports errors.
 */
export function build() {
  const startedAt = new Date();
  const fresh = join(root, `dist.new-${process.pid}`);
  let compiler;
  try {
    const require = createRequire(import.meta.url);
    compiler = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  } catch {
    throw new Error('trackerbt is not built and TypeScript is not installed: run `npm ci` first');
  }
  const args = [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', fresh];
  // The compiler's report goes to stderr: stdout belongs to the command that asked for the build.
  const run = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (run.status !== 0) {
    process.stderr.write(run.stdout ?? '');
    rmSync(fresh, { recursive: true, force: true });
    throw new Error('the build failed');
  }
  // Stamped with the start: a source saved while the compiler ran counts as newer.
  writeFileSync(join(fresh, '.built'), `${startedAt.toISOString()}\n`);
  utimesSync(join(fresh, '.built'), startedAt, startedAt);
  const old = join(root, `dist.new-${process.pid}-old`);
  const dist = join(root, 'dist');
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(fresh, dist);
  rmSync(old, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !isBuilt()) {
  try {
    build();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
