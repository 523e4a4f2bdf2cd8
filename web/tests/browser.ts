/**
 * Debian's Chromium under playwright-core, without a test framework of its own: a browser for a
 * file of tests, a fresh profile for each test, pictures of what was seen, and an audit of what a
 * screen reader would get.
 */

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Frame, Locator, Page } from 'playwright-core';

import { WORKSPACE } from './program.ts';

/** Generous: a condition that comes true is not waited for any longer. */
export const WITHIN_MS = 20_000;

/** Where the pictures go; `cargo clean` removes them. */
const SCREENSHOTS = join(WORKSPACE, 'target', 'screenshots');

const EXECUTABLE = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** The sandbox needs a user who is not root; the rest keeps the browser from calling home. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS });
}

/** A page in a profile of its own; what went wrong in it is kept for [`endVisit`]. */
export interface Visit {
  readonly page: Page;
  readonly errors: string[];
  /** Fails when the page had an error of its own, then closes it. */
  end(): Promise<void>;
}

export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    ...options,
  });
  context.setDefaultTimeout(WITHIN_MS);
  // Web Chat looks for a lost gateway after 3 to 15 seconds, by chance; this is the shortest.
  await context.addInitScript(() => {
    Math.random = () => 0.001;
  });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error.stack ?? error)));
  await page.goto(url);
  const end = async () => {
    await context.close();
    assert.deepEqual(errors, [], 'the page had no error of its own');
  };
  return { page, errors, end };
}

/** What Web Chat shows with these words in it, not what it says to screen readers. */
export function bubble(page: Page, words: string): Locator {
  return page.locator('#web-chat .webchat__text-content', { hasText: words });
}

/** Keeps a picture of the page as it is seen, and gives its path. */
export async function shoot(page: Page, name: string): Promise<string> {
  const path = join(SCREENSHOTS, `${name}.png`);
  mkdirSync(dirname(path), { recursive: true });
  await page.screenshot({ path, animations: 'disabled' });
  return path;
}

/** Waits until `look` gives something; says what was waited for when it does not. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | null | undefined | false>,
): Promise<T> {
  const deadline = Date.now() + WITHIN_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Finding {
  readonly id: string;
  readonly impact: string | null;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}

/**
 * What axe-core calls serious or critical, in one line each. `except` names parts that are not
 * ours, as CSS selectors; `only` the rules that are looked at, all without it.
 */
export async function audit(
  page: Page | Frame,
  except: readonly string[] = [],
  only: readonly string[] = [],
): Promise<string[]> {
  await page.evaluate(axe);
  const findings = await page.evaluate(
    async ([exclude, rules]) => {
      const tool = (window as unknown as { axe: { run(context: object, options: object): Promise<unknown> } }).axe;
      const options = rules.length > 0 ? { runOnly: rules } : {};
      const report = await tool.run({ include: ['html'], exclude }, options);
      return (report as { violations: unknown }).violations;
    },
    [except.slice(), only.slice()] as const,
  );
  return (findings as Finding[])
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' | ')}`);
}

/** What axe-core finds too faint to read on the cards, in a line each. */
export async function unreadable(frame: Frame): Promise<string[]> {
  await frame.evaluate(axe);
  const findings = await frame.evaluate(async () => {
    const tool = (window as unknown as { axe: { run(context: object, options: object): Promise<unknown> } }).axe;
    const only = { runOnly: ['color-contrast'] };
    const report = await tool.run({ include: ['.webchat__adaptive-card-renderer'] }, only);
    const { violations, passes } = report as { violations: unknown; passes: unknown[] };
    if (passes.length === 0) throw new Error('there is no card to be looked at');
    return violations;
  });
  return (findings as Finding[]).flatMap(({ help, nodes }) => nodes.map(({ html }) => `${help}: ${html}`));
}

/** Whether the page is wider than its window; nothing may need scrolling to the side. */
export function overflows(page: Page): Promise<boolean> {
  return page.evaluate(
    () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
  );
}

/** Whether the page is longer than its window, where what is long should scroll in a box of its own. */
export function sinks(page: Page): Promise<boolean> {
  return page.evaluate(
    () => document.documentElement.scrollHeight > document.documentElement.clientHeight,
  );
}
