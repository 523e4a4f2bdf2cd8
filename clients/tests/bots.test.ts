/**
 * Bots that know nothing of Warmline, each with another SDK, behind the real binary: the same scenarios
 * for all of them, as a user of Web Chat and of Microsoft's Direct Line library has them.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Bot, SDKS } from '../harness/bots.ts';
import type { Sdk } from '../harness/bots.ts';
import { Client } from '../harness/direct-line.ts';
import { Gateway, somebody } from '../harness/gateway.ts';
import { assertInOrder, assertNoDoubles } from '../harness/said.ts';
import { eventually } from '../harness/waiting.ts';
import { Site } from '../harness/web-chat.ts';

/** What shortens the time that a bot has, so that a slow one can be played. */
const TURN_WITHIN = '[tenants.default.bots.default]\nturn_within = "1s"\nbot_within = "1min"\n';

let site: Site;

before(async () => {
  site = await Site.start();
});
after(() => site?.close());

describe('behind Warmline', { concurrency: 3 }, () => {
  for (const sdk of Object.keys(SDKS) as Sdk[]) {
    describe(sdk, { concurrency: 1 }, () => {
      let bot: Bot;
      let gateway: Gateway;

      before(async () => {
        bot = await Bot.start(sdk);
        gateway = await Gateway.start({ BOT_ENDPOINT: bot.endpoint }, TURN_WITHIN);
      });
      after(async () => {
        await gateway?.stop();
        await bot?.stop();
      });

      const open = async (what: string) => {
        const user = somebody(what);
        const ticket = await gateway.ticket(user);
        return { user, client: new Client({ user, ticket, origin: gateway.origin, webSocket: true }) };
      };

      test('in Web Chat: greeting, echo, suggested actions, a card, an update and a deletion', async () => {
        const chat = await site.visit(await gateway.ticket(somebody('page')), gateway.origin);
        await chat.shows('Welcome, I am a bot.');
        await chat.says('Good morning');
        await chat.shows('You said: Good morning');

        await chat.says('choices');
        await chat.page.locator('.webchat__suggested-actions__button', { hasText: 'Blue' }).click();
        await chat.sent('Blue');
        await chat.shows('You said: Blue');

        await chat.says('card');
        await chat.page.getByText('Which size?').waitFor();
        await chat.shoot(`card-${sdk.replaceAll(/\W+/g, '-')}`);
        await chat.page.locator('.ac-pushButton', { hasText: 'Order it' }).click();
        await chat.shows('Submitted: large 42');

        await chat.says('update me');
        await chat.shows('Done with it');
        assert.equal(await chat.bubble('Working on it').count(), 0, 'the old words are gone');

        await chat.says('delete me');
        await chat.shows('Forgotten');
        assert.equal(await chat.bubble('Forget this').count(), 0, 'what was deleted is not seen');

        assertNoDoubles(await chat.shown());
        assertInOrder(await chat.shown(), [
          'Welcome, I am a bot.', 'Good morning', 'You said: Good morning', 'choices', 'Which one?', 'Blue',
          'You said: Blue', 'card', 'Submitted: large 42', 'update me', 'Done with it', 'delete me',
          'Forgotten',
        ]);
        await chat.shoot(`bot-${sdk.replaceAll(/\W+/g, '-')}`);
        await chat.end();
      });

      test('in Web Chat: the bot hands over to an agent, and has the user again afterwards', async () => {
        const user = somebody('handoff-page');
        const chat = await site.visit(await gateway.ticket(user), gateway.origin);
        await chat.says('My bill is wrong');
        await chat.shows('You said: My bill is wrong');
        await chat.says('human');
        await chat.shows('Let me find somebody');
        const desk = await gateway.desk.accept(user);
        assert.deepEqual(
          [desk.context['topic'], String(desk.context['priority'])],
          ['billing', '2'],
          'the agent sees what the bot gave along',
        );
        const history = desk.lines.map(({ text }) => text).join('\n');
        assert.match(history, /My bill is wrong/, 'the agent reads what was said to the bot');
        await chat.shows(/^Handoff accepted, well, by/);

        await chat.says('Are you a person?');
        await gateway.desk.reads(user, 'Are you a person?');
        await gateway.desk.says(user, 'I am');
        await chat.shows('Dana: I am');
        await bot.speaksUp('Your order has arrived');
        await chat.shows('Your order has arrived');
        assert.ok(!(await bot.heard()).includes('Are you a person?'), 'the bot hears nothing of the chat');

        await gateway.desk.ends(user);
        await chat.notice('ended');
        await chat.shows(/^Handoff completed, agent_ended, by Dana: .*Are you a person\? \/ .*I am/);
        await chat.says('Good evening');
        await chat.shows('You said: Good evening');
        assert.ok(!(await gateway.desk.linesOf(user)).includes('Good evening'), 'the desk hears no more');
        assertNoDoubles(await chat.shown());
        await chat.shoot(`handoff-${sdk.replaceAll(/\W+/g, '-')}`);
        await chat.end();
      });

      test('nothing that it sends to ask for a person is shown to the user', async () => {
        const { user, client } = await open('quiet');
        await client.says('human');
        await gateway.desk.accept(user);
        await client.notice('connected');
        const initiate = client.received.filter((one) => one.type === 'event' && one.name === 'handoff.initiate');
        assert.deepEqual(initiate, []);
        await gateway.desk.ends(user);
        await client.notice('ended');
        client.end();
      });

      test('the roster has the user, under the id by which the bot knows them', async () => {
        const { client } = await open('roster');
        await client.says('members');
        const answer = await client.shows(/^Members: \S+/);
        const asked = (await bot.seen()).findLast(({ text }) => text === 'members') as unknown as {
          from: { id: string };
        };
        assert.ok(answer.text?.includes(asked.from.id), `${answer.text} has ${asked.from.id}`);
        client.end();
      });

      test('what a client adds reaches the bot; what a strict SDK refuses does not', async () => {
        const { client } = await open('lossless');
        const entities = [{ type: 'https://example.org/mood', mood: { value: 'calm', since: [1, 2.5] } }];
        const channelData = { clientActivityID: 'a1', ours: { deep: { er: true } } };
        await client.says('With more', { entities, channelData, locale: '', speak: null, summary: '' });
        await client.shows('You said: With more');
        const got = (await bot.seen()).findLast(({ text }) => text === 'With more') as unknown as {
          entities: unknown; channelData: unknown;
        };
        assert.deepEqual(got.entities, entities);
        assert.deepEqual(got.channelData, channelData);
        client.end();
      });

      test('words said quickly one after the other come to the bot, and back, in order', async () => {
        const { client } = await open('order');
        const words = Array.from({ length: 12 }, (_, number) => `word ${number}`);
        for (const word of words) await client.says(word);
        await client.shows('You said: word 11');
        assert.deepEqual((await bot.heard()).filter((text) => words.includes(text)), words);
        await client.showsInOrder(words);
        await client.showsInOrder(words.map((word) => `You said: ${word}`));
        assertNoDoubles(client.shown);
        client.end();
      });

      test('a slow bot: the user’s word counts as sent at once, and the answer comes when it comes', async () => {
        const { client } = await open('slow');
        await client.shows('Welcome, I am a bot.');
        await client.says('slow');
        await bot.hears('slow');
        await client.notice('bot_away');
        assert.ok(!client.texts.includes('Sorry to keep you waiting'));
        await bot.release();
        await client.shows('Sorry to keep you waiting');
        await client.says('And now?');
        await client.shows('You said: And now?');
        assert.equal((await bot.heard()).filter((text) => text === 'slow').length, 1, 'not asked again');
        assertNoDoubles(client.shown);
        client.end();
      });

      test('a bot that is down: the user is told, the phrases find a person, and it comes back', async () => {
        const { user, client } = await open('down');
        await client.says('Hello');
        await client.shows('You said: Hello');
        await bot.kill();
        await client.says('Is anybody there?');
        await client.notice('bot_away');
        await client.says('agent');
        await gateway.desk.accept(user);
        await client.notice('connected');
        await gateway.desk.says(user, 'Here I am');
        await client.shows('Dana: Here I am');
        await bot.restart();
        await gateway.desk.ends(user);
        await client.notice('ended');
        await client.says('Back again?');
        await client.shows('You said: Back again?');
        assertNoDoubles(client.shown);
        client.end();
      });

      test('in Web Chat: Warmline is killed while the bot works; nothing is missing, nothing doubled', async () => {
        const chat = await site.visit(await gateway.ticket(somebody('killed')), gateway.origin);
        await chat.shows('Welcome, I am a bot.');
        await chat.says('work');
        await chat.shows('I begin');
        await gateway.kill();
        await gateway.restart();
        await chat.says('Are you there?');
        await bot.release();
        await chat.shows('I have finished');
        await chat.shows('You said: Are you there?');
        const shown = await chat.shown();
        assertNoDoubles(shown);
        assertInOrder(shown, ['Welcome, I am a bot.', 'work', 'I begin']);
        assertInOrder(shown.filter(({ role }) => role === 'bot'), [
          'Welcome, I am a bot.', 'I begin', 'I have finished',
        ]);
        assertInOrder(shown, ['You said: Are you there?']);
        assert.equal((await bot.heard()).filter((text) => text === 'work').length, 1, 'not asked again');
        await chat.end();
      });

      test('killed before the bot has answered, Warmline asks again, under the same id', async () => {
        const { client } = await open('unanswered');
        await client.shows('Welcome, I am a bot.');
        await client.says('slow');
        await bot.hears('slow');
        await gateway.kill();
        await gateway.restart();
        const asked = async () => (await bot.seen()).filter(({ text }) => text === 'slow');
        const twice = await eventually('the bot is asked again', async () => {
          const found = await asked();
          return found.length > 1 && found;
        }, asked);
        assert.equal(new Set(twice.map(({ id }) => id)).size, 1, 'by which the bot can know it');
        await bot.release();
        await client.shows('Sorry to keep you waiting');
        assert.equal(client.texts.filter((text) => text === 'slow').length, 1, 'the user sees no repeat');
        client.end();
      });
    });
  }
});
