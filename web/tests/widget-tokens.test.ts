/** How the widget comes to its token on somebody's site, through the real binary in a real browser. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';

import { eventually, openBrowser, shoot, visit } from './browser.ts';
import { box, bubble, chat, opened, panel, said, says, strip } from './bubbles.ts';
import { freePort } from './program.ts';
import { startGateway, startSite } from './sites.ts';
import type { Gateway, Site } from './sites.ts';

const KEY = 'shop-2f9c41d07e';

let browser: Browser;
let gateway: Gateway;
/** One whose own server gives tokens, one of the public key, and one that nobody trusts. */
let [served, shop, stranger]: Site[] = [];

before(async () => {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const [first, second] = ports;
  [gateway, browser] = await Promise.all([
    startGateway({
      WARMLINE_WIDGET_KEY: KEY,
      WARMLINE_TRUSTED_ORIGINS: `http://127.0.0.1:${first},http://127.0.0.1:${second}`,
    }),
    openBrowser(),
  ]);
  const tags = ['data-token-url="/token"', `data-key="${KEY}"`, `data-key="${KEY}"`];
  [served, shop, stranger] = await Promise.all(
    ports.map((port, at) => startSite(port, gateway.origin, tags[at] ?? '')),
  );
});
afterEach(() => {
  if (served) [served.user, served.away] = [null, false];
});
after(async () => {
  await browser?.close();
  await Promise.all([served, shop, stranger].map((site) => site?.stop()));
  await gateway?.stop();
});

const never = (page: Page) => page.locator('warmline-chat [role=alert]', { hasText: 'not available on this page' });
const cannot = (page: Page) => page.locator('warmline-chat [role=alert]', { hasText: 'cannot be opened' });

/** A page of the site that gives tokens. */
async function arrive(user: string | null): Promise<{ site: Site; page: Page; end: () => Promise<void> }> {
  assert.ok(served);
  served.user = user;
  return { site: served, ...(await visit(browser, served.origin)) };
}

test('while the site cannot say who is there, nobody is shown what a named user said', async () => {
  const { site, page, end } = await arrive('kim');
  await opened(page);
  await says(page, 'Something private');
  await said(page, 'Something private').first().waitFor();
  // Kim is gone; whoever sits here now is not known, because the site's server is away.
  site.away = true;
  await page.reload();
  await cannot(page).waitFor();
  assert.equal(await page.locator('warmline-chat iframe').count(), 0, 'not even the frame is there');
  Object.assign(site, { user: 'lee', away: false });
  await page.getByRole('button', { name: 'Try again' }).click();
  await said(page, 'help desk').first().waitFor();
  assert.equal(await said(page, 'Something private').count(), 0, 'Lee gets a chat of their own');
  await end();
});

test('a named user goes on where the site has said on this page that they are there', async () => {
  const { site, page, end } = await arrive('kim');
  await opened(page);
  await says(page, 'I stay here');
  await said(page, 'I stay here').first().waitFor();
  site.away = true;
  // What another tab's news of another conversation leads to: the chat is loaded anew, on this page.
  await page.evaluate(() => {
    const name = Object.keys(localStorage).find((key) => key.startsWith('warmline ')) ?? '';
    const kept = localStorage.getItem(name) ?? '';
    const news = (text: string) => {
      localStorage.setItem(name, text);
      dispatchEvent(new StorageEvent('storage', { key: name }));
    };
    news(JSON.stringify({ ...JSON.parse(kept), token: null }));
    news(kept);
  });
  await eventually('the panel is closed', async () => !(await panel(page).isVisible()));
  await bubble(page).click();
  await said(page, 'I stay here').first().waitFor();
  await end();
});

test('a visitor that nobody knows goes on while the site is away', async () => {
  const { site, page, end } = await arrive(null);
  await opened(page);
  await says(page, 'I am nobody');
  await said(page, 'I am nobody').first().waitFor();
  site.away = true;
  await page.reload();
  await said(page, 'I am nobody').first().waitFor();
  await end();
});

test('with the public key a stranger chats, and goes on after a reload', async () => {
  assert.ok(shop);
  const { page, end } = await visit(browser, shop.origin);
  await opened(page);
  await says(page, 'By the key');
  await said(page, 'By the key').first().waitFor();
  await page.reload();
  await said(page, 'By the key').first().waitFor();
  await chat(page).getByRole('button', { name: 'More' }).click();
  await chat(page).getByRole('menuitem', { name: 'Start a new conversation' }).click();
  await chat(page).getByRole('button', { name: 'Start over' }).click();
  await eventually('it is empty', async () => (await said(page, 'By the key').count()) === 0);
  await said(page, 'help desk').first().waitFor();
  await end();
});

test('a page that is not trusted cannot show the chat, also with the key', async () => {
  assert.ok(stranger);
  const { page, end } = await visit(browser, stranger.origin);
  const refused = page.waitForEvent('console', (line) => /frame-ancestors/.test(line.text()));
  const said = page.waitForEvent('console', (line) => line.text().startsWith('Warmline: the frame'));
  await bubble(page).click();
  await refused;
  await never(page).waitFor({ timeout: 8_000 });
  assert.equal(await page.getByRole('button', { name: 'Try again' }).count(), 0, 'it would be no use');
  const why = (await said).text();
  for (const named of [KEY, stranger.origin]) assert.ok(why.includes(named), why);
  assert.ok(!why.includes('away'), why);
  assert.equal(await box(page).count(), 0);
  await shoot(page, 'widget-refused');
  await page.getByRole('button', { name: 'Close chat' }).last().click();
  await eventually('the panel is closed', async () => !(await panel(page).isVisible()));
  await end();
});

test('a wrong key is told to the developer; the user hears that there is no chat here', async () => {
  const port = await freePort();
  const site = await startSite(port, gateway.origin, 'data-key="shop-00000000"');
  const { page, end } = await visit(browser, site.origin);
  const said = page.waitForEvent('console', (line) => line.text().startsWith('Warmline: the frame'));
  await bubble(page).click();
  await never(page).waitFor({ timeout: 8_000 });
  assert.ok((await said).text().includes('no site has the key "shop-00000000"'));
  assert.equal(await page.getByRole('button', { name: 'Try again' }).count(), 0);
  await end();
  await site.stop();
});

test('a token that this page may not use is told of in the chat, and nothing seems to be coming', async () => {
  const { page, end } = await arrive(null);
  await bubble(page).waitFor();
  const message = 'pages of this origin may not use this token';
  await page.route('**/widget/admissions', (route) => route.fulfill({ status: 403, json: { error: { message } } }));
  const said = page.waitForEvent('console', (line) => line.text() === `Warmline: ${message}`);
  await bubble(page).click();
  await strip(page, 'bad').getByText('not available on this page').waitFor();
  await said;
  assert.equal(await strip(page, 'bad').getByRole('button').count(), 0, 'another attempt would be no use');
  const spinner = await chat(page).locator('.talk').evaluate((one) => getComputedStyle(one, '::before').display);
  assert.equal(spinner, 'none');
  await shoot(page, 'widget-refused-token');
  await end();
});

test('a gateway that is away can be tried again, and one that was away for a moment is', async () => {
  assert.ok(shop);
  const { page, end } = await visit(browser, shop.origin);
  await bubble(page).waitFor();
  const all = `${gateway.origin}/**`;
  await page.route(all, (route) => route.abort());
  const said = page.waitForEvent('console', (line) => line.text().startsWith('Warmline: the frame'));
  await bubble(page).click();
  await cannot(page).waitFor({ timeout: 8_000 });
  assert.ok((await said).text().includes('the gateway is away'));
  await shoot(page, 'widget-away');
  await page.unroute(all);
  await page.getByRole('button', { name: 'Try again' }).click();
  await says(page, 'There you are');
  await page.evaluate(() => (window as unknown as { Warmline: { forget(): void } }).Warmline.forget());
  // The next frame finds nobody, and the one after it does.
  await page.route('**/widget/frame?*', (route) => route.abort(), { times: 1 });
  await opened(page);
  await end();
});
