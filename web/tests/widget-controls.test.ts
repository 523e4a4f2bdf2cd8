/** Everything that a desk can show, in the widget: a picture of each, and no letters too faint to read. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

import { audit, eventually, openBrowser, overflows, shoot, visit } from './browser.ts';
import { chat, frameOf, live, opened, strip } from './bubbles.ts';
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

/** What nobody sees, since there is nothing to see. */
const UNSEEN: readonly string[] = [
  'spinner', 'chat_sub_header', 'separator', 'topic_finished', 'switch_conversation', 'unknown_action',
];

/** What waits for an answer. */
const ASKS = /^(table|multi_part|.*picker.*|boolean.*|date.*|time|input_.*|file_upload|picture|custom_control)$/;

const LOOKS: Readonly<Record<string, BrowserContextOptions>> = {
  light: { colorScheme: 'light' },
  'phone, dark': { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: 'dark' },
};

/** The newest that is shown: what is drawn for it changes it. */
const newest = (page: Page) =>
  frameOf(page).evaluate(() => {
    const all = document.querySelectorAll('.webchat__basic-transcript__activity, .webchat__suggested-actions');
    return [...all].slice(-3).map((one) => one.outerHTML).join('');
  });

for (const [look, options] of Object.entries(LOOKS)) {
  test(`a picture of each control is kept, and all of it can be read: ${look}`, async () => {
    const { page, end } = await visit(browser, `${demo.origin}/site`, { viewport: { width: 1000, height: 820 }, ...options });
    await opened(page);
    let id = await live(page, demo);
    const controls = (await demo.desk('controls', {}, 'GET')) as { name: string }[];
    for (const { name } of controls) {
      if (UNSEEN.includes(name)) continue;
      const before = await newest(page);
      await demo.desk(`chats/${id}/show`, { control: name });
      await eventually(`${name} is shown`, async () => (await newest(page)) !== before);
      await eventually('its pictures are there', () =>
        frameOf(page).evaluate(() => [...document.images].every(({ complete }) => complete)),
      );
      await eventually(`${name} is scrolled to`, () =>
        frameOf(page).evaluate(() => {
          const { scrollTop, clientHeight, scrollHeight } = document.querySelector('.webchat__basic-transcript__scrollable') ?? document.body;
          return scrollTop + clientHeight >= scrollHeight - 1;
        }),
      );
      await shoot(page, `widget-controls/${look.replace(', ', '-')}/${name}`);
      const wide = await frameOf(page).evaluate(() => {
        const { scrollWidth, clientWidth } = document.querySelector('.webchat__basic-transcript__scrollable') ?? document.body;
        return scrollWidth > clientWidth;
      });
      assert.equal(wide, false, `${name} is wider than the chat`);
      const faint = await audit(frameOf(page), [], ['color-contrast']);
      assert.deepEqual(faint, [], name);
      if (!ASKS.test(name)) continue;
      // A desk that has asked something shows nothing else before it is answered.
      await demo.desk(`chats/${id}/end`);
      await strip(page, 'over').waitFor();
      id = await live(page, demo);
    }
    assert.equal(await overflows(page), false);
    assert.equal(await frameOf(page).evaluate(() => 'hacked' in window), false, 'no script of an agent ran');
    await chat(page).getByRole('button', { name: 'Close chat' }).click();
    await end();
  });
}
