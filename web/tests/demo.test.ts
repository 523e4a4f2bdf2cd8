/** The demo page, played through the real binary in a real browser. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { Browser } from 'playwright-core';

import { audit, bubble, eventually, openBrowser, overflows, shoot, sinks, visit } from './browser.ts';
import {
  agentBox, agentSays, connected, deskLine, fault, faultSays, faultWords, timesShown, userBox, userSays,
} from './playing.ts';
import { startDemo } from './program.ts';
import type { Demo } from './program.ts';

/** Web Chat is Microsoft's; what it does for screen readers is not ours to change. */
const NOT_OURS = ['#web-chat'];

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

test('a chat goes from the bot to an agent, to another agent, and back to the bot', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await connected(page);
  await userSays(page, 'My screen stays black');
  await deskLine(page, 'My screen stays black').waitFor();

  await page.getByRole('button', { name: 'One moment', exact: true }).click();
  assert.match(await agentBox(page).inputValue(), /^One moment, please/);
  await page.locator('#web-chat .webchat__typingIndicator, #web-chat [class*="typing"]').first().waitFor();
  await agentBox(page).press('Enter');
  await bubble(page, 'Dana: One moment, please').waitFor();

  await page.getByRole('button', { name: 'Transfer', exact: true }).click();
  await page.getByLabel('Transfer to').selectOption({ label: 'Robin (available)' });
  await shoot(page, 'transfer');
  await page.getByRole('button', { name: 'Hand over' }).click();
  await page.locator('#desk .chat-who .badge', { hasText: 'with Robin' }).waitFor();
  await agentSays(page, 'Robin here, try another cable');
  await bubble(page, 'Robin: Robin here, try another cable').waitFor();
  await userSays(page, 'That was it');
  await deskLine(page, 'That was it').waitFor();
  await shoot(page, 'chat');

  await page.getByRole('button', { name: 'End chat', exact: true }).click();
  await page.locator('#desk .chat-who .badge', { hasText: 'ended' }).waitFor();
  const before = await page.locator('#web-chat .webchat__text-content').count();
  await userSays(page, 'the toner is empty');
  await eventually('the bot answers again', async () =>
    (await page.locator('#web-chat .webchat__text-content').count()) > before + 1,
  );
  assert.equal(await deskLine(page, 'the toner is empty').count(), 0, 'the desk hears nothing more');
  await page.locator('#faults-count', { hasText: '4 of 4 messages shown, none twice' }).waitFor();
  await end();
});

test('an agent refuses, the next one is asked, and who is away is asked no more', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await bubble(page, 'help desk').first().waitFor();
  await page.locator('[data-say="agent"]').click();
  await page.locator('#desk .chat-who .badge', { hasText: 'offered to Dana' }).waitFor();
  await page.getByRole('button', { name: 'Reject' }).click();
  await page.locator('#desk .chat-who .badge', { hasText: 'offered to Robin' }).waitFor();
  assert.equal(await page.locator('.seat:has(:checked) .seat-name').innerText(), 'Robin');
  await page.getByRole('button', { name: 'Accept', exact: true }).click();
  await page.locator('#desk .chat-who .badge', { hasText: 'with Robin' }).waitFor();
  await page.locator('.seat', { hasText: 'Alex' }).click();
  await page.getByRole('switch', { name: 'Available' }).click();
  await page.locator('.seat[data-state="away"]', { hasText: 'Alex' }).waitFor();
  await page.getByRole('switch', { name: 'Available' }).click();
  await page.locator('.seat[data-state="available"]', { hasText: 'Alex' }).waitFor();
  await end();
});

test('ServiceNow is down: what the user says waits and arrives in order', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await connected(page);
  await fault(page, 'down').click();
  await faultSays(page, 'down', /^Away for/);
  for (const words of ['first', 'second', 'third']) await userSays(page, `The ${words} word`);
  await bubble(page, 'The third word').waitFor();
  await shoot(page, 'down');
  await page.getByRole('button', { name: 'Bring ServiceNow back' }).click();
  await faultSays(page, 'down', /^Back after .*; 3 of 3 messages shown, none twice\.$/);
  const lines = await page.locator('#desk .log .line-user .said').allInnerTexts();
  assert.deepEqual(lines.slice(-3), ['The first word', 'The second word', 'The third word']);
  await end();
});

test('a webhook that comes twice is shown once, slow answers lose nothing', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await connected(page);
  await fault(page, 'twice').click();
  await faultSays(page, 'twice', /^The next callback comes twice/);
  await agentSays(page, 'Only once, please');
  await faultSays(page, 'twice', /^Came twice; 1 of 1 messages shown, none twice\.$/);
  assert.equal(await timesShown(page, 'Only once, please'), 1);
  await fault(page, 'slow').click();
  await faultSays(page, 'slow', /^Still 3 slow answers/);
  await userSays(page, 'Slowly');
  await deskLine(page, 'Slowly').waitFor();
  await faultSays(page, 'slow', /^Still 2 slow answers/);
  await end();
});

test('the agent sends a control and a file by the row over the box, and sees the answer', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await connected(page);
  const row = page.locator('#desk .extras');
  const names = await row.locator('option').evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value));
  assert.ok(names.includes('boolean'), names.join());
  await row.locator('select').selectOption('boolean');
  const yes = page.locator('#web-chat').getByRole('button', { name: 'Yes' }).first();
  await yes.waitFor();
  const asked = row.getByRole('status');
  await asked.filter({ hasText: /^A question waits for the user’s answer; what you show now/ }).waitFor();
  await row.locator('select').selectOption('date');
  await asked.filter({ hasText: /1 more to show after it/ }).waitFor();
  await shoot(page, 'desk-control');
  await yes.click();
  await deskLine(page, /yes|true/i).waitFor();
  await deskLine(page, /Date/).waitFor();
  await asked.filter({ hasText: /what you show now/ }).waitFor();
  await userSays(page, '2026-11-30');
  await asked.filter({ hasText: /^$/ }).waitFor({ state: 'attached' });
  const file = { name: 'manual.txt', mimeType: 'text/plain', buffer: Buffer.from('turn it off and on') };
  await row.locator('input[type=file]').setInputFiles(file);
  await page.locator('#web-chat a[href*="/files/"]', { hasText: 'manual.txt' }).first().waitFor();
  await deskLine(page, 'manual.txt').waitFor();
  // Neither is counted: only plain words read the same on both sides.
  await agentSays(page, 'And these are plain words');
  await page.getByText('1 of 1 messages shown, none twice').first().waitFor();
  await shoot(page, 'desk-file');
  await end();
});

test('the gateway is killed in the middle of a chat and nothing is lost, not even a dropped webhook', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await connected(page);
  await userSays(page, 'Before the end');
  await deskLine(page, 'Before the end').waitFor();
  await fault(page, 'lost').click();
  await faultSays(page, 'lost', /^The next callback will be dropped/);
  await agentSays(page, 'Nobody hears this');
  await faultSays(page, 'lost', /^Dropped; 1 of 2 messages shown/);
  await fault(page, 'kill').click();
  await faultSays(page, 'kill', /^Process \d+ was killed/);
  await agentSays(page, 'Said to a dead gateway');
  const said = await faultSays(page, 'kill', /^Gateway back after .* s; nothing lost: 3 of 3 messages shown, none twice\.$/);
  assert.match(said, /back after 0\.\d s|back after [1-9]/);
  for (const words of ['Nobody hears this', 'Said to a dead gateway']) {
    assert.equal(await timesShown(page, words), 1, words);
  }
  await userSays(page, 'We go on');
  await deskLine(page, 'We go on').waitFor();
  await shoot(page, 'killed');
  await faultSays(page, 'kill', /nothing lost: 4 of 4/);
  await fault(page, 'lost').click();
  await faultSays(page, 'lost', /^The next callback will be dropped/);
  await agentSays(page, 'And this is missing');
  await faultSays(page, 'kill', /Not everything is shown yet: 4 of 5 messages/);
  for (const name of ['kill', 'lost']) {
    assert.notEqual(await faultWords(page, name).getAttribute('data-state'), 'then', name);
  }
  await end();
});

test('only the page itself may kill the gateway', async () => {
  const kill = (headers: Record<string, string>) =>
    fetch(`${demo.origin}/demo/api/kill`, { method: 'POST', headers });
  for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
    const answer = await kill(headers);
    assert.equal(answer.status, 403);
    const { error } = (await answer.json()) as { error: { code: string } };
    assert.equal(error.code, 'cross_site');
  }
  assert.equal((await fetch(`${demo.origin}/demo/api/kill`)).status, 405, 'no link may do it');
});

test('the page speaks German when the browser does, and remembers what was chosen', async () => {
  const { page, end } = await visit(browser, demo.origin, { locale: 'de-AT' });
  await page.getByRole('heading', { name: 'Der Benutzer' }).waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'de');
  await connected(page);
  await agentBox(page).fill('Guten Tag');
  await page.getByRole('button', { name: 'Senden', exact: true }).last().click();
  await bubble(page, 'Guten Tag').waitFor();
  assert.match((await userBox(page).getAttribute('placeholder')) ?? '', /Nachricht/);
  await shoot(page, 'german');
  assert.equal(await overflows(page), false);
  await page.getByRole('button', { name: 'English' }).click();
  await page.getByRole('heading', { name: 'The user' }).waitFor();
  await bubble(page, 'Guten Tag').waitFor();
  await page.goto(demo.origin);
  await page.getByRole('heading', { name: 'The user' }).waitFor();
  await end();
});

test('the page is readable in the dark, and still where motion is not wanted', async () => {
  const options = { colorScheme: 'dark', reducedMotion: 'reduce' } as const;
  const { page, end } = await visit(browser, demo.origin, options);
  await connected(page);
  await agentSays(page, 'Good evening');
  await bubble(page, 'Good evening').waitFor();
  await shoot(page, 'dark');
  assert.deepEqual(await audit(page, NOT_OURS), []);
  const moving = await page.evaluate(() =>
    document.getAnimations().filter((one) => !document.querySelector('#web-chat')?.contains((one.effect as KeyframeEffect | null)?.target ?? null)).length,
  );
  assert.equal(moving, 0);
  await end();
});

test('everything can be done with the keyboard alone', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await bubble(page, 'help desk').first().waitFor();
  /** Goes on with Tab until the keyboard is there. */
  const tabTo = async (selector: string) => {
    for (let steps = 0; steps < 80; steps += 1) {
      const there = await page.evaluate((at) => document.activeElement?.matches(at) === true, selector);
      if (there) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`the keyboard does not get to ${selector}`);
  };
  await tabTo('[data-say="agent"]');
  await page.keyboard.press('Enter');
  await page.locator('#desk .chat-actions button.primary').waitFor();
  await tabTo('#try-accept');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await page.locator('.composer textarea:focus').waitFor();
  await page.keyboard.type('Typed without a mouse');
  await page.keyboard.press('Enter');
  await bubble(page, 'Typed without a mouse').waitFor();
  await tabTo('[data-fault="twice"]');
  await page.keyboard.press('Space');
  await faultSays(page, 'twice', /comes twice/);
  await page.locator('.seat:has(:checked)').waitFor();
  await page.keyboard.press('Shift+Tab');
  await shoot(page, 'keyboard');
  await end();
});

test('on a phone one part is seen at a time and nothing needs scrolling to the side', async () => {
  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true };
  const { page, end } = await visit(browser, demo.origin, phone);
  await bubble(page, 'help desk').first().waitFor();
  await shoot(page, 'phone-user');
  await page.locator('[data-say="agent"]').click();
  await page.getByRole('button', { name: /^Desk/ }).click();
  await page.getByRole('button', { name: 'Accept', exact: true }).click();
  await agentSays(page, 'From a phone');
  await shoot(page, 'phone-desk');
  assert.equal(await overflows(page), false);
  await page.getByRole('button', { name: 'What happens', exact: true }).click();
  await page.locator('#way-list').waitFor();
  assert.equal(await page.locator('#web-chat').isVisible(), false);
  assert.equal(await overflows(page), false);
  await shoot(page, 'phone-way');
  const height = await page.locator('.side-faults').evaluate((all) => all.scrollHeight - all.clientHeight);
  assert.equal(height, 0, 'no fault is cut off');
  await page.locator('#fault-kill').scrollIntoViewIfNeeded();
  await shoot(page, 'phone-faults');
  assert.deepEqual(await audit(page, NOT_OURS), []);
  await page.getByRole('button', { name: 'User', exact: true }).click();
  await bubble(page, 'From a phone').waitFor();
  await end();
});

test('a long chat scrolls in its own box, and no page scrolls into nothing', async () => {
  const { page, end } = await visit(browser, demo.origin, { viewport: { width: 1500, height: 950 } });
  await connected(page);
  for (let line = 1; line <= 30; line += 1) await agentSays(page, `Line ${line} of the agent`);
  await deskLine(page, 'Line 30 of the agent').waitFor();
  await page.setViewportSize({ width: 1000, height: 700 });
  assert.equal(await sinks(page), false, 'where the sides scroll');
  await page.setViewportSize({ width: 1500, height: 950 });
  assert.equal(await sinks(page), false);
  await page.goto(`${demo.origin}/desk`);
  await deskLine(page, 'Line 30 of the agent').waitFor();
  assert.equal(await sinks(page), false, 'the desk alone');
  await end();
});

test('the page and the desk alone have no serious fault for a screen reader', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await connected(page);
  await agentSays(page, 'Good morning');
  await bubble(page, 'Good morning').waitFor();
  assert.deepEqual(await audit(page, NOT_OURS), []);
  await page.goto(`${demo.origin}/desk`);
  await page.locator('.queue-open').first().waitFor();
  await deskLine(page, 'Good morning').waitFor();
  assert.deepEqual(await audit(page), []);
  assert.equal(await overflows(page), false);
  await shoot(page, 'desk');
  await end();
});
