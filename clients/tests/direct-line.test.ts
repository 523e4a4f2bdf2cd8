/** Microsoft's Direct Line library in Node against the real binary: with a WebSocket, and polling. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client, Status } from '../harness/direct-line.ts';
import { Gateway, somebody } from '../harness/gateway.ts';
import { Proxy } from '../harness/proxy.ts';
import { assertNoDoubles } from '../harness/said.ts';
import { eventually } from '../harness/waiting.ts';

let gateway: Gateway;

before(async () => {
  gateway = await Gateway.start();
});
after(() => gateway?.stop());

const open = async (what: string, webSocket: boolean, origin = gateway.origin) => {
  const user = somebody(what);
  return { user, client: new Client({ user, ticket: await gateway.ticket(user), origin, webSocket }) };
};

for (const [name, webSocket] of [['WebSocket', true], ['polling', false]] as const) {
  describe(name, () => {
    test('a message gets an id, and comes back with it and with what the client added', async () => {
      const { user, client } = await open('echo', webSocket);
      const channelData = { clientActivityID: 'mine-1', other: { deep: [1, 'two', null] } };
      const id = await client.says('the toner is empty', { channelData });
      const echo = await client.shows('the toner is empty');
      assert.equal(echo.id, id);
      const { 'webchat:sequence-id': place, ...kept } = echo.channelData;
      assert.equal(typeof place, 'number', 'Web Chat sorts by it');
      assert.deepEqual(kept, channelData);
      assert.equal(echo.from.id, user);
      assert.equal(echo.from.role, 'user');
      const answer = await client.shows(/^Printers: pick the one/);
      assert.equal(answer.from.role, 'bot');
      await client.showsInOrder(['the toner is empty', answer.text ?? '']);
      assertNoDoubles(client.shown);
      client.end();
    });

    test('the first message is not lost although no stream is open yet', async () => {
      const { client } = await open('first', webSocket);
      await client.says('vpn');
      await client.shows(/^For the VPN/);
      await client.shows('vpn');
      client.end();
    });

    test('the user is handed over to an agent and back to the bot', async () => {
      const { user, client } = await open('handoff', webSocket);
      await client.says('my screen stays black');
      await client.shows(/^I do not know that one/);
      await client.says('agent');
      await gateway.desk.accept(user);
      await client.notice('connected');
      const words = ['one', 'two', 'three', 'four', 'five'];
      for (const word of words) await client.says(`user ${word}`);
      await gateway.desk.reads(user, 'user five');
      for (const word of words) await gateway.desk.says(user, `agent ${word}`);
      const last = await client.shows(/agent five$/);
      assert.equal(last.textFormat, 'plain', "an agent's words are no Markdown");
      assert.deepEqual(
        (await gateway.desk.linesOf(user)).filter((line) => line.startsWith('user ')),
        words.map((word) => `user ${word}`),
      );
      await client.showsInOrder([
        ...words.map((word) => `user ${word}`),
        ...words.map((word) => `Dana: agent ${word}`),
      ]);
      await gateway.desk.ends(user);
      await client.notice('ended');
      await client.says('payslip');
      await client.shows(/^Your pay slip is in/);
      assert.ok(!(await gateway.desk.linesOf(user)).includes('payslip'), 'the desk hears no more');
      assertNoDoubles(client.shown);
      client.end();
    });
  });
}

for (const break_ of ['cut', 'reset'] as const) {
  test(`a ${break_} in a live chat: what was said meanwhile is shown, once and in order`, async () => {
    const proxy = await Proxy.start(() => gateway.port);
    const { user, client } = await open(break_, true, proxy.origin);
    await client.says('agent');
    await gateway.desk.accept(user);
    await gateway.desk.says(user, 'before');
    await client.shows('Dana: before');
    const connections = proxy.accepted;
    proxy[break_]();
    await gateway.desk.says(user, 'meanwhile');
    await gateway.desk.settled();
    await client.shows('Dana: meanwhile');
    assert.ok(proxy.accepted > connections, 'over a new connection');
    await client.says('still here');
    await gateway.desk.reads(user, 'still here');
    await gateway.desk.says(user, 'after');
    await client.shows('Dana: after');
    await client.showsInOrder(['Dana: before', 'Dana: meanwhile', 'still here', 'Dana: after']);
    assertNoDoubles(client.shown);
    assert.deepEqual(client.statuses.slice(-1), [Status.online]);
    client.end();
    await proxy.stop();
  });
}

test('a second client with the same token sees everything from the start, then live', async () => {
  const user = somebody('two');
  const ticket = await gateway.ticket(user);
  const origin = gateway.origin;
  const first = new Client({ user, ticket, origin, webSocket: true });
  await first.says('headset');
  await first.shows(/^You can order equipment/);
  const second = new Client({ user, ticket, origin, webSocket: true, resume: true });
  await second.shows('headset');
  await second.says('keyboard');
  await first.shows('keyboard');
  await eventually('both show the same', () =>
    first.shown.length === second.shown.length, () => [first.texts, second.texts]);
  assert.deepEqual(first.shown, second.shown);
  first.end();
  second.end();
});

test('three hundred users at once: each gets their own answers, in order, nobody another’s', async () => {
  const users = 300;
  const words = ['vpn', 'toner', 'password'];
  const talk = async (number: number) => {
    const { client } = await open(`crowd${number}`, number % 2 === 0);
    for (const word of words) await client.says(`${word} ${number}`);
    const answers = [/^Hello!/, /^For the VPN/, /^Printers:/, /^To reset your password/];
    for (const answer of answers) await client.shows(answer);
    await client.showsInOrder(words.map((word) => `${word} ${number}`));
    assertNoDoubles(client.shown);
    const others = client.texts.filter((text) => / \d+$/.test(text) && !text.endsWith(` ${number}`));
    assert.deepEqual(others, []);
    assert.equal(client.shown.length, 7, 'a greeting, three questions and three answers');
    client.end();
  };
  await Promise.all(Array.from({ length: users }, (_, number) => talk(number)));
});
