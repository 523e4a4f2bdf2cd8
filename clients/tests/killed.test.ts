/**
 * `kill -9` of the gateway with the real page open, in each phase of a conversation. After the restart
 * the page goes on by itself; what it shows and what the agent reads is what was said, once and in order.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Gateway, somebody } from '../harness/gateway.ts';
import { assertInOrder, assertNoDoubles } from '../harness/said.ts';
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

async function visit(what: string): Promise<{ user: string; chat: Chat }> {
  const user = somebody(what);
  return { user, chat: await site.visit(await gateway.ticket(user), gateway.origin) };
}

/** Killed without warning, and back; the page is not touched. */
async function killedAndBack(): Promise<void> {
  await gateway.kill();
  await gateway.restart();
}

/** The page never said that it is over, shows these words once each and in order, and nothing twice. */
async function assertWhole(chat: Chat, expected: readonly string[]): Promise<void> {
  const shown = await chat.shown();
  assertNoDoubles(shown);
  assertInOrder(shown, expected);
  const seen = await chat.seen();
  assert.deepEqual(seen.filter((text) => expected.includes(text)), expected, 'and so it is seen');
  assert.deepEqual(await chat.statuses(), [0, 1, 2]);
  const unsent = shown.filter(({ role, id }) => role === 'user' && id === '');
  assert.deepEqual(unsent, [], 'nothing of the user is left unsent');
}

test('killed before the first word', async () => {
  const { chat } = await visit('before');
  await chat.shows(/^Hello! I am the help desk/);
  await killedAndBack();
  await chat.says('vpn');
  await chat.shows(/^For the VPN/);
  assert.deepEqual((await chat.shown()).map(({ role }) => role), ['bot', 'user', 'bot']);
  await assertWhole(chat, ['vpn']);
  await chat.end();
});

test('killed while the bot answers: the word is answered once', async () => {
  const { chat } = await visit('answering');
  await chat.shows(/^Hello!/);
  // The moment at which the gateway has said that it has the word, and may have done nothing more.
  const taken = chat.posted('toner');
  await chat.types('toner');
  await taken;
  await killedAndBack();
  await chat.shows(/^Printers:/);
  await chat.sent('toner');
  await chat.says('vpn');
  await chat.shows(/^For the VPN/);
  assert.deepEqual((await chat.shown()).map(({ role }) => role), ['bot', 'user', 'bot', 'user', 'bot']);
  await assertWhole(chat, ['toner', 'vpn']);
  await chat.end();
});

test('killed while the user waits for an agent: the place in the queue is kept', async () => {
  const { user, chat } = await visit('waiting');
  await chat.says('My screen stays black');
  await chat.says('agent');
  await chat.notice('waiting');
  await chat.says('It is the one on the left');
  await killedAndBack();
  await gateway.desk.accept(user);
  await chat.notice('connected');
  await gateway.desk.reads(user, 'It is the one on the left');
  await gateway.desk.says(user, 'Which floor?');
  await chat.shows('Dana: Which floor?');
  await chat.says('The third');
  await gateway.desk.reads(user, 'The third');
  await assertWhole(chat, [
    'My screen stays black', 'agent', 'It is the one on the left', 'Dana: Which floor?', 'The third',
  ]);
  await chat.end();
});

test('killed in a live chat: what the agent says to the dead gateway is shown afterwards', async () => {
  const { user, chat } = await visit('live');
  await chat.says('agent');
  await gateway.desk.accept(user);
  await chat.notice('connected');
  await chat.says('One');
  await gateway.desk.reads(user, 'One');
  await gateway.desk.says(user, 'Two');
  await chat.shows('Dana: Two');
  await gateway.kill();
  for (const word of ['Three', 'Four']) await gateway.desk.says(user, word);
  await gateway.desk.settled();
  await gateway.restart();
  await chat.shows('Dana: Four');
  await chat.says('Five');
  await gateway.desk.reads(user, 'Five');
  await gateway.desk.says(user, 'Six');
  await chat.shows('Dana: Six');
  await assertWhole(chat, ['One', 'Dana: Two', 'Dana: Three', 'Dana: Four', 'Five', 'Dana: Six']);
  const lines = (await gateway.desk.linesOf(user)).filter((line) => ['One', 'Five'].includes(line));
  assert.deepEqual(lines, ['One', 'Five']);
  await chat.shoot('killed');
  await chat.end();
});

test('killed right after the agent ended the chat: the bot has the conversation, once told', async () => {
  const { user, chat } = await visit('ended');
  await chat.says('agent');
  await gateway.desk.accept(user);
  await chat.notice('connected');
  await chat.says('Thank you');
  await gateway.desk.reads(user, 'Thank you');
  await gateway.desk.ends(user);
  await chat.notice('ended');
  await killedAndBack();
  await chat.says('vpn');
  await chat.shows(/^For the VPN/);
  await assertWhole(chat, ['agent', 'Thank you', 'vpn']);
  assert.ok(!(await gateway.desk.linesOf(user)).includes('vpn'), 'the desk hears no more');
  const ended = (await chat.shown()).filter(({ text }) => /ended|over/i.test(text));
  assert.equal(ended.length, 1, JSON.stringify(ended));
  await chat.end();
});

test('a word to a dead gateway: the page says that it failed, and its Retry sends it, once', async () => {
  const { chat } = await visit('retry');
  await chat.shows(/^Hello!/);
  await gateway.kill();
  await chat.types('headset');
  // The page waits for twenty seconds before it gives a word up.
  await chat.page.clock.runFor(21_000);
  const retry = chat.page.getByRole('button', { name: 'Retry' });
  await retry.waitFor();
  await chat.shoot('retry');
  await gateway.restart();
  await retry.click();
  await chat.sent('headset');
  await chat.page.clock.runFor(25_000);
  await chat.shows(/^You can order equipment/);
  // Web Chat leaves the failed bubble where it is; what has an id of the service's is there once.
  const shown = await chat.shown();
  assertNoDoubles(shown.filter(({ id }) => id !== ''));
  assertInOrder(shown.filter(({ id }) => id !== ''), ['headset']);
  assert.equal(shown.filter(({ text }) => text.startsWith('You can order equipment')).length, 1);
  assert.deepEqual(await chat.statuses(), [0, 1, 2]);
  await chat.end();
});
