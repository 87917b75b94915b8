// Builds the TypeScript sources into dist/, and the operators' page into dist/web/. Plain JavaScript
// because it runs before anything is compiled; `bin/trackerbt.js` and `npm test` both call it.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

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
/** The page takes types and a few pure functions from `src/admin`. */
const pageRoots = ['web', 'src/admin'];
/** What a browser loads at most, compressed, all files together. */
const PAGE_BYTES_MAX = 200 * 1024;

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
  return isOlder([...sourceRoots, ...pageRoots], builtMs);
}

function isOlder(paths, builtMs) {
  return paths.every((path) => newestMtimeMs(join(root, path)) <= builtMs);
}

/**
 * Compiles into a folder of its own and swaps it in, so that a process that starts meanwhile sees
 * either the old build or the new one. Throws when the compiler reports errors.
 */
export function build() {
  const startedAt = new Date();
  process.stderr.write('building trackerbt ...\n');
  const fresh = join(root, `dist.new-${process.pid}`);
  try {
    runTool('typescript', 'bin/tsc', ['-p', join(root, 'tsconfig.build.json'), '--outDir', fresh]);
    buildPage(join(fresh, 'web'), startedAt);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
  stamp(fresh, startedAt);
  const old = join(root, `dist.new-${process.pid}-old`);
  const dist = join(root, 'dist');
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(fresh, dist);
  rmSync(old, { recursive: true, force: true });
}

/** The tool's report goes to stderr: stdout belongs to the command that asked for the build. */
function runTool(name, bin, args) {
  let path;
  try {
    const require = createRequire(import.meta.url);
    path = join(dirname(require.resolve(`${name}/package.json`)), bin);
  } catch {
    throw new Error(`trackerbt is not built and ${name} is not installed: run \`npm ci\` first`);
  }
  const run = spawnSync(process.execPath, [path, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (run.status === 0) return;
  process.stderr.write(run.stdout ?? '');
  throw new Error('the build failed');
}

/** Stamped with the start: a source saved while the build ran counts as newer. */
function stamp(folder, startedAt) {
  writeFileSync(join(folder, '.built'), `${startedAt.toISOString()}\n`);
  utimesSync(join(folder, '.built'), startedAt, startedAt);
}

/** The page of the build before, while that is as new as its sources. */
function buildPage(folder, startedAt) {
  const before = join(root, 'dist', 'web');
  const beforeStamp = join(before, '.built');
  if (existsSync(beforeStamp) && isOlder(pageRoots, statSync(beforeStamp).mtimeMs)) {
    cpSync(before, folder, { recursive: true, preserveTimestamps: true });
    return;
  }
  const config = join(root, 'web', 'vite.config.ts');
  runTool('vite', 'bin/vite.js', ['build', '--config', config, '--outDir', folder]);
  const bytes = compress(folder);
  if (bytes > PAGE_BYTES_MAX) {
    const [weight, most] = [bytes, PAGE_BYTES_MAX].map((n) => (n / 1024).toFixed(1));
    throw new Error(`the page weighs ${weight} KB compressed, of at most ${most}`);
  }
  stamp(folder, startedAt);
}

/** Puts `.br` and `.gz` beside each file; returns what all weigh as brotli. */
function compress(folder) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      bytes += compress(path);
      continue;
    }
    const content = readFileSync(path);
    const params = {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    };
    const brotli = brotliCompressSync(content, { params });
    writeFileSync(`${path}.br`, brotli);
    writeFileSync(`${path}.gz`, gzipSync(content, { level: constants.Z_BEST_COMPRESSION }));
    bytes += brotli.length;
  }
  return bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !isBuilt()) {
  try {
    build();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
