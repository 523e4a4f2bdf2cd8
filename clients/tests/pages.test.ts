/** Pages that come from somewhere, come back, and are asked who they are. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Client, Status } from '../harness/direct-line.ts';
import { Gateway, somebody } from '../harness/gateway.ts';
import { assertInOrder, assertNoDoubles } from '../harness/said.ts';
import { Site } from '../harness/web-chat.ts';

let trusted: Site;
let foreign: Site;
let gateway: Gateway;

before(async () => {
  [trusted, foreign] = await Promise.all([Site.start(), Site.start()]);
  gateway = await Gateway.start({ WARMLINE_TRUSTED_ORIGINS: `${trusted.origin}/` });
});
after(async () => {
  await trusted?.close();
  await foreign?.close();
  await gateway?.stop();
});

test('a page of a trusted origin chats; with the same token a page of another gets nothing', async () => {
  const ticket = await gateway.ticket(somebody('trusted'));
  const chat = await trusted.visit(ticket, gateway.origin);
  await chat.says('the toner is empty');
  await chat.shows(/^Printers:/);
  const elsewhere = await foreign.open(ticket, gateway.origin);
  await elsewhere.refused('/v3/directline/conversations');
  assert.ok(!(await elsewhere.statuses()).includes(Status.online));
  assert.deepEqual(await elsewhere.shown(), []);
  await chat.end();
  await elsewhere.end();
});

test('a page learns which browser it is: the same again, another elsewhere', async () => {
  const ticket = await gateway.ticket(somebody('browser'));
  const chat = await trusted.visit(ticket, gateway.origin);
  const id = await chat.sessionId();
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(await chat.sessionId(), id, 'by the cookie that the browser kept');
  const tab = await trusted.another(chat, ticket, gateway.origin);
  assert.equal(await tab.sessionId(), id, 'another tab is the same browser');
  const phone = await trusted.visit(ticket, gateway.origin);
  assert.notEqual(await phone.sessionId(), id, 'another browser is not');
  const seen = await chat.page.evaluate(() => document.cookie);
  assert.ok(!seen.includes('warmline'), 'no script reads the cookie');
  await phone.end();
  await chat.end();
});

test('a page that lost its token finds its conversation with another one', async () => {
  const user = somebody('again');
  const ticket = await gateway.ticket(user);
  const origin = gateway.origin;
  const before_ = new Client({ user, ticket, origin, webSocket: true });
  await before_.says('vpn');
  await before_.shows(/^For the VPN/);
  before_.end();
  const fresh = await gateway.ticketAgain(user, ticket.conversationId);
  assert.equal(fresh.conversationId, ticket.conversationId);
  assert.notEqual(fresh.token, ticket.token);
  const again = new Client({ user, ticket: fresh, origin, webSocket: true, resume: true });
  await again.shows(/^For the VPN/);
  await again.says('toner');
  await again.shows(/^Printers:/);
  assertInOrder(again.shown, ['vpn', 'toner']);
  assertNoDoubles(again.shown);
  await assert.rejects(gateway.ticketAgain(somebody('mallory'), ticket.conversationId), /403/);
  await assert.rejects(gateway.ticketAgain(user, 'c0ffee'), /404/);
  again.end();
});
