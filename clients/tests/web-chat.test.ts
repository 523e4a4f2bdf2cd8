/** Web Chat in Chromium against the real binary, through a network that breaks. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Gateway, somebody } from '../harness/gateway.ts';
import { Proxy } from '../harness/proxy.ts';
import { assertInOrder, assertNoDoubles } from '../harness/said.ts';
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

/** A page in a live chat with an agent, behind a network of its own. */
async function live(what: string): Promise<{ user: string; chat: Chat; proxy: Proxy }> {
  const proxy = await Proxy.start(() => gateway.port);
  const user = somebody(what);
  const chat = await site.visit(await gateway.ticket(user), proxy.origin);
  await chat.says('agent');
  await gateway.desk.accept(user);
  await chat.notice('connected');
  return { user, chat, proxy };
}

/** What the page has is what is seen, and nothing of it twice. */
async function assertWhole(chat: Chat, expected: readonly string[]): Promise<void> {
  const shown = await chat.shown();
  assertNoDoubles(shown);
  assertInOrder(shown, expected);
  const seen = await chat.seen();
  assert.deepEqual(seen.filter((text) => expected.includes(text)), expected, 'and so it is seen');
}

// Each has a user and a network of its own, and mostly waits.
describe('Web Chat', { concurrency: 3 }, () => {
  test('the bot greets, answers, and what the user says counts as sent', async () => {
    const user = somebody('page');
    const chat = await site.visit(await gateway.ticket(user), gateway.origin);
    await chat.shows(/^Hello! I am the help desk/);
    await chat.says('the toner is empty');
    await chat.shows(/^Printers:/);
    await chat.says('my screen stays black');
    await chat.shows(/^I do not know that one/);
    await chat.shoot('bot');
    await assertWhole(chat, ['the toner is empty', 'my screen stays black']);
    const mine = (await chat.shown()).filter(({ role }) => role === 'user');
    assert.equal(mine.length, 2);
    await chat.end();
  });

  test('a live chat: words both ways, typing, and the bot again', async () => {
    const { user, chat, proxy } = await live('live');
    await chat.says('My pay slip is wrong');
    await gateway.desk.reads(user, 'My pay slip is wrong');
    await gateway.desk.types(user);
    await chat.page.locator('[class*="typing"]').first().waitFor();
    await gateway.desk.says(user, 'Let me *look* at it_');
    await chat.shows('Dana: Let me *look* at it_');
    await chat.shoot('live');
    await gateway.desk.ends(user);
    await chat.notice('ended');
    await chat.says('vpn');
    await chat.shows(/^For the VPN/);
    await assertWhole(chat, ['My pay slip is wrong', 'Dana: Let me *look* at it_', 'vpn']);
    await chat.end();
    await proxy.stop();
  });

  for (const break_ of ['reset', 'cut'] as const) {
    test(`the connection is ${break_} in a live chat: it goes on by itself, with what was missed`, async () => {
      const { user, chat, proxy } = await live(break_);
      await gateway.desk.says(user, 'Before');
      await chat.shows('Dana: Before');
      proxy[break_]();
      await gateway.desk.says(user, 'Meanwhile');
      await gateway.desk.settled();
      assert.equal(await chat.bubble('Dana: Meanwhile').count(), 0, 'the line is dead');
      await chat.shows('Dana: Meanwhile');
      await chat.says('I am here again');
      await gateway.desk.reads(user, 'I am here again');
      await assertWhole(chat, ['Dana: Before', 'Dana: Meanwhile', 'I am here again']);
      assert.deepEqual(await chat.statuses(), [0, 1, 2], 'the user is never told that it is over');
      await chat.end();
      await proxy.stop();
    });
  }

  test('the connection stalls for a while: nothing is lost in either direction', async () => {
    const { user, chat, proxy } = await live('stall');
    proxy.stall();
    await chat.types('Said into a stalled line');
    for (const word of ['one', 'two', 'three']) await gateway.desk.says(user, `Stalled ${word}`);
    await gateway.desk.settled();
    // Less than the twenty seconds after which the page gives a message up.
    await chat.page.clock.runFor(10_000);
    assert.equal(await chat.bubble('Dana: Stalled').count(), 0);
    proxy.heal();
    await chat.sent('Said into a stalled line');
    await gateway.desk.reads(user, 'Said into a stalled line');
    await chat.shows('Dana: Stalled three');
    const expected = ['Dana: Stalled one', 'Dana: Stalled two', 'Dana: Stalled three'];
    await assertWhole(chat, expected);
    assert.deepEqual((await gateway.desk.linesOf(user)).filter((line) => line.startsWith('Said')), [
      'Said into a stalled line',
    ]);
    await chat.end();
    await proxy.stop();
  });

  test('offline for minutes: the page keeps trying, renews its token and shows what it missed', async () => {
    const { user, chat, proxy } = await live('offline');
    proxy.away();
    await gateway.desk.says(user, 'Are you there?');
    const before = chat.requests.length;
    // Twelve minutes, in which the page tries every twenty seconds.
    for (let times = 0; times < 36; times += 1) await chat.page.clock.runFor(20_000);
    await eventually('it has tried again and again', () => chat.requests.length - before > 20, () =>
      chat.requests.slice(before));
    await gateway.desk.says(user, 'Hello?');
    await gateway.desk.settled();
    proxy.heal();
    await chat.page.clock.runFor(25_000);
    await chat.shows('Dana: Hello?');
    await chat.says('My train was in a tunnel');
    await gateway.desk.reads(user, 'My train was in a tunnel');
    await assertWhole(chat, ['Dana: Are you there?', 'Dana: Hello?', 'My train was in a tunnel']);
    assert.deepEqual(await chat.statuses(), [0, 1, 2]);
    await chat.shoot('offline');
    await chat.end();
    await proxy.stop();
  });

  test('the token is renewed again and again, and the chat goes on with the newest', async () => {
    const { user, chat, proxy } = await live('refresh');
    const tokens = new Set([await chat.token()]);
    for (let times = 1; times <= 4; times += 1) {
      await chat.page.clock.runFor(15 * 60_000);
      await eventually(`token ${times} is another`, async () => !tokens.has(await chat.token()));
      tokens.add(await chat.token());
    }
    assert.ok(chat.requests.filter((request) => request.endsWith('/tokens/refresh')).length >= 4);
    await chat.says('After an hour');
    await gateway.desk.reads(user, 'After an hour');
    proxy.reset();
    await gateway.desk.says(user, 'Still here');
    await chat.shows('Dana: Still here');
    assert.deepEqual(await chat.statuses(), [0, 1, 2]);
    await chat.end();
    await proxy.stop();
  });

  test('two tabs with one token show the same, whoever speaks', async () => {
    const user = somebody('tabs');
    const ticket = await gateway.ticket(user);
    const first = await site.visit(ticket, gateway.origin);
    await first.says('headset');
    await first.shows(/^You can order equipment/);
    const second = await site.another(first, ticket, gateway.origin);
    await second.says('agent');
    await gateway.desk.accept(user);
    await first.notice('connected');
    await first.says('From the first tab');
    await second.shows('From the first tab');
    await second.says('From the second tab');
    await first.shows('From the second tab');
    await gateway.desk.says(user, 'To both');
    for (const tab of [first, second]) await tab.shows('Dana: To both');
    const expected = ['headset', 'From the first tab', 'From the second tab', 'Dana: To both'];
    await assertWhole(first, expected);
    await assertWhole(second, expected.slice(1));
    await first.end();
    assert.deepEqual(second.errors, []);
  });

  test('a page that is reloaded in a live chat shows all of it, and goes on', async () => {
    const { user, chat, proxy } = await live('reload');
    await chat.says('Before the reload');
    await gateway.desk.says(user, 'I see');
    await chat.shows('Dana: I see');
    const before = await chat.shown();
    await chat.page.reload();
    await chat.shows('Dana: I see');
    assert.deepEqual(await chat.shown(), before);
    await chat.says('After the reload');
    await gateway.desk.reads(user, 'After the reload');
    await assertWhole(chat, ['Before the reload', 'Dana: I see', 'After the reload']);
    await chat.end();
    await proxy.stop();
  });
});
