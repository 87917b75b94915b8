import { describe, expect, it } from 'vitest';
import {
  checkCycles,
  checkHosts,
  checkLockFile,
  checkMachineTraces,
  checkMarkup,
  checkNames,
  checkProcessExit,
  checkPureRooms,
  checkRooms,
  checkSize,
  checkSuppressions,
  checkTests,
  type Sources,
} from './rules.js';
import { readTree } from './tree.js';

const tree = readTree();

/** A little repository that breaks or keeps a rule. */
function files(sources: Record<string, string>): Sources {
  return new Map(Object.entries(sources));
}

describe('this repository', () => {
  it('was read', () => {
    expect([...tree.keys()]).toContain('src/lib/endpoint.ts');
    expect([...tree.keys()]).toContain('package.json');
    expect([...tree.keys()].filter((path) => path.startsWith('node_modules/'))).toEqual([]);
  });

  it.each([
    ['imports down the list of rooms only', checkRooms],
    ['has no import cycles', checkCycles],
    ['decides and encodes without I/O', checkPureRooms],
    ['names files and folders in kebab-case, each by a noun', checkNames],
    ['keeps source files short', checkSize],
    ['ends the process in main only', checkProcessExit],
    ['skips no test', checkTests],
    ['suppresses no warning', checkSuppressions],
    ['names no machine and no registry', checkMachineTraces],
    ['locks versions without addresses', checkLockFile],
    ['has a page that shows text as text', checkMarkup],
    ['has a page that knows no other host', checkHosts],
  ])('%s', (_rule, check) => {
    expect(check(tree)).toEqual([]);
  });
});

describe('the rule about rooms', () => {
  const endpoint = { 'src/lib/endpoint.ts': '' };

  it('takes imports that point down, sideways within a room, or into a package', () => {
    const good = files({
      ...endpoint,
      'src/main.ts': "import './cli/run.js';\n",
      'src/cli/run.ts': "import { a } from '../lib/endpoint.js';\nimport 'node:net';",
      'src/cli/print.ts': "export * from './run.js';\nimport { z } from 'zod';",
      'src/cli/print.test.ts': "import { peer } from '../../test/support/peer.js';",
    });
    expect(checkRooms(good)).toEqual([]);
  });

  it.each([
    ['import', "import { a } from '../tracker/announce.js';"],
    ['import of many lines', "import {\n  a,\n  b as c,\n} from '../tracker/announce.js';"],
    ['import type', "import type { A } from '../tracker/announce.js';"],
    ['inline type import', "import { type A, b } from '../tracker/announce.js';"],
    ['default and namespace', "import a, * as b from '../tracker/announce.js';"],
    ['import for effect', "import '../tracker/announce.js';"],
    ['export from', "export { a } from '../tracker/announce.js';"],
    ['export all', 'export * as all from "../tracker/announce.js";'],
    ['export type', "export type { A } from '../tracker/announce.js';"],
    ['dynamic import', "const a = await import('../tracker/announce.js');"],
    ['type query', "type A = typeof import('../tracker/announce.js');"],
    ['worker', "new Worker(new URL('../tracker/announce.js', import.meta.url));"],
    ['worker, broken up', "new URL(\n  '../tracker/announce.js',\n  import.meta.url,\n)"],
    ['after a template', 'const a = `$' + "{`x`}'`;\nimport { a } from '../tracker/announce.js';"],
    ['after a regex', "const a = /['`\"]/;\nimport { a } from '../tracker/announce.js';"],
    ['after a division', "const a = b / 2; // it's\nimport { a } from '../tracker/announce.js';"],
  ])('refuses an upward %s', (_kind, source) => {
    const bad = files({ 'src/frontend/udp.ts': source, 'src/tracker/announce.ts': '' });
    expect(checkRooms(bad)).toHaveLength(1);
    expect(checkRooms(bad)[0]).toContain('frontend may not import tracker');
    expect(checkRooms(bad)[0]).toMatch(/^src\/frontend\/udp\.ts:\d+: /);
  });

  it.each([
    "// import { a } from '../tracker/announce.js';",
    "/*\nimport { a } from '../tracker/announce.js';\n*/",
    "const text = `\nimport { a } from '../tracker/announce.js';\n`;",
    "/** See {@link import('../tracker/announce.js')}. */",
    'const text = "import(\'../tracker/announce.js\')";',
  ])('overlooks what is no code: %j', (source) => {
    const good = files({ 'src/frontend/udp.ts': source, 'src/tracker/announce.ts': '' });
    expect(checkRooms(good)).toEqual([]);
  });

  it('refuses what lies about in src/, and rooms nobody knows', () => {
    const bad = files({
      'src/helper.ts': '',
      'src/garage/car.ts': '',
      'src/readme.md': '',
      'src/main/x.ts': '',
      'src/lib.ts': '',
    });
    expect(checkRooms(bad)).toHaveLength(5);
  });

  it('refuses ways out of src/ and to nowhere', () => {
    const bad = files({
      ...endpoint,
      'src/lib/a.ts': "import '../../test/support/x.js';",
      'src/lib/b.ts': "import './gone.js';",
    });
    expect(checkRooms(bad)).toEqual([
      'src/lib/a.ts:1: ../../test/support/x.js leads out of src/',
      'src/lib/b.ts:1: ./gone.js leads to no file',
    ]);
  });
});

describe('the rule about cycles', () => {
  it('finds long ones, short ones and those of types', () => {
    const long = files({
      'src/lib/a.ts': "import './b.js';",
      'src/lib/b.ts': "export type { C } from './c.js';",
      'src/lib/c.ts': "const a = import('./a.js');",
      'src/lib/d.ts': "import './a.js';",
    });
    expect(checkCycles(long)).toEqual([
      'cycle: src/lib/a.ts -> src/lib/b.ts -> src/lib/c.ts -> src/lib/a.ts',
    ]);
    expect(checkCycles(files({ 'src/lib/a.ts': "import './a.js';" }))).toHaveLength(1);
  });

  it('takes the types that a worker shares with whoever starts it', () => {
    const worker = files({
      'src/node/start.ts': "new Worker(new URL('./worker.js', import.meta.url));",
      'src/node/worker.ts': "import type { Task } from './task.js';",
      'src/node/task.ts': '',
    });
    expect(checkCycles(worker)).toEqual([]);
  });

  it('takes two ways to one module', () => {
    const diamond = files({
      'src/lib/a.ts': "import './b.js';\nimport './c.js';",
      'src/lib/b.ts': "import './d.js';",
      'src/lib/c.ts': "import './d.js';",
      'src/lib/d.ts': '',
    });
    expect(checkCycles(diamond)).toEqual([]);
  });
});

describe('the rule about I/O', () => {
  it.each(['node:net', 'node:dgram', 'node:fs', 'node:fs/promises', 'node:http', 'fs'])(
    'keeps %s out of protocol and tracker',
    (specifier) => {
      const source = `import type { A } from '${specifier}';`;
      expect(checkPureRooms(files({ 'src/protocol/udp/request.ts': source }))).toHaveLength(1);
      expect(checkPureRooms(files({ 'src/tracker/announce.ts': source }))).toHaveLength(1);
      expect(checkPureRooms(files({ 'src/frontend/udp.ts': source }))).toEqual([]);
      expect(checkPureRooms(files({ 'src/protocol/vectors.test.ts': source }))).toEqual([]);
    },
  );

  it('takes pure modules there', () => {
    const source = "import { randomBytes } from 'node:crypto';\nimport x from 'netmask';";
    expect(checkPureRooms(files({ 'src/protocol/x.ts': source }))).toEqual([]);
  });
});

describe('the other rules', () => {
  it('see names', () => {
    const bad = { 'src/lib/ringBuffer.ts': '', 'src/Lib/a.ts': '', 'test/e2e/a_b.test.ts': '' };
    expect(checkNames(files(bad))).toHaveLength(3);
    expect(checkNames(files({ 'src/util/text.ts': '', 'src/lib/utils.ts': '' }))).toHaveLength(2);
    const good = ['src/lib/data-lock.test.ts', 'src/lib/a-b.fuzz.test.ts', 'src/a/x.testing.ts'];
    expect(checkNames(new Map([...good, 'README.md'].map((path) => [path, ''])))).toEqual([]);
  });

  it('see long files', () => {
    expect(checkSize(files({ 'src/lib/a.ts': 'a;\n'.repeat(500) }))).toEqual([]);
    expect(checkSize(files({ 'src/lib/a.ts': 'a;\n'.repeat(501) }))).toHaveLength(1);
  });

  it('see the page', () => {
    const bad = { 'web/src/nodeTable.tsx': '', 'web/src/Map/a.css': '' };
    expect(checkNames(files(bad))).toHaveLength(2);
    const good = ['web/src/map/node-table.tsx', 'web/vite.config.ts', 'web/src/icon.svg'];
    expect(checkNames(new Map(good.map((path) => [path, ''])))).toEqual([]);
    expect(checkSize(files({ 'web/src/a.tsx': 'a;\n'.repeat(501) }))).toHaveLength(1);
    expect(checkSize(files({ 'web/src/a.css': 'a {}\n'.repeat(501) }))).toHaveLength(1);
  });

  it.each([
    'node.innerHTML = name;',
    '<p dangerouslySetInnerHTML={{ __html: name }} />',
    'node.insertAdjacentHTML("beforeend", name);',
    'document.write(name);',
    'eval(name)',
    'new Function(name)',
    'setTimeout("run()", 1)',
    '<a href="javascript:run()">x</a>',
  ])('see text taken for markup or code: %s', (text) => {
    expect(checkMarkup(files({ 'web/src/a.tsx': text }))).toHaveLength(1);
    expect(checkMarkup(files({ 'src/lib/a.ts': text }))).toEqual([]);
  });

  it('see hosts that the page would ask', () => {
    const asks = [
      'fetch("https://cdn.example.org/x.js");',
      'new WebSocket(`wss://example.org`);',
      '@import url(//fonts.example.org/a.css);',
      '<script src="//cdn.example.org/x.js"></script>',
    ];
    for (const text of asks) {
      expect(checkHosts(files({ 'web/src/a.tsx': text })), text).toHaveLength(1);
    }
    const fine = 'xmlns="http://www.w3.org/2000/svg"; // a comment\nfetch("api/v1/now");';
    expect(checkHosts(files({ 'web/src/a.tsx': fine, 'docs/a.md': asks[0] }))).toEqual([]);
  });

  it('see who ends the process', () => {
    const call = 'if (bad) process.exit(1);';
    expect(checkProcessExit(files({ 'src/cli/a.ts': call }))).toHaveLength(1);
    expect(checkProcessExit(files({ 'src/cli/a.ts': 'const { exit } = process;' }))).toHaveLength(
      1,
    );
    expect(checkProcessExit(files({ 'src/main.ts': call }))).toEqual([]);
    const talk = "// process.exit ends it\nprocess.exitCode = 1;\nconst a = 'process.exit';";
    expect(checkProcessExit(files({ 'src/cli/a.ts': talk }))).toEqual([]);
  });

  it('see tests that do not run', () => {
    const skips = ['it.skip(', 'describe.only(', 'test.concurrent.skip(', 'it.todo('].join(
      "'');\n",
    );
    expect(checkTests(files({ 'src/lib/a.test.ts': skips }))).toHaveLength(4);
    expect(checkTests(files({ 'src/lib/a.test.ts': 'it.each([1])\nit.runIf(ok)' }))).toEqual([]);
  });

  it('see silenced tools', () => {
    const ignored = `// ${'biome'}-ignore lint: x\n// ${'@ts'}-ignore\n// ${'TO'}DO: later`;
    expect(checkSuppressions(files({ 'src/lib/a.ts': ignored }))).toHaveLength(3);
  });

  it('see traces of a machine', () => {
    const traces = [
      `see ${'/wo'}rk/shared/x`,
      `"${'/ro'}ot/.cache"`,
      `${'/ho'}me/alice/x`,
      `https://${'regis'}try.example.org/`,
      `http://10.0.0.1:4873/${'//ver'}daccio.local`,
    ];
    for (const trace of traces) {
      expect(checkMachineTraces(files({ 'docs/a.md': trace })), trace).toHaveLength(1);
    }
    const fine = ['src/work/a', './home/x/y', 'https://example.org/work/x', '$ROOT/x', '/tmp/x'];
    expect(checkMachineTraces(files({ 'docs/a.md': fine.join('\n') }))).toEqual([]);
  });

  it('see addresses in lock files', () => {
    const lock = '{"resolved": "https://packages.example/zod.tgz", "integrity": "sha512-x"}';
    expect(checkLockFile(files({ 'package-lock.json': lock }))).toHaveLength(1);
    const settings = 'omit-lockfile-registry-resolved=true\nregistry=http://10.0.0.1/\n';
    expect(checkLockFile(files({ '.npmrc': settings }))).toHaveLength(1);
  });
});
