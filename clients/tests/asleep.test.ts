/** Pages that were away for hours, and pages that are not the site's own; in Web Chat, as people meet it. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Gateway, somebody } from '../harness/gateway.ts';
import { MovedClock } from '../harness/moved-clock.ts';
import { Proxy } from '../harness/proxy.ts';
import { assertInOrder, assertNoDoubles } from '../harness/said.ts';
import { Site } from '../harness/web-chat.ts';

const HOURS = 60 * 60_000;

let site: Site;

before(async () => {
  site = await Site.start();
});
after(() => site?.close());

test('a laptop sleeps for two hours: its token is dead, and the conversation goes on by itself', async () => {
  const clock = new MovedClock();
  const gateway = await Gateway.start(clock.environment);
  const proxy = await Proxy.start(() => gateway.port);
  const chat = await site.visit(await gateway.ticket(somebody('laptop')), proxy.origin);
  await chat.says('the toner is empty');
  await chat.shows(/^Printers:/);
  // The lid is closed: no timer runs, the network is gone. Two hours later it is opened.
  proxy.away();
  clock.set(2 * HOURS);
  await chat.page.clock.fastForward(2 * HOURS);
  proxy.heal();
  // The page looks every twenty seconds.
  await chat.page.clock.runFor(25_000);
  await chat.says('vpn');
  await chat.shows(/^For the VPN/);
  assertNoDoubles(await chat.shown());
  assertInOrder(await chat.shown(), ['the toner is empty', 'vpn']);
  assert.deepEqual(await chat.statuses(), [0, 1, 2], 'never expired, never failed');
  await chat.shoot('laptop');
  await chat.end();
  await proxy.stop();
  await gateway.stop();
});

test('a page of the site may use Direct Line, a page of another may not', async () => {
  const gateway = await Gateway.start({ WARMLINE_TRUSTED_ORIGINS: site.origin });
  const chat = await site.visit(await gateway.ticket(somebody('trusted')), gateway.origin);
  await chat.says('vpn');
  await chat.shows(/^For the VPN/);
  await chat.end();
  await gateway.stop();

  const strict = await Gateway.start({ WARMLINE_TRUSTED_ORIGINS: 'https://another.example' });
  const refused = await site.open(await strict.ticket(somebody('foreign')), strict.origin);
  // To a browser a service that does not know its page looks like one that cannot be reached.
  await refused.page.clock.runFor(20_000);
  await refused.slow();
  assert.deepEqual(await refused.shown(), []);
  await refused.page.context().close();
  await strict.stop();
});
