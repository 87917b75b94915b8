import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdminRig, expectProblem, raw, TOKEN } from './admin-rig.testing.js';
import { PAGE_FILES_MAX, readPageFiles } from './page-files.js';

const INDEX = '<!doctype html><script type="module" src="/assets/main-a1b2.js"></script>';
const SCRIPT = `document.title = 'trackerbt';${' '.repeat(500)}`;

const rig = new AdminRig();
let root: string;
let folder: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'trackerbt-page-'));
  folder = join(root, 'web');
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(root, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'index.html'), INDEX);
  writeFileSync(join(folder, 'favicon.svg'), '<svg/>');
  writeFileSync(join(folder, 'assets', 'main-a1b2.js'), SCRIPT);
  writeFileSync(join(folder, 'assets', 'main-a1b2.js.br'), brotliCompressSync(SCRIPT));
  writeFileSync(join(folder, 'assets', 'main-a1b2.js.gz'), gzipSync(SCRIPT));
  writeFileSync(join(folder, 'assets', 'style-c3d4.css'), 'body{}');
});
afterEach(async () => {
  await rig.stopAll();
  rmSync(root, { recursive: true });
});

/** The head of a reply to bytes of ours: `fetch` would decode it, and tidy the path up. */
async function head(port: number, path: string, headers: Record<string, string> = {}) {
  const lines = Object.entries({ host: 'localhost', connection: 'close', ...headers });
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const answer = await raw(port, `GET ${path} HTTP/1.1\r\n${text}\r\n`);
  return answer.split('\r\n\r\n')[0].toLowerCase();
}

describe('the page', () => {
  it('is served with its type, its policy, and a tag to ask again by', async () => {
    const { ask } = await rig.start({ pageFolder: folder });
    const response = await ask('/');
    expect(await response.text()).toBe(INDEX);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-cache');
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy.split('; ').sort()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "img-src 'self' data:",
      "script-src 'self'",
      "style-src 'self'",
    ]);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const etag = response.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    for (const known of [etag, `"old", W/${etag}`, '*']) {
      const again = await ask('/', { headers: { 'if-none-match': known } });
      expect(again.status, known).toBe(304);
      expect(await again.text()).toBe('');
      expect(again.headers.get('etag')).toBe(etag);
    }
    expect((await ask('/', { headers: { 'if-none-match': '"old"' } })).status).toBe(200);
  });

  it('has its hashed parts kept for ever, each with its type', async () => {
    const { ask } = await rig.start({ pageFolder: folder });
    const script = await ask('/assets/main-a1b2.js');
    expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(await script.text()).toBe(SCRIPT);
    const style = await ask('/assets/style-c3d4.css');
    expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8');
    const icon = await ask('/favicon.svg', { method: 'HEAD' });
    expect(icon.headers.get('cache-control')).toBe('no-cache');
    expect(icon.headers.get('content-length')).toBe('6');
  });

  it.each([
    ['br, gzip', 'br'],
    ['gzip, deflate, br', 'br'],
    ['gzip', 'gzip'],
    ['GZIP;q=0.5', 'gzip'],
    ['br;q=0, gzip;q=0.1', 'gzip'],
    ['br;q=0.0', undefined],
    ['deflate', undefined],
    ['', undefined],
  ])('compresses for a client that takes "%s" by %s', async (accepts, coding) => {
    const { port } = await rig.start({ pageFolder: folder });
    const answer = await head(port, '/assets/main-a1b2.js', { 'accept-encoding': accepts });
    expect(answer).toMatch(/^http\/1\.1 200 /);
    expect(/content-encoding: (.*)/.exec(answer)?.[1]).toBe(coding);
    expect(answer).toContain('vary: accept-encoding');
    if (coding !== undefined) expect(answer).toContain(`-${coding}"`);
    expect(answer.includes(`content-length: ${SCRIPT.length}`)).toBe(coding === undefined);
  });

  it.each([
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/assets/%2e%2e%2f%2e%2e%2fsecret.txt',
    '/assets/..\\..\\secret.txt',
    '//secret.txt',
    '/assets/main-a1b2.js%00',
    '/assets/main-a1b2.js.br',
    '/assets/',
    '/index.html',
    '/assets/link.txt',
  ])('has nothing at %s', async (path) => {
    symlinkSync(join(root, 'secret.txt'), join(folder, 'assets', 'link.txt'));
    const { port } = await rig.start({ pageFolder: folder });
    expect(await head(port, path)).toMatch(/^http\/1\.1 40[04] /);
  });

  it('is what it was when it was first asked for', async () => {
    const { ask } = await rig.start({ pageFolder: folder });
    await ask('/');
    writeFileSync(join(folder, 'assets', 'later.js'), '');
    rmSync(join(folder, 'index.html'));
    await expectProblem(await ask('/assets/later.js'), 'not_found');
    expect((await ask('/')).status).toBe(200);
  });

  it('is free on a listener that wants the token, and says nothing of the node', async () => {
    const { ask } = await rig.start({ host: '', pageFolder: folder });
    expect(await (await ask('/')).text()).toBe(INDEX);
    expect((await ask('/assets/main-a1b2.js')).status).toBe(200);
    await expectProblem(await ask('/stats.json'), 'unauthorized');
    const bare = await rig.start({ host: '' });
    expect(await (await bare.ask('/')).text()).not.toContain('tracker &lt;1&gt;');
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect(await (await bare.ask('/', { headers })).text()).toContain('tracker &lt;1&gt;');
  });

  it('is not shown by a name that was rebound, nor to the scripts of another site', async () => {
    const { port } = await rig.start({ pageFolder: folder });
    expect(await head(port, '/', { host: 'evil.test' })).toMatch(/^http\/1\.1 421 /);
    const headers = { origin: 'http://evil.test' };
    expect(await head(port, '/assets/main-a1b2.js', headers)).toMatch(/^http\/1\.1 403 /);
  });

  it('is a list of links before it has been built', async () => {
    rmSync(join(folder, 'index.html'));
    const { ask } = await rig.start({ pageFolder: folder });
    const html = await (await ask('/')).text();
    expect(html).toContain('npm run build');
    expect(html).toContain('href="/api/v1/now"');
    await expectProblem(await ask('/assets/main-a1b2.js'), 'not_found');
  });

  it('leaves the rest alone when its folder holds too much', async () => {
    for (let i = 0; i < PAGE_FILES_MAX; i++) writeFileSync(join(folder, `${i}.txt`), '');
    expect(() => readPageFiles(folder)).toThrow(/build it again/);
    const { ask, logged } = await rig.start({ pageFolder: folder });
    expect((await ask('/stats.json')).status).toBe(200);
    expect(JSON.stringify(logged)).toContain('the page cannot be read');
  });
});
