/** The widget on a site's page, played through the real binary in a real browser. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { Browser, BrowserContextOptions, Frame } from 'playwright-core';

import { audit, eventually, unreadable, openBrowser, overflows, shoot, visit } from './browser.ts';
import {
  badge, box, bubble, chat, deskChat, frameOf, live, notice, opened, panel, said, saved, says, strip,
} from './bubbles.ts';
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

const arrive = (options: BrowserContextOptions = {}) =>
  visit(browser, `${demo.origin}/site`, { viewport: { width: 1280, height: 820 }, ...options });

test('nothing of the chat is loaded before somebody opens it', async () => {
  const { page, end } = await arrive();
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.reload();
  await bubble(page).waitFor();
  assert.deepEqual(asked.filter((path) => path.startsWith('/widget/') || path === '/site/token'), []);
  await shoot(page, 'widget-closed');
  await opened(page);
  assert.ok(asked.some((path) => /^\/widget\/assets\/webchat-/.test(path)));
  await end();
});

test('a live chat in the widget: waiting, talking, and its end by the button', async () => {
  const { page, end } = await arrive();
  const refused: string[] = [];
  page.on('console', (line) => {
    if (/Content Security Policy|Trusted/i.test(line.text())) refused.push(line.text());
  });
  await opened(page);
  await shoot(page, 'widget-bot');
  await says(page, 'agent');
  await strip(page, 'waiting').waitFor();
  await chat(page).locator('.strip-estimate', { hasText: /\d+ Second/ }).waitFor();
  await chat(page).locator('.strip-clock', { hasText: /0:0\d/ }).waitFor();
  await shoot(page, 'widget-waiting');
  const id = await deskChat(demo);
  await demo.desk(`chats/${id}/accept`);
  await demo.desk(`chats/${id}/write`, { text: 'Good morning' });
  await said(page, 'Good morning').waitFor();
  await chat(page).locator('.name', { hasText: 'Dana' }).waitFor();
  await says(page, 'My screen stays black');
  await strip(page, 'live').waitFor();
  await shoot(page, 'widget-live');
  await chat(page).getByRole('button', { name: 'End chat' }).click();
  await strip(page, 'live').getByText('End this chat?').waitFor();
  await shoot(page, 'widget-sure');
  await chat(page).getByRole('button', { name: 'Keep talking' }).click();
  await chat(page).getByText('You are talking to Dana.').waitFor();
  await chat(page).getByRole('button', { name: 'End chat' }).click();
  await chat(page).getByRole('button', { name: 'End chat' }).click();
  await strip(page, 'over').waitFor();
  await notice(page, 'You ended the chat').waitFor();
  await shoot(page, 'widget-ended');
  const { chats } = (await demo.desk('state', {}, 'GET')) as { chats: { id: string; state: string }[] };
  assert.equal(chats.find((one) => one.id === id)?.state, 'ended');
  assert.equal(await chat(page).locator('.webchat__bubble--from-user', { hasText: 'end chat' }).count(), 0);
  assert.deepEqual(refused, [], 'the strictest content policy has nothing against the widget');
  await end();
});

test('a frame that stays away is looked into, also under the strictest content policy', async () => {
  const { page, end } = await arrive();
  const refused: string[] = [];
  page.on('console', (line) => {
    if (/Content Security Policy|TrustedScript/.test(line.text())) refused.push(line.text());
  });
  await page.route('**/widget/frame?*', (route) => route.abort());
  await bubble(page).click();
  // The gateway is there, so trying again would be no use.
  await page.locator('warmline-chat [role=alert]', { hasText: 'not available on this page' }).waitFor();
  assert.deepEqual(refused, []);
  await page.keyboard.press('Escape');
  await eventually('the panel is closed', async () => !(await panel(page).isVisible()));
  await eventually('the keyboard is on the bubble', () =>
    bubble(page).evaluate((one) => (one.getRootNode() as ShadowRoot).activeElement === one),
  );
  await end();
});

test('who waits can cancel by the button', async () => {
  const { page, end } = await arrive();
  await opened(page);
  await says(page, 'agent');
  await strip(page, 'waiting').getByRole('button', { name: 'Cancel' }).click();
  await chat(page).getByText('The request was cancelled.').first().waitFor();
  await end();
});

test('a live chat goes on after a reload and on the next page, and counts what was not seen', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const id = await live(page, demo);
  await bubble(page).click();
  await eventually('the panel is closed', async () => !(await panel(page).isVisible()));
  await demo.desk(`chats/${id}/write`, { text: 'Are you there?' });
  await badge(page).filter({ hasText: '1' }).waitFor();
  await page.locator('warmline-chat .peek', { hasText: 'Are you there?' }).waitFor();
  await shoot(page, 'widget-unread');
  await page.getByRole('link', { name: 'Help' }).click();
  await page.waitForURL(/\/site\/help$/);
  // Without being opened: a live chat is gone on with.
  await badge(page).filter({ hasText: '1' }).waitFor();
  await demo.desk(`chats/${id}/write`, { text: 'Hello?' });
  await badge(page).filter({ hasText: '2' }).waitFor();
  assert.equal(await bubble(page).getAttribute('aria-label'), 'Open chat, 2 new messages');
  await bubble(page).click();
  await said(page, 'Hello?').waitFor();
  assert.equal(await said(page, 'Hello?').count(), 1);
  await eventually('all is seen', async () => !(await badge(page).isVisible()));
  await page.reload();
  await said(page, 'Hello?').waitFor();
  assert.equal(await badge(page).isVisible(), false, 'what was open is open again, and seen');
  await strip(page, 'live').waitFor();
  await end();
});

test('tabs share the conversation and what was seen of it', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const id = await live(page, demo);
  const other = await page.context().newPage();
  await other.goto(`${demo.origin}/site/help`);
  await strip(other, 'live').waitFor({ state: 'attached' });
  if (await panel(other).isVisible()) await bubble(other).click();
  await page.bringToFront();
  await bubble(page).click();
  await demo.desk(`chats/${id}/write`, { text: 'In both of them' });
  for (const tab of [page, other]) await badge(tab).filter({ hasText: '1' }).waitFor();
  await bubble(page).click();
  await said(page, 'In both of them').waitFor();
  for (const tab of [page, other]) {
    await eventually('the badge is gone', async () => !(await badge(tab).isVisible()));
  }
  await end();
});

test('another visitor of the same browser does not see the conversation', async () => {
  const { page, end } = await arrive();
  await opened(page);
  await says(page, 'Something private');
  await said(page, 'Something private').first().waitFor();
  await page.context().clearCookies();
  await page.reload();
  await bubble(page).waitFor();
  if (!(await panel(page).isVisible())) await bubble(page).click();
  await said(page, 'help desk').first().waitFor();
  assert.equal(await said(page, 'Something private').count(), 0);
  await end();
});

test('a new conversation begins empty', async () => {
  const { page, end } = await arrive();
  await opened(page);
  await says(page, 'Of the first');
  await said(page, 'Of the first').first().waitFor();
  await chat(page).getByRole('button', { name: 'More' }).click();
  await shoot(page, 'widget-menu');
  await chat(page).getByRole('menuitem', { name: 'Start a new conversation' }).click();
  await chat(page).getByRole('button', { name: 'Start over' }).click();
  await eventually('the old words are gone', async () => (await said(page, 'Of the first').count()) === 0);
  await said(page, 'help desk').first().waitFor();
  await page.reload();
  await said(page, 'help desk').first().waitFor();
  assert.equal(await said(page, 'Of the first').count(), 0);
  await end();
});

test('the gateway is killed: the widget says so, and goes on', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const id = await live(page, demo);
  await fetch(`${demo.origin}/demo/api/kill`, { method: 'POST' });
  await chat(page).locator('.is', { hasText: 'Connection lost' }).waitFor();
  await chat(page).locator('.is', { hasText: 'Live chat' }).waitFor();
  await demo.desk(`chats/${id}/write`, { text: 'Still with you' });
  await said(page, 'Still with you').waitFor();
  await end();
});

test('what is written while the gateway is away is sent by itself, in order and once', async () => {
  const { page, end } = await arrive();
  await opened(page);
  const id = await live(page, demo);
  await page.context().setOffline(true);
  for (const words of ['First of the lost', 'Second of the lost']) await says(page, words);
  await fetch(`${demo.origin}/demo/api/kill`, { method: 'POST' });
  await chat(page).locator('.is', { hasText: /Connection lost|offline/ }).waitFor();
  await page.context().setOffline(false);
  const lines = async (): Promise<string[]> => {
    const { chats } = (await demo.desk('state', {}, 'GET')) as {
      chats: { id: string; lines: { from: string; text: string }[] }[];
    };
    const own = chats.find((one) => one.id === id)?.lines.filter(({ from }) => from === 'user') ?? [];
    return own.map(({ text }) => text).filter((text) => text.endsWith('of the lost'));
  };
  await eventually('the agent has both', async () => (await lines()).length >= 2);
  assert.deepEqual(await lines(), ['First of the lost', 'Second of the lost']);
  assert.equal(await chat(page).getByText('Send failed').count(), 0);
  await end();
});

test('cards can be read, in the light and in the dark, before and after they are answered', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page, end } = await arrive({ colorScheme });
    await opened(page);
    const id = await live(page, demo);
    await demo.desk(`chats/${id}/show`, { control: 'date_time' });
    const card = chat(page).locator('.ac-pushButton').first();
    await card.waitFor();
    assert.deepEqual(await unreadable(frameOf(page)), [], `${colorScheme}: asked`);
    await card.click();
    await chat(page).getByText('Please fill this in.').first().waitFor();
    assert.deepEqual(await unreadable(frameOf(page)), [], `${colorScheme}: missing`);
    await chat(page).locator('input.ac-dateInput').fill('2026-12-24');
    await chat(page).locator('input.ac-timeInput').fill('09:15');
    await card.click();
    await said(page, '2026-12-24 09:15').waitFor();
    assert.deepEqual(await unreadable(frameOf(page)), [], `${colorScheme}: answered`);
    await shoot(page, `widget-card-${colorScheme}`);
    await end();
    await demo.calm();
  }
});

test('Escape in the transcript goes back to the box and leaves the chat open', async () => {
  const { page, end } = await arrive();
  await opened(page);
  await chat(page).locator('.webchat__basic-transcript').focus();
  await page.keyboard.press('Escape');
  await eventually('the keyboard is in the box', () => box(page).evaluate((one) => one === document.activeElement));
  assert.equal(await panel(page).isVisible(), true);
  await page.keyboard.press('Escape');
  await eventually('the panel is closed', async () => !(await panel(page).isVisible()));
  await end();
});

test('everything can be done with the keyboard, and Escape gives it back', async () => {
  const { page, end } = await arrive();
  await bubble(page).waitFor();
  const ask = page.getByRole('button', { name: 'Ask us' });
  await ask.focus();
  await page.keyboard.press('Enter');
  await said(page, 'help desk').first().waitFor();
  await eventually('the keyboard is in the box', () =>
    box(page).evaluate((element) => element === document.activeElement),
  );
  await page.keyboard.type('Typed without a mouse');
  await page.keyboard.press('Enter');
  await said(page, 'Typed without a mouse').first().waitFor();
  await chat(page).getByRole('button', { name: 'More' }).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('ArrowDown');
  assert.equal(
    await chat(page).getByRole('menuitem', { name: 'Save conversation' }).evaluate((one) => one === document.activeElement),
    true,
  );
  await page.keyboard.press('Escape');
  assert.equal(await panel(page).isVisible(), true, 'the first Escape is for the menu');
  await page.keyboard.press('Escape');
  await eventually('the panel is closed', async () => !(await panel(page).isVisible()));
  assert.equal(await ask.evaluate((element) => element === document.activeElement), true);
  await end();
});

test('the conversation can be kept as a text', async () => {
  const { page, end } = await arrive();
  await opened(page);
  await says(page, 'the toner is empty');
  await said(page, 'the toner is empty').first().waitFor();
  assert.match(await saved(page), /You: the toner is empty\n/);
  await end();
});

test('what Warmline says is a quiet line, and is announced', async () => {
  const { page, end } = await arrive();
  await opened(page);
  await frameOf(page).evaluate(() => {
    const heard: string[] = [];
    Object.assign(window, { heard });
    const hear = (nodes: NodeList) => {
      for (const node of nodes) {
        const at = node instanceof Element ? node : node.parentElement;
        if (at?.closest('[aria-live="polite"], [aria-live="assertive"]')) heard.push(node.textContent ?? '');
      }
    };
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) hear(addedNodes);
    }).observe(document.body, { childList: true, subtree: true });
  });
  await live(page, demo);
  const line = notice(page, 'You are now talking').first();
  await line.waitFor();
  assert.equal(await line.evaluate((one) => getComputedStyle(one).textAlign), 'center');
  const words = (await line.textContent()) ?? '';
  assert.equal(await said(page, words).count(), 0, 'and no bubble');
  await eventually('a screen reader has heard it', () =>
    frameOf(page).evaluate(
      (text) => {
        const outside = (window as unknown as { heard: string[] }).heard;
        return outside.some((one) => one.includes(text));
      },
      words,
    ),
  );
  await end();
});

test('the widget is readable in the dark, in German, and still where motion is not wanted', async () => {
  const { page, end } = await arrive({ colorScheme: 'dark', reducedMotion: 'reduce', locale: 'de-DE' });
  // The widget speaks the language of the page that it is on.
  await page.addInitScript(() => {
    const speak = () => document.documentElement?.setAttribute('lang', 'de');
    new MutationObserver(speak).observe(document, { childList: true });
  });
  await page.reload();
  assert.equal(await bubble(page).getAttribute('aria-label'), 'Chat öffnen');
  await opened(page);
  await says(page, 'agent');
  await chat(page).getByText('Wir suchen jemanden für Sie').waitFor();
  await shoot(page, 'widget-german');
  await demo.desk(`chats/${await deskChat(demo)}/accept`);
  await strip(page, 'live').waitFor();
  await shoot(page, 'widget-dark');
  assert.deepEqual(await audit(page, ['iframe']), []);
  await end();
});

test('on a phone the chat takes the whole window, and the page rests', async () => {
  const { page, end } = await arrive({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
  await bubble(page).waitFor();
  await shoot(page, 'widget-phone-closed');
  await opened(page);
  const at = await panel(page).boundingBox();
  assert.deepEqual(at, { x: 0, y: 0, width: 390, height: 844 });
  assert.equal(await page.evaluate(() => document.querySelector('warmline-chat')?.shadowRoot?.querySelector('dialog')?.matches(':modal')), true);
  await live(page, demo);
  await shoot(page, 'widget-phone');
  assert.equal(await overflows(page), false);
  await chat(page).getByRole('button', { name: 'Close chat' }).click();
  await bubble(page).waitFor();
  await end();
});

test('the widget has no serious fault for a screen reader', async () => {
  const { page, end } = await arrive();
  await opened(page);
  await live(page, demo);
  assert.deepEqual(await audit(page, ['iframe']), []);
  assert.deepEqual(await audit(frameOf(page), ['.talk']), []);
  await end();
});

test('an accent of the site is read everywhere, with letters that can be read on it', async () => {
  const { page, end } = await arrive();
  await page.evaluate(() => {
    document.documentElement.style.setProperty('--warmline-accent', 'rgb(255, 210, 0)');
    (window as unknown as { Warmline: { repaint(): void; open(): void } }).Warmline.repaint();
    (window as unknown as { Warmline: { open(): void } }).Warmline.open();
  });
  await said(page, 'help desk').first().waitFor();
  const head = chat(page).locator('.head');
  const [ground, ink] = await head.evaluate((element) => {
    const { backgroundColor, color } = getComputedStyle(element);
    return [backgroundColor, color];
  });
  assert.deepEqual([ground, ink], ['rgb(255, 210, 0)', 'rgb(16, 19, 26)']);
  const id = await live(page, demo);
  for (const accent of ['rgb(255, 210, 0)', 'rgb(11, 110, 95)']) {
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme });
      await page.evaluate((colour) => {
        document.documentElement.style.setProperty('--warmline-accent', colour);
        (window as unknown as { Warmline: { repaint(): void } }).Warmline.repaint();
      }, accent);
      await demo.desk(`chats/${id}/show`, { control: 'date_time' });
      await chat(page).locator('.ac-pushButton').last().waitFor();
      await eventually(`letters in ${accent} can be read in the ${theme}`, async () => (await unreadable(frameOf(page))).length === 0);
    }
  }
  await end();
});

/** How the sign behind a link stands out from the bubble that it is in, as it is really painted: WCAG's contrast. */
const contrastOfSign = (frame: Frame): Promise<number> =>
  frame.evaluate(async () => {
    const sign = [...document.querySelectorAll('.webchat__render-markdown__external-link-icon')].at(-1);
    if (!sign) throw new Error('no link has a sign behind it');
    const address = /^url\("(.*)"\)$/s.exec(getComputedStyle(sign).backgroundImage)?.[1];
    if (address === undefined) throw new Error('the sign is no picture');
    const picture = new Image(64, 64);
    picture.src = address;
    await picture.decode();
    const canvas = new OffscreenCanvas(64, 64);
    const drawn = canvas.getContext('2d');
    if (!drawn) throw new Error('there is no canvas');
    drawn.drawImage(picture, 0, 0, 64, 64);
    const { data } = drawn.getImageData(0, 0, 64, 64);
    const full = [...Array(64 * 64).keys()].find((at) => data[at * 4 + 3] === 255);
    if (full === undefined) throw new Error('the sign is empty');
    const ink = [...data.slice(full * 4, full * 4 + 3)];
    let around: Element | null = sign;
    const groundOf = (element: Element) => getComputedStyle(element).backgroundColor;
    while (around && groundOf(around) === 'rgba(0, 0, 0, 0)' || around === sign) around = around.parentElement;
    if (!around) throw new Error('the sign is on nothing');
    const ground = (groundOf(around).match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
    const luminance = (parts: readonly number[]) => {
      const [red = 0, green = 0, blue = 0] = parts
        .map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const [one, other] = [luminance(ink), luminance(ground)];
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  });

/** What WCAG asks of signs (1.4.11). */
const SIGNS_CONTRAST_MIN = 3;

test('the sign behind a link is seen, in the light and in the dark', async () => {
  const { page, end } = await arrive({ colorScheme: 'dark' });
  await opened(page);
  const id = await live(page, demo);
  await demo.desk(`chats/${id}/show`, { control: 'html' });
  await chat(page).locator('.webchat__render-markdown__external-link-icon').waitFor();
  for (const colorScheme of ['dark', 'light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const scheme = () => frameOf(page).evaluate(() => document.documentElement.style.colorScheme);
    await eventually('the frame knows', async () => (await scheme()) === colorScheme);
    const contrast = await contrastOfSign(frameOf(page));
    assert.ok(contrast >= SIGNS_CONTRAST_MIN, `${contrast.toFixed(2)} in the ${colorScheme}`);
    await shoot(page, `widget-link-${colorScheme}`);
  }
  await end();
});
