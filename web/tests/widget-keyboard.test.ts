/** The widget for who has a keyboard and no mouse, and for who listens to it. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { Browser, Frame, Locator, Page } from 'playwright-core';

import { audit, eventually, openBrowser, visit } from './browser.ts';
import { box, bubble, chat, frameOf, live, opened, panel, said, strip } from './bubbles.ts';
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

const isFocused = (one: Locator): Promise<boolean> => one.evaluate((element) => {
  const root = element.getRootNode() as Document | ShadowRoot;
  return root.activeElement === element;
});

const focused = (what: string, one: Locator): Promise<unknown> =>
  eventually(`the keyboard is on ${what}`, () => isFocused(one));

/** What is focused in the chat, in a word. */
const at = (frame: Frame): Promise<string> =>
  frame.evaluate(() => {
    const one = document.activeElement;
    return one === null || one === document.body ? '' : (one.getAttribute('aria-label') ?? one.textContent ?? '').trim();
  });

/** Presses Tab, or Shift and Tab, until this is focused; says what was come by. */
async function tabTo(page: Page, key: 'Tab' | 'Shift+Tab', one: Locator, most: number): Promise<void> {
  const by: string[] = [];
  for (let step = 0; step < most; step += 1) {
    await page.keyboard.press(key);
    if (await isFocused(one)) return;
    by.push(await at(frameOf(page)));
  }
  throw new Error(`not reached by ${most} times ${key}: ${by.join(' > ')}`);
}

/** Writes down what a screen reader is told from now on, in the chat's frame. */
async function listen(frame: Frame): Promise<() => Promise<string[]>> {
  await frame.evaluate(() => {
    const heard: string[] = [];
    Object.assign(window, { heard });
    const isLive = (node: Node) => {
      const element = node instanceof Element ? node : node.parentElement;
      const region = element?.closest('[aria-live], [role=status], [role=alert], [role=log]');
      return region !== null && region !== undefined && region.getAttribute('aria-live') !== 'off';
    };
    new MutationObserver((changes) => {
      for (const { type, target, addedNodes } of changes) {
        const added = type === 'characterData' ? [target] : [...addedNodes];
        for (const node of added) if (isLive(node) && node.textContent) heard.push(node.textContent);
      }
    }).observe(document, { childList: true, characterData: true, subtree: true });
  });
  return () => frame.evaluate(() => (window as unknown as { heard: string[] }).heard);
}

test('the keyboard goes into the box, round the chat in order, and back to what opened it', async () => {
  const { page, end } = await arrive();
  await bubble(page).focus();
  await page.keyboard.press('Enter');
  await said(page, 'help desk').first().waitFor();
  await focused('the box', box(page));
  await tabTo(page, 'Shift+Tab', chat(page).getByRole('button', { name: 'Close chat' }), 6);
  await page.keyboard.press('Shift+Tab');
  assert.equal(await at(frameOf(page)), 'More');
  // Beside the page the chat is a part of it: the keyboard leaves it forwards, too.
  await focused('More', chat(page).getByRole('button', { name: 'More' }));
  await page.keyboard.press('Escape');
  await eventually('the panel is closed', async () => !(await panel(page).isVisible()));
  await focused('the bubble', bubble(page));
  // On the bubble itself Escape closes, too.
  await page.keyboard.press('Enter');
  await focused('the box', box(page));
  await bubble(page).focus();
  await page.keyboard.press('Escape');
  await eventually('the panel is closed', async () => !(await panel(page).isVisible()));
  await focused('the bubble', bubble(page));
  await end();
});

test('choices and cards are reached and answered by the keyboard', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const id = await live(page, demo);
  const answered = (text: string) =>
    eventually(`the desk is answered ${text}`, async () => {
      const { chats } = (await demo.desk('state', {}, 'GET')) as { chats: { id: string; answers: { text: string }[] }[] };
      return chats.find((one) => one.id === id)?.answers.at(-1)?.text === text;
    });
  await demo.desk(`chats/${id}/show`, { control: 'picker_list' });
  const choice = (name: string) => chat(page).locator('.webchat__suggested-actions__button', { hasText: name });
  const laptop = choice('Laptop');
  await laptop.waitFor();
  await box(page).focus();
  await tabTo(page, 'Shift+Tab', choice('Phone'), 4);
  await page.keyboard.press('ArrowRight');
  await focused('the second choice', laptop);
  await page.keyboard.press('Enter');
  await answered('laptop');
  await focused('the box after a choice', box(page));
  await demo.desk(`chats/${id}/show`, { control: 'date' });
  const day = chat(page).locator('input.ac-dateInput').last();
  await day.waitFor();
  await box(page).focus();
  // Web Chat's way into a message, which it says itself: to the history, and Enter.
  await tabTo(page, 'Shift+Tab', chat(page).locator('.webchat__basic-transcript'), 5);
  await page.keyboard.press('Enter');
  await focused('the day', day);
  await day.fill('2026-12-24');
  const send = chat(page).locator('.ac-pushButton').last();
  await tabTo(page, 'Tab', send, 5);
  await page.keyboard.press('Enter');
  await answered('2026-12-24');
  assert.notEqual(await at(frameOf(page)), '', 'the keyboard is still somewhere');
  await end();
});

test('the keyboard is not lost when its button goes', async () => {
  const { page, end } = await arrive();
  await opened(page);
  await live(page, demo);
  const ask = chat(page).getByRole('button', { name: 'End chat' });
  await ask.focus();
  await page.keyboard.press('Enter');
  await focused('the way back', chat(page).getByRole('button', { name: 'Keep talking' }));
  await page.keyboard.press('Escape');
  await focused('the question', ask);
  assert.equal(await panel(page).isVisible(), true, 'Escape takes back the question first');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await strip(page, 'over').waitFor();
  await focused('the box', box(page));
  const dismiss = chat(page).getByRole('button', { name: 'Dismiss' });
  await dismiss.focus();
  await page.keyboard.press('Enter');
  await dismiss.waitFor({ state: 'hidden' });
  await focused('the box', box(page));
  await end();
});

test('what an agent says and what happens is announced, and once', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const heard = await listen(frameOf(page));
  const times = async (words: RegExp) => (await heard()).filter((one) => words.test(one)).length;
  const id = await live(page, demo);
  await demo.desk(`chats/${id}/write`, { text: 'Have you tried the other port?' });
  await said(page, 'the other port').waitFor();
  await eventually('it is announced', async () => (await times(/the other port/)) > 0);
  await eventually('who is there is announced', async () => (await times(/talking to/)) > 0);
  // Whatever comes later has been announced when this is.
  await demo.desk(`chats/${id}/write`, { text: 'That is all' });
  await eventually('the last is announced', async () => (await times(/That is all/)) > 0);
  assert.equal(await times(/the other port/), 1, JSON.stringify(await heard()));
  assert.equal(await times(/talking to/), 1, JSON.stringify(await heard()));
  await chat(page).getByRole('button', { name: 'End chat' }).click();
  await eventually('the question is announced', async () => (await times(/End this chat\?/)) === 1);
  await chat(page).getByRole('button', { name: 'Keep talking' }).click();
  await page.context().setOffline(true);
  await fetch(`${demo.origin}/demo/api/kill`, { method: 'POST' });
  await eventually('that the line is lost is announced', async () => (await times(/connection was lost/)) === 1);
  await page.context().setOffline(false);
  await eventually('its return is announced', async () => (await times(/Connected again/)) === 1);
  await end();
});

test('nothing in the chat or in Web Chat is out of a screen reader’s reach', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const id = await live(page, demo);
  await demo.desk(`chats/${id}/show`, { control: 'picker_list' });
  await chat(page).locator('.webchat__suggested-actions__button', { hasText: 'Laptop' }).waitFor();
  assert.deepEqual(await audit(page, ['iframe']), []);
  assert.deepEqual(await audit(frameOf(page)), []);
  await chat(page).getByRole('button', { name: 'More' }).click();
  assert.deepEqual(await audit(frameOf(page), ['.talk']), []);
  await chat(page).getByRole('menuitem', { name: 'Start a new conversation' }).click();
  assert.deepEqual(await audit(frameOf(page), ['.talk']), []);
  await end();
});

test('a chat that opens by itself on the next page leaves the keyboard where it is', async () => {
  const { page, end } = await arrive();
  await opened(page);
  await page.reload();
  await said(page, 'help desk').first().waitFor();
  await eventually('the box is there', () => box(page).isVisible());
  // Whatever is said now is said after the chat was shown.
  await page.getByRole('button', { name: 'Ask us' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'BODY');
  await page.keyboard.press('Tab');
  assert.notEqual(await page.evaluate(() => document.activeElement?.tagName), 'WARMLINE-CHAT', 'the page comes first');
  await end();
});
