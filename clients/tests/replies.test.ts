/** A bot that cannot reach Warmline answers with its answer (`expectReplies`); the same bots as ever. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Bot, SDKS } from '../harness/bots.ts';
import type { Sdk } from '../harness/bots.ts';
import { Client } from '../harness/direct-line.ts';
import { Gateway, somebody } from '../harness/gateway.ts';
import { assertNoDoubles } from '../harness/said.ts';

describe('with expectReplies', { concurrency: 3 }, () => {
  for (const sdk of Object.keys(SDKS) as Sdk[]) {
    test(`${sdk}: greeting, echo, a card, a handoff and the way back`, async () => {
      const bot = await Bot.start(sdk);
      const gateway = await Gateway.start({
        BOT_ENDPOINT: bot.endpoint,
        WARMLINE_BOT_DELIVERY: 'expectReplies',
      });
      const user = somebody('replies');
      const ticket = await gateway.ticket(user);
      const client = new Client({ user, ticket, origin: gateway.origin, webSocket: true });
      try {
        await client.says('Hello');
        await client.shows('Welcome, I am a bot.');
        await client.shows('You said: Hello');
        await client.says('choices');
        const choice = await client.shows('Which one?');
        assert.deepEqual(choice.suggestedActions?.actions.map(({ value }) => value), ['Red', 'Blue']);
        await client.says('', { value: { size: 'small', number: 7 } });
        await client.shows('Submitted: small 7');
        await client.says('human');
        await gateway.desk.accept(user);
        await client.notice('connected');
        await gateway.desk.says(user, 'Hello, Dana here');
        await client.shows('Dana: Hello, Dana here');
        await gateway.desk.ends(user);
        await client.shows(/^Handoff completed, agent_ended, by Dana/);
        await client.says('Bye for now');
        await client.shows('You said: Bye for now');
        assertNoDoubles(client.shown);
        await client.showsInOrder([
          'You said: Hello', 'Which one?', 'Submitted: small 7', 'Let me find somebody',
          'Dana: Hello, Dana here', 'You said: Bye for now',
        ]);
      } finally {
        client.end();
        await gateway.stop();
        await bot.stop();
      }
    });
  }
});
