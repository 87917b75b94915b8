/**
 * The page that a node's admin listener serves, in a browser: what it shows, by the names that its
 * parts have for tests. Waiting is for what is shown, and never forever.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { formatAddressPort } from './address.js';
import type { TestBrowser, WatchedPage } from './browser.js';
import type { NodeProcess } from './node-process.js';

/** Only guards against hanging. */
export const SHOW_LIMIT_MS = 60_000;
const STEP_MS = 50;

type Wanted = string | RegExp | ((text: string) => boolean);

export class OperatorPage {
  readonly page: Page;

  private constructor(
    readonly watched: WatchedPage,
    /** `http://127.0.0.1:1234` */
    readonly origin: string,
  ) {
    this.page = watched.page;
  }

  /** Opens the page of a node, and waits for its first numbers. */
  static async open(
    browser: TestBrowser,
    node: NodeProcess,
    options: BrowserContextOptions = {},
  ): Promise<OperatorPage> {
    const shown = await OperatorPage.load(browser, node, options);
    await shown.isConnection('live');
    return shown;
  }

  /** The same, of a node that may have nothing to show; in a tab that is `opened` already, or not. */
  static async load(
    browser: TestBrowser,
    node: NodeProcess,
    options: BrowserContextOptions = {},
    opened?: WatchedPage,
  ): Promise<OperatorPage> {
    const watched = opened ?? (await browser.open(options));
    const { page } = watched;
    page.setDefaultTimeout(SHOW_LIMIT_MS);
    const origin = `http://${formatAddressPort({ ...node.admin, host: '127.0.0.1' })}`;
    await page.goto(`${origin}/`, { waitUntil: 'load' });
    return new OperatorPage(watched, origin);
  }

  /** A part of the page by its test id. */
  part(testId: string): Locator {
    return this.page.getByTestId(testId);
  }

  /** Waits until a part's text is, or matches, what is wanted; returns the text. */
  async shows(testId: string, wanted: Wanted, limitMs = SHOW_LIMIT_MS): Promise<string> {
    return await shows(this.part(testId), wanted, limitMs);
  }

  /** Waits until the connection is in this state: `live`, `lost`, ... */
  async isConnection(state: string): Promise<void> {
    await this.page
      .locator(`[data-testid=connection][data-state=${state}]`)
      .waitFor({ state: 'attached' });
  }

  /** The row of a table whose key this is. */
  row(testId: string, key: string): Locator {
    return this.part(testId).locator(`tr[data-key="${key}"]`);
  }

  /** Waits until the map shows a node in this state; returns the clock's time, in ms. */
  async isNode(id: string, state: string, limitMs = SHOW_LIMIT_MS): Promise<number> {
    await this.page
      .locator(`[data-testid=map-node][data-node="${id}"][data-state=${state}]`)
      .waitFor({ state: 'attached', timeout: limitMs });
    return performance.now();
  }

  /** A part of the map that is pressed to see what a node is like. */
  node(id: string): Locator {
    return this.page.locator(`[data-testid=map-node][data-node="${id}"] [role=button]`);
  }

  /** Answers the question for the admin token. */
  async giveToken(token: string): Promise<void> {
    const dialog = this.part('token-dialog');
    await dialog.locator('input').fill(token);
    await dialog.getByRole('button', { name: 'Use it' }).click();
  }

  /**
   * Fails when anything went wrong in the page, but for what a test has brought about itself, or when
   * it asked anybody but its own listener.
   */
  expectClean(...expected: readonly RegExp[]): void {
    const { problems } = this.watched;
    for (const pattern of expected) {
      for (let i = problems.length - 1; i >= 0; i--) {
        if (pattern.test(problems[i])) problems.splice(i, 1);
      }
    }
    this.watched.expectClean();
    const others = this.watched.hosts().filter((host) => host !== new URL(this.origin).host);
    if (others.length > 0) throw new Error(`the page asked ${others.join(', ')}`);
  }

  async leave(): Promise<void> {
    await this.watched.leave();
  }
}

/** Waits until one of the elements has this text; returns it. */
export async function shows(
  where: Locator,
  wanted: Wanted,
  limitMs = SHOW_LIMIT_MS,
): Promise<string> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const texts = await where.allTextContents();
    const found = texts.find((text) => fits(text, wanted));
    if (found !== undefined) return found;
    if (performance.now() > endMs) {
      throw new Error(`waited ${limitMs} ms for ${wanted} where ${JSON.stringify(texts)} is shown`);
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}

function fits(text: string, wanted: Wanted): boolean {
  if (typeof wanted === 'string') return text === wanted;
  return wanted instanceof RegExp ? wanted.test(text) : wanted(text);
}

/** The token that lets an operator change things at this node. */
export function adminToken(node: NodeProcess, role: 'tracker' | 'minder'): string {
  return readFileSync(join(node.data, role, 'admin-token'), 'utf8').trim();
}
