/** The demo page, played through the real binary in a real browser. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { Browser } from 'playwright-core';

import { audit, bubble, openBrowser, overflows, shoot, visit } from './browser.ts';
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

test('a user asks for an agent, who takes the chat and talks', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await page.getByRole('button', { name: 'agent', exact: true }).click();
  await page.getByRole('button', { name: 'Accept', exact: true }).click();
  await page.getByLabel('Message to the user').fill('Good morning, what can I do for you?');
  await page.keyboard.press('Enter');
  await bubble(page, 'Good morning, what can I do for you?').waitFor();
  await shoot(page, 'first');
  assert.equal(await overflows(page), false);
  assert.deepEqual(await audit(page, ['#web-chat']), []);
  await end();
});
