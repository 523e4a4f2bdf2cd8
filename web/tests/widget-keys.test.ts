/** The widget on a page that is open while the key that signed its token is retired. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';

import { eventually, openBrowser, shoot, visit } from './browser.ts';
import { box, chat, frameOf, opened, said, says, strip } from './bubbles.ts';
import { freePort } from './program.ts';
import { startGateway, startSite } from './sites.ts';
import type { Gateway, Site } from './sites.ts';

const KEY = 'shop-2f9c41d07e';

let browser: Browser;
let gateway: Gateway;
let served: Site;
let shop: Site;

before(async () => {
  const [first, second] = await Promise.all([freePort(), freePort()]);
  [gateway, browser] = await Promise.all([
    startGateway({
      WARMLINE_WIDGET_KEY: KEY,
      WARMLINE_TRUSTED_ORIGINS: `http://127.0.0.1:${first},http://127.0.0.1:${second}`,
    }),
    openBrowser(),
  ]);
  [served, shop] = await Promise.all([
    startSite(first, gateway.origin, 'data-token-url="/token"'),
    startSite(second, gateway.origin, `data-key="${KEY}"`),
  ]);
});
after(async () => {
  await browser?.close();
  await Promise.all([served, shop].map((site) => site?.stop()));
  await gateway?.stop();
});

/** A page on which something was said, whose token is void now. */
async function voided(site: Site, isSealed = true): Promise<{ page: Page; end: () => Promise<void> }> {
  const { page, end } = await visit(browser, 'about:blank');
  if (!isSealed) {
    await page.addInitScript(() => Object.defineProperty(globalThis, 'isSecureContext', { value: false }));
  }
  await page.goto(site.origin);
  await opened(page);
  assert.equal(await chat(page).locator('.lock').isVisible(), isSealed);
  await says(page, 'Said before');
  await said(page, 'Said before').first().waitFor();
  await gateway.voidTokens();
  return { page, end };
}

const connection = (page: Page) => frameOf(page).evaluate(() => document.documentElement.dataset['connection']);

const online = (page: Page) => eventually('it is online', async () => (await connection(page)) === 'online');

/** What the gateway answered to what was posted. */
function posted(page: Page): number[] {
  const answers: number[] = [];
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (response.request().method() === 'POST' && pathname.endsWith('/activities')) answers.push(response.status());
  });
  return answers;
}

/** The words stand there once, and are sent. */
async function isSent(page: Page, words: string): Promise<void> {
  await said(page, words).first().waitFor();
  await eventually('nothing is on its way', async () => (await chat(page).getByText(/^Sending/).count()) === 0);
  assert.equal(await said(page, words).count(), 1);
  assert.equal(await chat(page).getByText('Retry').count(), 0);
  assert.equal(await chat(page).getByText('Unable to connect').count(), 0);
}

for (const isSealed of [true, false]) {
  test(`a page whose site remembers the conversation goes on with it, ${isSealed ? 'sealed' : 'plain'}`, async () => {
    Object.assign(served, { user: isSealed ? 'kim' : 'robin', remembers: true });
    const { page, end } = await voided(served, isSealed);
    const answers = posted(page);
    await says(page, 'Said after');
    await eventually('it is taken', async () => answers.includes(200));
    await isSent(page, 'Said after');
    await online(page);
    await isSent(page, 'Said before');
    assert.equal(await strip(page, 'bad').isVisible(), false);
    await says(page, 'And then');
    await isSent(page, 'And then');
    await page.reload();
    await isSent(page, 'Said after');
    await end();
  });
}

test('a page on which nobody writes is told that its stream is void, and asks for another token', async () => {
  Object.assign(served, { user: 'quinn', remembers: true });
  const { page, end } = await voided(served);
  const given = await page.waitForResponse((response) => response.url().endsWith('/token'));
  assert.equal(given.status(), 200);
  await online(page);
  await says(page, 'Said after');
  await isSent(page, 'Said after');
  await isSent(page, 'Said before');
  await end();
});

for (const how of ['data-token-url', 'data-key']) {
  test(`where the conversation cannot be gone on with, a new one takes what waited: ${how}`, async () => {
    Object.assign(served, { user: null, remembers: false });
    const { page, end } = await voided(how === 'data-key' ? shop : served);
    await says(page, 'Said after');
    await strip(page, 'bad').getByText('cannot be gone on with').waitFor();
    assert.equal(await connection(page), 'gone');
    assert.equal(await said(page, 'Said before').count(), 1, 'it can still be read');
    // Nothing is tried, and nothing says so.
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await says(page, 'Said last');
    await box(page).fill('Not said yet');
    await shoot(page, `widget-gone-${how}`);
    assert.equal(await chat(page).getByText(/trying again|Unable to connect/).count(), 0);
    assert.deepEqual(asked, []);
    await chat(page).getByRole('button', { name: 'Start a new conversation' }).click();
    await online(page);
    await isSent(page, 'Said after');
    await isSent(page, 'Said last');
    assert.equal(await box(page).inputValue(), 'Not said yet');
    assert.equal(await said(page, 'Said before').count(), 0);
    assert.equal(await strip(page, 'bad').isVisible(), false);
    await page.reload();
    await isSent(page, 'Said after');
    await end();
  });
}

test('whoever is signed in by then sees nothing of the one before, and says none of it', async () => {
  Object.assign(served, { user: 'ash', remembers: true });
  const { page, end } = await voided(served);
  served.user = 'lee';
  await says(page, 'For ash alone');
  await eventually('it is empty', async () => (await said(page, 'Said before').count()) === 0);
  await said(page, 'help desk').first().waitFor();
  await says(page, 'I am Lee');
  await isSent(page, 'I am Lee');
  assert.equal(await said(page, 'For ash alone').count(), 0);
  await page.reload();
  await isSent(page, 'I am Lee');
  assert.equal(await said(page, 'For ash alone').count(), 0);
  await end();
});
