/**
 * `npm test`: everything that decides whether a change is right, ending in one line that says how
 * it went: `N passed, N failed`. Types and lint count as one check each, every test as one.
 *
 *     npm test                            all of it
 *     npm test -- --only unit,e2e         some of it, by name
 *     npm test -- --only unit -t expiry   further arguments go to vitest
 *     npm run test:abuse -- --long        the abuse tests, those with a long form in that
 *     npm run test:cluster -- --long      the same of several trackers; prints what it measured
 *
 * Runs without a terminal and without input. Exit code 0 only when something passed and nothing
 * failed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Count, countReport } from './test-report.js';

const CHECKS = ['types', 'lint'] as const;
/** What runs in Node.js, and the page, which runs in browsers and knows other globals. */
const TYPE_PROJECTS = ['tsconfig.json', 'web/tsconfig.json'] as const;
const PROJECTS = [
  'unit',
  'layout',
  'fuzz',
  'simulation',
  'swarm',
  'conformance',
  'conformance-fast',
  'e2e',
  'dns',
  'cluster',
  'browser',
  'abuse',
  'abuse-fast',
] as const;

/** Commands that tests run, and the Debian package that brings each. */
const SYSTEM_COMMANDS: Readonly<Record<string, string>> = {
  'transmission-daemon': 'transmission-daemon',
  aria2c: 'aria2',
  ip: 'iproute2',
  'nats-server': 'nats-server',
  faketime: 'faketime',
  curl: 'curl',
  openssl: 'openssl',
  dig: 'bind9-dnsutils',
  named: 'bind9',
  promtool: 'prometheus',
  chromium: 'chromium',
};

/** The same for the module that Debian's own Python must find. */
const PYTHON_MODULE = { name: 'libtorrent', package: 'python3-libtorrent' } as const;
const DEBIAN_PYTHON = '/usr/bin/python3';

const SERVICE_POLICY = '/usr/sbin/policy-rc.d';

const VITEST_LIMIT_MS = 30 * 60_000;
const TOOL_LIMIT_MS = 10 * 60_000;

const root = findRoot();

/** The nearest folder above that holds package.json: this file runs from dist/. */
function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  // dist/ holds no package.json; stop at the checkout's.
  return folder;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** True when the command ran and succeeded. Its output goes where ours goes. */
function run(command: string, args: readonly string[], limitMs: number): boolean {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (error !== undefined) say(`${command}: ${error.message}`);
  return status === 0;
}

function isOnPath(command: string): boolean {
  const folders = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;
  return folders.split(delimiter).some((folder) => existsSync(join(folder, command)));
}

function missingPackages(): string[] {
  const missing = Object.entries(SYSTEM_COMMANDS)
    .filter(([command]) => !isOnPath(command))
    .map(([, name]) => name);
  const probe = spawnSync(DEBIAN_PYTHON, ['-c', `import ${PYTHON_MODULE.name}`], {
    stdio: 'ignore',
  });
  return probe.status === 0 ? missing : [...missing, PYTHON_MODULE.package];
}

/** Makes sure that the real clients and the bus are there; returns what to type when they cannot be. */
function ensureSystemPackages(): string | undefined {
  const packages = missingPackages();
  if (packages.length === 0) return undefined;
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  const isRoot = process.getuid?.() === 0;
  if (isRoot && isOnPath('apt-get')) {
    say(`installing ${packages.join(' ')}`);
    run('apt-get', ['update'], TOOL_LIMIT_MS);
    withoutServices(() => run('apt-get', install, TOOL_LIMIT_MS));
    if (missingPackages().length === 0) return undefined;
  }
  return `sudo apt-get update && sudo apt-get ${install.join(' ')}`;
}

/**
 * Debian starts a service as soon as its package is installed: a name server on port 53 that nobody
 * asked for. This is the system's own way to say no; a policy that is there already stays.
 */
function withoutServices(install: () => void): void {
  const isOurs = !existsSync(SERVICE_POLICY);
  if (isOurs) writeFileSync(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    install();
  } finally {
    if (isOurs) rmSync(SERVICE_POLICY, { force: true });
  }
}

function nodeTool(path: string, args: readonly string[], limitMs: number): boolean {
  return run(process.execPath, [join(root, 'node_modules', path), ...args], limitMs);
}

function runCheck(name: string): Count {
  say(`== ${name}`);
  const passed =
    name === 'types'
      ? TYPE_PROJECTS.every((project) =>
          nodeTool('typescript/bin/tsc', ['--noEmit', '-p', project], TOOL_LIMIT_MS),
        )
      : nodeTool('@biomejs/biome/bin/biome', ['check', '.'], TOOL_LIMIT_MS);
  return { passed: passed ? 1 : 0, failures: passed ? [] : [`${name}: see above`] };
}

function runVitest(projects: readonly string[], passedOn: readonly string[]): Count {
  say(`== ${projects.join(' ')}`);
  const folder = mkdtempSync(join(tmpdir(), 'trackerbt-report-'));
  const report = join(folder, 'report.json');
  try {
    const args = ['run', ...projects.flatMap((name) => ['--project', name])];
    args.push('--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...passedOn);
    const succeeded = nodeTool('vitest/vitest.mjs', args, VITEST_LIMIT_MS);
    if (!existsSync(report)) return { passed: 0, failures: ['vitest ended without a report'] };
    return countReport(readFileSync(report, 'utf8'), succeeded, root);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Plan {
  readonly checks: readonly string[];
  readonly projects: readonly string[];
  readonly passedOn: readonly string[];
}

/** Reads our own arguments; returns a complaint instead when a name is unknown. */
function plan(args: readonly string[]): Plan | string {
  const passedOn: string[] = [];
  let only: string[] = [...CHECKS, ...PROJECTS];
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--only') only = (args[++i] ?? '').split(',');
    else if (args[i] === '--long') process.env.TEST_LONG = '1';
    else if (args[i].startsWith('--only=')) only = args[i].slice('--only='.length).split(',');
    else passedOn.push(args[i]);
  }
  const known: readonly string[] = [...CHECKS, ...PROJECTS];
  const unknown = only.filter((name) => !known.includes(name));
  if (unknown.length > 0) return `--only takes ${known.join(', ')}; got ${unknown.join(', ')}`;
  return {
    checks: CHECKS.filter((name) => only.includes(name)),
    projects: PROJECTS.filter((name) => only.includes(name)),
    passedOn,
  };
}

function main(): void {
  const planned = plan(process.argv.slice(2));
  const failures: string[] = [];
  let passed = 0;
  const add = (count: Count) => {
    passed += count.passed;
    failures.push(...count.failures);
  };
  if (typeof planned === 'string') {
    failures.push(planned);
  } else {
    const needsPackages = ['e2e', 'dns', 'cluster', 'browser'].some((name) =>
      planned.projects.includes(name),
    );
    const line = needsPackages ? ensureSystemPackages() : undefined;
    if (line !== undefined) failures.push(`programs are missing; install them with: ${line}`);
    for (const name of planned.checks) add(runCheck(name));
    if (planned.projects.length > 0) add(runVitest(planned.projects, planned.passedOn));
  }
  if (failures.length > 0) say('\nfailed:');
  for (const failure of failures) say(`  ${failure}`);
  say(`${passed} passed, ${failures.length} failed`);
  process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0;
}

main();
