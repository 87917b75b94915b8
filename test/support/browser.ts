/**
 * Headless Chromium, Debian's own, with pages that say what they asked for and what went wrong.
 *
 * It runs in a folder of its own, which holds its profile, its home and its temporary files, and it
 * can reach this machine alone: no name is looked up, no proxy asked, and nothing is fetched in the
 * background. Start one for a test file; each page has a context of its own, so no two share
 * storage, caches or sockets.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { atExit } from './at-exit.js';
import { within } from './deadline.js';
import { DevtoolsPipe } from './devtools-pipe.js';
import { removeFolder, temporaryFolder } from './node-process.js';

const EXECUTABLE = '/usr/bin/chromium';
const START_LIMIT_MS = 60_000;
const OUTPUT_CHARACTERS_MAX = 20_000;

const ARGUMENTS = [
  '--headless',
  '--remote-debugging-pipe',
  // Tests may run as root, in containers without namespaces and with a small /dev/shm.
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-gpu',
  '--no-first-run',
  '--no-default-browser-check',
  '--no-startup-window',
  '--disable-breakpad',
  '--disable-extensions',
  '--disable-default-apps',
  '--disable-component-update',
  '--disable-background-networking',
  '--disable-sync',
  '--disable-domain-reliability',
  '--metrics-recording-only',
  '--password-store=basic',
  '--use-mock-keychain',
  '--no-proxy-server',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]',
  // A page in the background is as busy as one that is looked at.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  // WebRTC between pages of one machine: addresses as they are, loopback where there is no other.
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns,OptimizationHints,MediaRouter,Translate',
];

export class TestBrowser {
  readonly #pages = new Set<WatchedPage>();

  private constructor(
    readonly browser: Browser,
    readonly child: ChildProcess,
    readonly folder: string,
  ) {}

  static async start(): Promise<TestBrowser> {
    if (!existsSync(EXECUTABLE)) throw new Error(`${EXECUTABLE} is missing: apt install chromium`);
    const folder = temporaryFolder('browser');
    const child = spawnChromium(folder);
    let output = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-OUTPUT_CHARACTERS_MAX);
    });
    const pipe = new DevtoolsPipe(child.stdio[3] as Writable, child.stdio[4] as Readable);
    try {
      const options = { artifactsDir: join(folder, 'artifacts'), timeout: START_LIMIT_MS };
      const browser = await chromium.connectOverCDP(pipe, options);
      return new TestBrowser(browser, child, folder);
    } catch (error) {
      await endChromium(child, folder);
      throw new Error(`${(error as Error).message}\n${output}`);
    }
  }

  /** An empty page in a context of its own. */
  async open(options: BrowserContextOptions = {}): Promise<WatchedPage> {
    const context = await this.browser.newContext(options);
    const watched = new WatchedPage(await context.newPage());
    this.#pages.add(watched);
    watched.page.once('close', () => this.#pages.delete(watched));
    return watched;
  }

  /** Ends the browser with all its pages, and removes what it kept. */
  async close(): Promise<void> {
    await endChromium(this.child, this.folder);
  }

  /** What went wrong in the pages that are open, for failure messages. */
  problems(): string[] {
    return [...this.#pages].flatMap(({ problems }) => problems);
  }
}

/** One page, and what it did. */
export class WatchedPage {
  /** URLs that were asked for, in order, those of WebSockets among them. */
  readonly requests: string[] = [];
  /**
   * Console messages of level error, exceptions that nobody caught, and crashes. A test that expects
   * one takes it out of here.
   */
  readonly problems: string[] = [];

  constructor(readonly page: Page) {
    page.on('request', (request) => this.requests.push(request.url()));
    page.on('websocket', (socket) => this.requests.push(socket.url()));
    page.on('console', (message) => {
      const { url, lineNumber } = message.location();
      if (message.type() === 'error') {
        this.problems.push(`console: ${message.text()} (${url}:${lineNumber})`);
      }
    });
    page.on('pageerror', (error) => this.problems.push(`exception: ${error.stack ?? error}`));
    page.on('crash', () => this.problems.push('the page crashed'));
  }

  /** Hosts and ports that were asked for, each once. */
  hosts(): string[] {
    const hosts = this.requests.map((url) => new URL(url)).filter(({ host }) => host !== '');
    return [...new Set(hosts.map(({ host }) => host))];
  }

  /** Fails when anything went wrong in the page. */
  expectClean(): void {
    if (this.problems.length > 0)
      throw new Error(`the page is not well:\n${this.problems.join('\n')}`);
  }

  /** Closes the page and its context, as a reader who leaves. */
  async leave(): Promise<void> {
    await this.page.context().close();
  }
}

function spawnChromium(folder: string): ChildProcess {
  const temporary = join(folder, 'tmp');
  for (const name of ['profile', 'artifacts', 'tmp', 'home']) mkdirSync(join(folder, name));
  const home = join(folder, 'home');
  const env = {
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    HOME: home,
    TMPDIR: temporary,
    XDG_CONFIG_HOME: home,
    XDG_CACHE_HOME: home,
    XDG_RUNTIME_DIR: temporary,
  };
  const args = [...ARGUMENTS, `--user-data-dir=${join(folder, 'profile')}`];
  // A group of its own, so that its helpers end with it.
  const child = spawn(EXECUTABLE, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    env,
    detached: true,
  });
  atExit(() => killGroup(child));
  return child;
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
}

async function endChromium(child: ChildProcess, folder: string): Promise<void> {
  const hasEnded = child.exitCode !== null || child.signalCode !== null;
  const ended = new Promise((resolve) => child.once('close', resolve));
  killGroup(child);
  if (!hasEnded && child.pid !== undefined)
    await within(ended, START_LIMIT_MS, 'the end of Chromium');
  removeFolder(folder);
}
