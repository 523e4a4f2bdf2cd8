/**
 * Everything that an agent can show, as Web Chat draws it: a picture of each, to be looked at, and the
 * answers that Web Chat itself gives when somebody uses what it draws.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Gateway, somebody } from '../harness/gateway.ts';
import { eventually } from '../harness/waiting.ts';
import { Site } from '../harness/web-chat.ts';
import type { Chat } from '../harness/web-chat.ts';

let gateway: Gateway;
let site: Site;

before(async () => {
  [gateway, site] = await Promise.all([Gateway.start(), Site.start()]);
});
after(async () => {
  await site?.close();
  await gateway?.stop();
});

async function live(what: string): Promise<{ user: string; chat: Chat }> {
  const user = somebody(what);
  const chat = await site.visit(await gateway.ticket(user), gateway.origin);
  await chat.says('agent');
  await gateway.desk.accept(user);
  await chat.notice('connected');
  return { user, chat };
}

/** What the user sees, in short: it changes when something new is drawn. */
function drawn(chat: Chat): Promise<string> {
  return chat.page.locator('body').innerHTML();
}

/** What nobody sees, since there is nothing to see. */
const UNSEEN = new Set([
  'spinner',
  'chat_sub_header',
  'separator',
  'topic_finished',
  'switch_conversation',
  'unknown_action',
]);

/** Shows a control and waits until the page has drawn it. */
async function shows(user: string, chat: Chat, control: string): Promise<void> {
  const count = async () => (await chat.shown()).length;
  const before = await count();
  await gateway.desk.shows(user, control);
  if (UNSEEN.has(control)) return gateway.desk.settled();
  await eventually(`${control} is shown`, async () => (await count()) > before, () => drawn(chat));
  // Pictures come after their words.
  await chat.page.waitForLoadState('networkidle');
}

describe('what an agent shows', { concurrency: 2 }, () => {
  test('a picture of each control is kept, and no page breaks over one', async () => {
    const controls = await gateway.desk.controls();
    const next = controls.values();
    // Each has a chat of its own, and most of its time is waiting.
    const pictures = async () => {
      for (const control of next) {
        const { user, chat } = await live(control);
        await shows(user, chat, control);
        await chat.shoot(`vocabulary/${control}`);
        assert.equal(
          await chat.page.evaluate(() => (window as unknown as { hacked?: boolean }).hacked),
          undefined,
          'no script of an agent ran',
        );
        await chat.end();
      }
    };
    await Promise.all(Array.from({ length: 4 }, pictures));
  });

  test('a suggested action is answered with the value of its option', async () => {
    const { user, chat } = await live('press');
    await shows(user, chat, 'picker_list');
    await chat.page.locator('.webchat__suggested-actions__button', { hasText: 'Laptop' }).click();
    await gateway.desk.isAnswered(user, 'laptop');
    await chat.end();
  });

  test('several options are ticked in a card', async () => {
    const { user, chat } = await live('tick');
    await shows(user, chat, 'picker_multi');
    const boxes = chat.page.locator('.ac-choiceSetInput-multiSelect input[type=checkbox]');
    await boxes.first().check();
    await boxes.last().check();
    await chat.page.locator('.ac-pushButton').first().click();
    await gateway.desk.isAnswered(user, 'phone,tablet');
    await chat.end();
  });

  test('a day and a time are chosen in a card', async () => {
    const { user, chat } = await live('date');
    await shows(user, chat, 'date_time');
    await chat.page.locator('input.ac-dateInput').fill('2026-03-04');
    await chat.page.locator('input.ac-timeInput').fill('09:30');
    await chat.page.locator('.ac-pushButton').first().click();
    await gateway.desk.isAnswered(user, '2026-03-04 09:30:00');
    await chat.end();
  });
});
