/** What the strip in the middle tells, with the feed of the real gateway. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';

import { audit, bubble, eventually, openBrowser, shoot, visit } from './browser.ts';
import { agentSays, connected, deskLine, fault, faultSays, userSays } from './playing.ts';
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

/** A step with this title. */
const step = (page: Page, title: string) =>
  page.locator('.step', { has: page.locator('.step-title', { hasText: title }) });

/** The plain words of the last step with this title, in order. */
const lines = (page: Page, title: string) =>
  step(page, title).last().locator('.step-line').allInnerTexts();

test('each word is followed through the real gateway, in both directions', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await page.locator('#way-link[data-tone="good"]').waitFor();
  await connected(page);
  await step(page, 'An agent takes the chat').waitFor();
  await userSays(page, 'My screen stays black');
  await deskLine(page, 'My screen stays black').waitFor();
  await eventually('the word is followed to ServiceNow', async () =>
    (await lines(page, 'The user said something')).some((line) => line.startsWith('Passed on to ServiceNow')),
  );
  assert.ok(
    (await lines(page, 'The user said something')).some((line) => line.startsWith('Kept, then acknowledged')),
  );
  await agentSays(page, 'Try another cable');
  await bubble(page, 'Try another cable').waitFor();
  await step(page, 'The agent wrote something').locator('.step-line', { hasText: 'Shown to the user' }).waitFor();
  await shoot(page, 'strip');
  const told = await page.locator('#way-list').innerText();
  for (const word of ['screen', 'cable']) assert.ok(!told.includes(word), 'no word of anybody');

  await fault(page, 'down').click();
  await userSays(page, 'Are you still there?');
  const trying = step(page, 'The user said something').last();
  await trying.locator('.mark', { hasText: /trying|waits/ }).waitFor();
  await shoot(page, 'strip-down');
  await fault(page, 'down').click();
  await trying.locator('.step-line', { hasText: 'Passed on to ServiceNow' }).waitFor();
  assert.deepEqual(await audit(page, ['#web-chat']), []);

  await fault(page, 'kill').click();
  await step(page, 'The gateway is dead').waitFor();
  await step(page, 'The gateway is back after').waitFor();
  await faultSays(page, 'kill', /nothing lost/);
  await page.locator('#way-link[data-tone="good"]').waitFor();
  await userSays(page, 'After the kill');
  await eventually('it is watched again', async () =>
    (await lines(page, 'The user said something')).some((line) => line.startsWith('Passed on to ServiceNow')),
  );
  await shoot(page, 'strip-killed');
  await end();
});

/** Says something as this page's user by a client that tries again at once, until it is taken. */
async function saysAtOnce(page: Page, text: string): Promise<void> {
  const kept = await page.evaluate(() => sessionStorage.getItem('warmline-demo-conversation'));
  const { domain, token, conversationId } = JSON.parse(kept ?? '{}') as Record<string, string>;
  await eventually('it is taken', async () => {
    const answer = await fetch(`${domain}/conversations/${conversationId}/activities`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'message', text, from: { id: 'anybody' } }),
    }).catch(() => null);
    return answer?.ok;
  });
}

test('words said to a dead gateway are a step when they have arrived, as any others', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await page.locator('#way-link[data-tone="good"]').waitFor();
  await connected(page);
  await step(page, 'An agent takes the chat').waitFor();
  const said = step(page, 'The user said something');
  const saying = [userSays, saysAtOnce];
  for (const [place, says] of saying.entries()) {
    const words = `Said to a dead gateway, ${place}`;
    const before = await said.count();
    await fault(page, 'kill').click();
    await faultSays(page, 'kill', /was killed/);
    await says(page, words);
    await deskLine(page, words).waitFor();
    await eventually('it is followed to ServiceNow', async () =>
      (await said.count()) === before + 1 &&
      (await lines(page, 'The user said something')).some((line) => line.startsWith('Passed on to ServiceNow')),
    );
    await faultSays(page, 'kill', /nothing lost/);
    await page.locator('#way-link[data-tone="good"]').waitFor();
  }
  await shoot(page, 'strip-dead');
  await end();
});

test('what happened stays on the page in another language, and is gone where one starts over', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await page.locator('#way-link[data-tone="good"]').waitFor();
  await connected(page);
  await step(page, 'An agent takes the chat').waitFor();
  await fault(page, 'kill').click();
  await step(page, 'The gateway is back after').waitFor();
  await faultSays(page, 'kill', /back after/);
  const before = await page.locator('.step').count();
  await page.getByRole('button', { name: 'Deutsch' }).click();
  await step(page, 'Ein Agent nimmt den Chat an').waitFor();
  await step(page, 'Das Gateway ist tot').waitFor();
  assert.ok((await page.locator('.step').count()) >= before);
  await page.getByRole('button', { name: 'Leeren' }).click();
  await page.getByRole('button', { name: 'English' }).click();
  await deskLine(page, '').first().waitFor();
  assert.equal(await step(page, 'An agent takes the chat').count(), 0, 'what was cleared does not come back');
  await page.getByRole('button', { name: 'Start over' }).click();
  await step(page, 'A user opened the page').waitFor();
  assert.equal(await step(page, 'The user is back').count(), 0);
  await end();
});
