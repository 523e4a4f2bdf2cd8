/** Files that wait in the widget's box to be sent: who is told of them, and how they are taken back. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';

import { audit, eventually, openBrowser, shoot, visit } from './browser.ts';
import { box, chat, drag, frameOf, opened, said, says } from './bubbles.ts';
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

const waiting = (page: Page): Locator => chat(page).locator('.files li');

const remove = (page: Page, name: string): Locator => chat(page).getByRole('button', { name: `Remove ${name}` });

/** What the bar says of the files, each with its size. */
const shown = async (page: Page): Promise<string[]> =>
  (await waiting(page).all()).length === 0 ? [] : waiting(page).evaluateAll((lines) =>
    lines.map((line) => [...line.querySelectorAll('span')].map(({ textContent }) => textContent).join(', ')),
  );

/** Waits until these wait, and no others. */
const these = (page: Page, ...files: string[]): Promise<unknown> =>
  eventually(`there wait ${files.join(' and ')}`, async () => (await shown(page)).join(' | ') === files.join(' | '));

/** Waits until a screen reader is told this. */
const told = (page: Page, words: string): Promise<void> =>
  chat(page).locator('[role=status]', { hasText: words }).waitFor({ state: 'attached' });

/** Pastes a file into the box, with words beside it if there are some. */
const paste = (page: Page, name: string, words = ''): Promise<boolean> =>
  frameOf(page).evaluate(
    ([called, text]) => {
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File(['x'], called, { type: 'image/png' }));
      if (text) clipboardData.setData('text/plain', text);
      const target = document.activeElement ?? document.body;
      return target.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    },
    [name, words] as const,
  );

/** Chooses a file by the clip. */
async function choose(page: Page, name: string): Promise<string> {
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    chat(page).getByRole('button', { name: 'Upload file' }).click(),
  ]);
  const chosenBefore = await chooser.element().inputValue();
  await chooser.setFiles([{ name, mimeType: 'text/plain', buffer: Buffer.alloc(1_500_000) }]);
  return chosenBefore;
}

test('files that wait are shown and told of, however they came, and any of them can be taken back', async () => {
  const { page, end } = await arrive();
  await opened(page);
  await drag(page, 'drop', { name: 'first.txt', text: 'one' });
  await told(page, 'Attached: first.txt. 1 file is sent with your message');
  await drag(page, 'drop', { name: 'second.txt', text: 'two', size: 20_000 });
  await told(page, 'Attached: second.txt. 2 files are sent with your message');
  await box(page).focus();
  await paste(page, 'pasted.png');
  await choose(page, 'chosen.txt');
  await these(page, 'first.txt, 3 bytes', 'second.txt, 20 kB', 'pasted.png, 1 byte', 'chosen.txt, 1.5 MB');
  await shoot(page, 'widget-files-waiting');
  assert.deepEqual(await audit(frameOf(page)), []);
  await remove(page, 'second.txt').click();
  await told(page, 'Removed: second.txt. 3 files are sent with your message');
  await remove(page, 'chosen.txt').click();
  assert.equal(await choose(page, 'chosen.txt'), '', 'a browser does not tell of the same file again');
  await remove(page, 'chosen.txt').click();
  await remove(page, 'pasted.png').click();
  await these(page, 'first.txt, 3 bytes');
  await says(page, 'Only the first');
  await said(page, 'Only the first').first().waitFor();
  await chat(page).locator('a[href*="/files/"]', { hasText: 'first.txt' }).first().waitFor();
  await these(page);
  assert.equal(await chat(page).locator('.files').isVisible(), false);
  assert.equal(await chat(page).getByText('second.txt').count(), 0, 'what was taken back is not sent');
  await end();
});

test('files are taken back by the keyboard, which ends up in the box', async () => {
  const { page, end } = await arrive();
  await opened(page);
  await drag(page, 'drop', { name: 'first.txt', text: 'one' });
  await drag(page, 'drop', { name: 'second.txt', text: 'two' });
  await these(page, 'first.txt, 3 bytes', 'second.txt, 3 bytes');
  const isFocused = (one: Locator) => one.evaluate((element) => element === document.activeElement);
  await eventually('the keyboard is in the box', () => isFocused(box(page)));
  for (let step = 0; !(await isFocused(remove(page, 'second.txt'))); step += 1) {
    assert.ok(step < 5, 'not reached');
    await page.keyboard.press('Shift+Tab');
  }
  await page.keyboard.press('Enter');
  await these(page, 'first.txt, 3 bytes');
  await eventually('the keyboard is on the next', () => isFocused(remove(page, 'first.txt')));
  await page.keyboard.press('Space');
  await these(page);
  await eventually('the keyboard is in the box', () => isFocused(box(page)));
  await end();
});

test('words that are pasted stay words, also where a picture of them comes along', async () => {
  const { page, end } = await arrive();
  await opened(page);
  await box(page).focus();
  assert.equal(await paste(page, 'table.png', 'a table'), true, 'the box gets it');
  assert.equal(await paste(page, 'photo.png'), false);
  await these(page, 'photo.png, 1 byte');
  await end();
});
