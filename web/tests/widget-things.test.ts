/** What goes between the widget's user and the agent besides words: files, and what is not to be read. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';

import { eventually, openBrowser, shoot, visit } from './browser.ts';
import { badge, box, bubble, chat, drag, frameOf, live, notice, opened, panel, said, saved, says } from './bubbles.ts';
import { startDemo } from './program.ts';
import type { Demo } from './program.ts';

let demo: Demo;
let browser: Browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), openBrowser()]);
});
afterEach(() => demo.calm());
after(async () => {
  await browser?.close();
  await demo?.stop();
});

const arrive = () => visit(browser, `${demo.origin}/site`, { viewport: { width: 1280, height: 820 } });

test('a file that is dropped onto the chat comes to the agent, and can be opened', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const id = await live(page, demo);
  const file = { name: 'screen.txt', text: 'black, all black' };
  await drag(page, 'dragenter', file);
  await chat(page).getByText('Drop files to attach them').waitFor();
  await drag(page, 'drop', file);
  await chat(page).getByText('Drop files to attach them').waitFor({ state: 'hidden' });
  await says(page, 'This is what I see');
  const link = chat(page).locator('a[href*="/files/"]', { hasText: 'screen.txt' }).first();
  const address = await link.getAttribute('href');
  const kept = await fetch(address ?? '');
  assert.equal(await kept.text(), file.text);
  await eventually('the agent has it', async () => {
    const { chats } = (await demo.desk('state', {}, 'GET')) as { chats: { id: string }[] };
    return JSON.stringify(chats.find((one) => one.id === id)).includes('screen.txt');
  });
  await shoot(page, 'widget-file');
  await end();
});

test('what can never be taken says what to do, and Retry stands where it helps', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const unsent = chat(page).locator('.not-sent');
  for (const [file, words] of [
    [{ name: 'setup.exe', text: 'MZ and what runs' }, 'files like this are not taken'],
    [{ name: 'film.txt', text: 'x', size: 27_000_000 }, 'too large. Attach a smaller file.'],
  ] as const) {
    await drag(page, 'drop', file);
    await says(page, `Look at ${file.name}`);
    await unsent.filter({ hasText: words }).waitFor();
    await notice(page, file.name).waitFor();
  }
  assert.equal(await chat(page).getByText('Retry').count(), 0, 'a retry is no use');
  await shoot(page, 'widget-file-refused');
  // Nobody can take it for a moment; later somebody can.
  await page.route('**/upload?*', (route) => route.fulfill({ status: 503, json: {} }));
  await drag(page, 'drop', { name: 'note.txt', text: 'all is well' });
  await says(page, 'Look at note.txt');
  const retry = chat(page).getByRole('button', { name: 'Retry' });
  await retry.waitFor();
  assert.equal(await unsent.count(), 2);
  await page.unroute('**/upload?*');
  await retry.click();
  await chat(page).locator('a[href*="/files/"]', { hasText: 'note.txt' }).first().waitFor();
  assert.equal(await retry.count(), 0);
  assert.equal(await said(page, 'Look at note.txt').count(), 1, 'what failed is not there beside it');
  await end();
});

test('a secret is gone from its card when it is sent, and the card says so, also after a reload', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const id = await live(page, demo);
  await demo.desk(`chats/${id}/show`, { control: 'input_text_secure' });
  const field = chat(page).locator('input[type=password]');
  await field.fill('Rosebud-1941');
  await shoot(page, 'widget-secret-asked');
  await field.press('Tab');
  await page.keyboard.press('Enter');
  await chat(page).getByText('Sent, and hidden').waitFor();
  assert.equal(await field.count(), 0);
  await said(page, '••••••').waitFor();
  const left = await frameOf(page).evaluate(() => {
    const fields = [...document.querySelectorAll('input, textarea')] as HTMLInputElement[];
    return [document.documentElement.outerHTML, ...fields.map(({ value }) => value)].join(' ');
  });
  assert.ok(!left.includes('Rosebud'), 'nothing of it is left on the page');
  await eventually('the keyboard is in the box', () => box(page).evaluate((one) => one === document.activeElement));
  await shoot(page, 'widget-secret-sent');
  await page.reload();
  await chat(page).getByText('Sent, and hidden').waitFor();
  assert.equal(await field.count(), 0);
  // Another question is open, and what was said before does not answer it.
  await demo.desk(`chats/${id}/show`, { control: 'input_text_secure' });
  await field.waitFor();
  assert.equal(await chat(page).getByText('Sent, and hidden').count(), 1);
  await end();
});

test('a file of the agent comes to the user', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const id = await live(page, demo);
  const sent = await fetch(`${demo.origin}/desk/api/chats/${id}/file?name=manual.txt`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: 'turn it off and on',
  });
  assert.ok(sent.ok, await sent.text());
  const link = chat(page).locator('a[href*="/files/"]', { hasText: 'manual.txt' }).first();
  const address = await link.getAttribute('href');
  assert.equal(await (await fetch(address ?? '')).text(), 'turn it off and on');
  await end();
});

test('a card is in the saved conversation and beside the bubble with what it says, a picture with its name', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const id = await live(page, demo);
  await bubble(page).click();
  await eventually('the panel is closed', async () => !(await panel(page).isVisible()));
  await demo.desk(`chats/${id}/show`, { control: 'image' });
  await badge(page).filter({ hasText: '1' }).waitFor();
  await page.locator('warmline-chat .peek', { hasText: '[A plan of the building]' }).waitFor();
  await demo.desk(`chats/${id}/show`, { control: 'card_notification' });
  await badge(page).filter({ hasText: '2' }).waitFor();
  await page.locator('warmline-chat .peek', { hasText: 'Approved' }).waitFor();
  await bubble(page).click();
  const text = await saved(page);
  assert.match(text, /: \[A plan of the building\]\n/);
  assert.match(text, /: Approved\nYour request was approved\./);
  assert.doesNotMatch(text, /: \n/, 'somebody seems to have said nothing');
  await end();
});

/** No picture can be loaded from now on. */
const withoutPictures = (page: Page): Promise<unknown> =>
  page.route('**/*', (route) => (route.request().resourceType() === 'image' ? route.abort() : route.fallback()));

test('a picture that cannot be loaded says which it is, also on a card', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const id = await live(page, demo);
  await withoutPictures(page);
  await demo.desk(`chats/${id}/show`, { control: 'image' });
  const missing = chat(page).locator('.no-picture');
  await missing.filter({ hasText: 'A plan of the building: this picture could not be loaded.' }).waitFor();
  const frame = await missing.locator('..').boundingBox();
  assert.ok(frame && frame.height < 100, `no empty frame around it: ${frame?.height}`);
  await demo.desk(`chats/${id}/show`, { control: 'card_large_image' });
  await chat(page).getByText('Laptop 14').first().waitFor();
  await missing.nth(1).waitFor();
  await shoot(page, 'widget-no-picture');
  const seen = await frameOf(page).evaluate(() =>
    [...document.images].filter((one) => one.checkVisibility() && one.complete && one.naturalWidth === 0).length,
  );
  assert.equal(seen, 0, 'no torn sheet is seen');
  await page.unroute('**/*');
  await page.reload();
  await chat(page).getByText('Laptop 14').first().waitFor();
  await eventually('the pictures are there', () =>
    frameOf(page).evaluate(() => [...document.images].some((one) => one.checkVisibility() && one.naturalWidth > 0)),
  );
  assert.equal(await missing.count(), 0);
  await end();
});
