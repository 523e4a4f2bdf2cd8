/**
 * Microsoft's Web Chat in Chromium, on a page of its own origin as a site would have it: what the user
 * does there, and what they see.
 */

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';

import type { Ticket } from './gateway.ts';
import { CLIENTS, WORKSPACE } from './program.ts';
import type { Shown } from './said.ts';
import { WITHIN_MS, eventually } from './waiting.ts';

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

/** Where the pictures go; `cargo clean` removes them. */
const SCREENSHOTS = join(WORKSPACE, 'target', 'screenshots', 'clients');

/** What the page's own script leaves for tests; see `page.js`. */
interface Played {
  readonly directLine: {
    readonly token: string;
    readonly conversationId: string;
    getSessionId(): { subscribe(next: (id: string) => void, failed: (error: unknown) => void): void };
  };
  readonly statuses: number[];
  readonly store: {
    getState(): {
      readonly activities: readonly StoredActivity[];
      readonly connectivityStatus: string;
    };
    dispatch(action: object): void;
  };
}

interface StoredActivity {
  readonly id?: string;
  readonly type: string;
  readonly name?: string;
  readonly text?: string;
  readonly from?: { readonly role?: string };
  readonly channelData?: Readonly<Record<string, unknown>>;
  readonly value?: unknown;
}

/** A browser, and the site that shows the chat. */
export class Site {
  readonly #browser: Browser;
  readonly #server: Server;
  /** What browsers call the site. */
  readonly origin: string;

  private constructor(browser: Browser, server: Server, origin: string) {
    this.#browser = browser;
    this.#server = server;
    this.origin = origin;
  }

  static async start(): Promise<Site> {
    // The package does not export its bundle as a module; pages include it as a script.
    const script = join(CLIENTS, 'node_modules', 'botframework-webchat', 'dist', 'webchat.js');
    const files = new Map([
      ['/webchat.js', { body: readFileSync(script), type: 'text/javascript' }],
      ['/page.js', { body: readFileSync(join(CLIENTS, 'harness', 'page.js')), type: 'text/javascript' }],
      ['/', { body: readFileSync(join(CLIENTS, 'harness', 'page.html')), type: 'text/html' }],
    ]);
    const server = createServer((request, response) => {
      const file = files.get(new URL(request.url ?? '/', 'http://site').pathname);
      response.writeHead(file ? 200 : 404, { 'content-type': file?.type ?? 'text/plain' });
      response.end(file?.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS });
    return new Site(browser, server, `http://127.0.0.1:${port}`);
  }

  /** A user opens the page and is connected; `service` is the gateway, or a proxy before it. */
  async visit(ticket: Ticket, service: string): Promise<Chat> {
    const chat = await this.open(ticket, service);
    await chat.online();
    return chat;
  }

  /** A user opens the page. */
  async open(ticket: Ticket, service: string): Promise<Chat> {
    const context = await this.#browser.newContext({
      viewport: { width: 480, height: 800 },
      locale: 'en-GB',
    });
    context.setDefaultTimeout(WITHIN_MS);
    // Web Chat looks for a lost service after 3 to 15 seconds, by chance; this is the shortest.
    await context.addInitScript(() => {
      Math.random = () => 0.001;
    });
    return this.#show(context, ticket, service);
  }

  /** Another tab of the same browser, with the same token. */
  async another(chat: Chat, ticket: Ticket, service: string): Promise<Chat> {
    const tab = await this.#show(chat.page.context(), ticket, service);
    await tab.online();
    return tab;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #show(context: BrowserContext, ticket: Ticket, service: string): Promise<Chat> {
    const page = await context.newPage();
    // Time goes on by itself, and can be wound on: what the page does after minutes is seen at once.
    await page.clock.install();
    const query = new URLSearchParams({ domain: `${service}/v3/directline`, token: ticket.token });
    const chat = new Chat(page);
    await page.goto(`${this.origin}/?${query}`);
    return chat;
  }
}

export class Chat {
  readonly page: Page;
  /** What went wrong in the page itself. */
  readonly errors: string[] = [];
  /** The addresses that the page asked the service for, oldest first. */
  readonly requests: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.errors.push(String(error.stack ?? error)));
    page.on('request', (request) => {
      const { pathname } = new URL(request.url());
      if (request.method() !== 'OPTIONS') this.requests.push(`${request.method()} ${pathname}`);
    });
  }

  /** The user types and sends. */
  async types(text: string): Promise<void> {
    const box = this.page.locator('[data-id="webchat-sendbox-input"]');
    await box.fill(text);
    await box.press('Enter');
  }

  /** The user types and sends, and the page counts it as sent. */
  async says(text: string): Promise<void> {
    await this.types(text);
    await this.sent(text);
  }

  /** Waits until the page counts these words as sent. */
  async sent(text: string): Promise<void> {
    const status = async () => {
      const activities = await this.#activities();
      const found = activities.findLast((one) => one.type === 'message' && one.text === text);
      return found?.channelData?.['webchat:send-status'];
    };
    await eventually(`“${text}” counts as sent`, async () => (await status()) === 'sent', status);
  }

  /** What the user sees with these words in it. */
  bubble(text: string | RegExp): Locator {
    return this.page.locator('.webchat__text-content', { hasText: text });
  }

  /** Waits until these words are seen. */
  async shows(text: string | RegExp): Promise<void> {
    try {
      await this.bubble(text).first().waitFor();
    } catch (error) {
      throw new Error(`“${text}” is not shown among ${JSON.stringify(await this.seen())}`, { cause: error });
    }
  }

  /** The messages that Web Chat has, in its order. */
  async shown(): Promise<Shown[]> {
    const messages = (await this.#activities()).filter(({ type }) => type === 'message');
    return messages.map(({ id = '', text = '', from }) => ({ id, text, role: from?.role ?? '' }));
  }

  /** The texts that are seen in the page, from the top. */
  seen(): Promise<string[]> {
    return this.page.locator('.webchat__text-content').allInnerTexts();
  }

  /** Waits for an activity that Web Chat has in its store, shown or not. */
  has(what: string, fits: (activity: StoredActivity) => boolean): Promise<StoredActivity> {
    return eventually(what, async () => (await this.#activities()).find(fits), () => this.#activities());
  }

  /** Waits for a notice of Warmline's own: `connected`, `ended` … */
  notice(key: string): Promise<StoredActivity> {
    return this.has(`the notice ${key}`, ({ channelData }) => {
      const warmline = channelData?.['warmline'] as { notice?: { key?: string } } | undefined;
      return warmline?.notice?.key === key;
    });
  }

  statuses(): Promise<number[]> {
    return this.page.evaluate(() => (window as unknown as { played: Played }).played.statuses);
  }

  token(): Promise<string> {
    return this.page.evaluate(() => (window as unknown as { played: Played }).played.directLine.token);
  }

  /** What the library adds to the address of a sign-in card; empty if it gets none. */
  sessionId(): Promise<string> {
    return this.page.evaluate(() => {
      const { directLine } = (window as unknown as { played: Played }).played;
      return new Promise<string>((resolve, reject) => {
        directLine.getSessionId().subscribe(resolve, reject);
      });
    });
  }

  /** Waits until the page has asked the service for this path in vain. */
  async refused(path: string): Promise<void> {
    await this.page.waitForEvent('requestfailed', (request) => new URL(request.url()).pathname === path);
  }

  /** Waits until Web Chat is connected; what is typed before that it does not send. */
  online(): Promise<void> {
    return this.#connectivity('connected');
  }

  /** Waits until Web Chat says that connecting takes its time. */
  slow(): Promise<void> {
    return this.#connectivity('connectingslow');
  }

  /** Waits until the service has answered the page that it has these words. */
  async posted(text: string): Promise<void> {
    await this.page.waitForResponse((response) => {
      const request = response.request();
      return request.method() === 'POST' && request.postData()?.includes(`"text":"${text}"`) === true;
    });
  }

  /** Keeps a picture of the page as it is seen. */
  async shoot(name: string): Promise<void> {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled' });
  }

  /** The page is closed; it had no error of its own. */
  async end(): Promise<void> {
    await this.page.context().close();
    assert.deepEqual(this.errors, [], 'the page had no error of its own');
  }

  async #connectivity(expected: string): Promise<void> {
    const status = () =>
      this.page.evaluate(() =>
        (window as unknown as { played?: Played }).played?.store.getState().connectivityStatus);
    await eventually(`the page is ${expected}`, async () => (await status()) === expected, status);
  }

  #activities(): Promise<readonly StoredActivity[]> {
    return this.page.evaluate(() => (window as unknown as { played: Played }).played.store.getState().activities);
  }
}
