/** A tracker that gives up root (`--user`): what it can still do, and what it says that it cannot. */
import {
  chownSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/deadline.js';
import { TestCa } from '../support/test-ca.js';
import {
  type LogLine,
  removeFolder,
  TrackerProcess,
  temporaryFolder,
} from '../support/tracker-process.js';

const LIMIT_MS = 30_000;
const isRoot = process.getuid?.() === 0;

/** Numbers of a user that every system has. */
function idsOfNobody(): { uid: number; gid: number } | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith('nobody:'));
  if (line === undefined) return undefined;
  const [, , uid, gid] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

let ca: TestCa;
let tracker: TrackerProcess | undefined;
const folders: string[] = [];
beforeAll(async () => {
  ca = await TestCa.create();
});
afterEach(async () => {
  await tracker?.remove();
  tracker = undefined;
  for (const folder of folders.splice(0)) removeFolder(folder);
});

function folder(name: string): string {
  const made = temporaryFolder(name);
  folders.push(made);
  return made;
}

const says = (text: RegExp) => (line: LogLine) => text.test(line.msg ?? '');
const UNREADABLE = /certificate or key cannot be read now/;

function served(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { port } = tracker?.https4 ?? { port: 0 };
    const options = { port, host: '127.0.0.1', servername: 'localhost', ca: ca.pem };
    const socket = connect(options, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
  });
}

describe.skipIf(!isRoot || idsOfNobody() === undefined)('--user with HTTPS', () => {
  const nobody = idsOfNobody() ?? { uid: 0, gid: 0 };

  async function start(keyOwner: number) {
    const home = folder('user-tls');
    chownSync(home, nobody.uid, nobody.gid);
    const [certFile, keyFile] = [join(home, 'cert.pem'), join(home, 'key.pem')];
    const write = async () => {
      const { cert, key } = await ca.issue();
      writeFileSync(`${certFile}.new`, cert);
      writeFileSync(`${keyFile}.new`, key, { mode: 0o600 });
      chownSync(`${keyFile}.new`, keyOwner, nobody.gid);
      renameSync(`${certFile}.new`, certFile);
      renameSync(`${keyFile}.new`, keyFile);
    };
    await write();
    const tls = ['--https', '127.0.0.1:0', '--tls-cert', certFile, '--tls-key', keyFile];
    tracker = await TrackerProcess.start({ args: [...tls, '--user', 'nobody'] });
    return { tracker, write };
  }

  it('says at the start that a key is out of reach for that user, and serves with it', async () => {
    const running = (await start(0)).tracker;
    const line = await running.waitForLog(says(UNREADABLE), LIMIT_MS, 'the warning');
    expect(line).toMatchObject({ level: 'warn' });
    expect(line.reason).toMatch(/EACCES/);
    expect(await served()).toBeDefined();
    expect(running.logs.filter(says(UNREADABLE))).toHaveLength(1);
  });

  it('says nothing where the user may read it, and takes the next one', async () => {
    const { tracker: running, write } = await start(nobody.uid);
    const first = await served();
    expect(first).toBeDefined();
    await write();
    const next = async () => {
      const serial = await served();
      return serial !== undefined && serial !== first ? serial : undefined;
    };
    await until(next, LIMIT_MS, 'the next certificate');
    expect(running.logs.filter(says(UNREADABLE))).toEqual([]);
  });

  it('refuses a data directory in which a link leads elsewhere', async () => {
    const [data, elsewhere] = [folder('user-data'), folder('user-elsewhere')];
    mkdirSync(join(elsewhere, 'tracker'));
    symlinkSync(join(elsewhere, 'tracker'), join(data, 'tracker'));
    const started = TrackerProcess.launch({ args: ['--user', 'nobody'] }, data);
    tracker = started;
    expect((await started.exited).code).toBe(1);
    expect(started.output()).toMatch(/is a link, which --user does not follow/);
  });
});
