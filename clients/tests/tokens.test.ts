/**
 * A bot with tokens: botbuilder as a skill whose parent is Warmline, each with a registration of its own,
 * RS256 both ways. The SDK judges Warmline's tokens; Warmline must judge the bot's.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { generateKeyPair } from 'jose';

import { Bot } from '../harness/bots.ts';
import { Client } from '../harness/direct-line.ts';
import { Entra, TENANT } from '../harness/entra.ts';
import { Gateway, somebody } from '../harness/gateway.ts';
import { assertNoDoubles } from '../harness/said.ts';
import { Site } from '../harness/web-chat.ts';

const WARMLINE = { id: '11111111-1111-4111-8111-111111111111', secret: 'the-secret-of-warmline' };
const BOT = { id: '22222222-2222-4222-8222-222222222222', secret: 'the-secret-of-the-bot' };
const STRANGER = { id: '33333333-3333-4333-8333-333333333333', secret: 'the-secret-of-a-stranger' };

let entra: Entra;
let bot: Bot;
let gateway: Gateway;

before(async () => {
  entra = await Entra.start([WARMLINE, BOT, STRANGER]);
  bot = await Bot.start('botbuilder', {
    MicrosoftAppId: BOT.id,
    MicrosoftAppPassword: BOT.secret,
    MicrosoftAppTenantId: TENANT,
    ToChannelFromBotLoginUrl: entra.login,
    ToBotFromChannelOpenIdMetadataUrl: entra.metadata,
    ToBotFromEmulatorOpenIdMetadataUrl: entra.metadata,
    ALLOWED_CALLER: WARMLINE.id,
    ISSUER: entra.issuer,
  });
  gateway = await Gateway.start({
    BOT_ENDPOINT: bot.endpoint,
    BOT_APP_ID: BOT.id,
    MicrosoftAppId: WARMLINE.id,
    MicrosoftAppPassword: WARMLINE.secret,
    MicrosoftAppTenantId: TENANT,
    MicrosoftAppType: 'SingleTenant',
    ToChannelFromBotLoginUrl: entra.login,
    ToBotFromEmulatorOpenIdMetadataUrl: entra.metadata,
  });
});
after(async () => {
  await gateway?.stop();
  await bot?.stop();
  await entra?.stop();
});

const open = async (what: string) => {
  const user = somebody(what);
  const ticket = await gateway.ticket(user);
  return { user, client: new Client({ user, ticket, origin: gateway.origin, webSocket: true }) };
};

/** What the bot got last that says this. */
async function got(text: string): Promise<{ serviceUrl: string; conversation: { id: string }; id: string }> {
  const found = (await bot.seen()).findLast((one) => one.text === text);
  assert.ok(found, `the bot got ${text}`);
  return found as unknown as { serviceUrl: string; conversation: { id: string }; id: string };
}

test('the bot takes Warmline’s token, Warmline the bot’s; one token serves many messages', async () => {
  const { client } = await open('tokens');
  await client.shows('Welcome, I am a bot.');
  for (const word of ['one', 'two', 'three']) await client.says(word);
  await client.shows('You said: three');
  await client.showsInOrder(['You said: one', 'You said: two', 'You said: three']);
  assertNoDoubles(client.shown);
  const asked = entra.grants.filter((grant) => grant.client === WARMLINE.id);
  assert.deepEqual(asked, [{ client: WARMLINE.id, scope: `${BOT.id}/.default` }]);
  const back = entra.grants.filter((grant) => grant.client === BOT.id);
  assert.ok(back.length > 0, 'the bot asked for a token of its own');
  assert.deepEqual(new Set(back.map(({ scope }) => scope)), new Set([`${WARMLINE.id}/.default`]));
  client.end();
});

test('with tokens too, the bot hands over to an agent and has the user again', async () => {
  const { user, client } = await open('handoff');
  await client.says('human');
  await gateway.desk.accept(user);
  await client.notice('connected');
  await gateway.desk.says(user, 'Hello');
  await client.shows('Dana: Hello');
  await gateway.desk.ends(user);
  await client.shows(/^Handoff completed, agent_ended, by Dana/);
  await client.says('Thanks');
  await client.shows('You said: Thanks');
  client.end();
});

test('a picture that the bot brings with its SDK is opened by a page with nothing but its address', async () => {
  const site = await Site.start();
  const chat = await site.visit(await gateway.ticket(somebody('picture')), gateway.origin);
  await chat.says('picture');
  await chat.shows('A picture, 2 views');
  const picture = chat.page.locator('.webchat__bubble__content img, .webchat__imageAttachment img').first();
  await picture.waitFor();
  const [address, width] = await picture.evaluate(async (img: HTMLImageElement) => {
    await img.decode();
    return [img.src, img.naturalWidth] as const;
  });
  assert.ok(address.startsWith(`${gateway.origin}/files/`), address);
  assert.equal(width, 1, 'the picture itself');
  await chat.shoot('picture');
  await chat.end();
  await site.close();
});

test('what the bot calls is closed to everybody else, and nothing of theirs is shown', async () => {
  const { client } = await open('forged');
  await client.says('remember me');
  await client.shows('You said: remember me');
  const { serviceUrl, conversation, id } = await got('remember me');
  const address = `${serviceUrl.replace(/\/$/, '')}/v3/conversations/${conversation.id}/activities/${id}`;
  const forged = { type: 'message', text: 'Forged', from: { id: 'bot' } };
  const say = async (authorization?: string) => {
    const answer = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) },
      body: JSON.stringify(forged),
    });
    return answer.status;
  };
  const { privateKey } = await generateKeyPair('RS256');
  const minute = Math.floor(Date.now() / 1000) - 600;
  const table: [string, string | undefined][] = [
    ['nothing', undefined],
    ['another scheme', 'Basic Ym90OnNlY3JldA=='],
    ['no token', 'Bearer '],
    ['a stranger’s token', `Bearer ${await entra.mint(STRANGER, WARMLINE.id)}`],
    ['Warmline’s own', `Bearer ${await entra.mint(WARMLINE, BOT.id)}`],
    ['the bot’s for another audience', `Bearer ${await entra.mint(BOT, 'https://api.botframework.com')}`],
    ['another key', `Bearer ${await entra.mint(BOT, WARMLINE.id, {}, privateKey)}`],
    ['expired', `Bearer ${await entra.mint(BOT, WARMLINE.id, { nbf: minute, exp: minute + 60 })}`],
    ['another issuer', `Bearer ${await entra.mint(BOT, WARMLINE.id, { iss: 'https://evil.example/' })}`],
    ['another tenant', `Bearer ${await entra.mint(BOT, WARMLINE.id, {
      tid: '00000000-0000-4000-8000-000000000000',
      iss: 'https://login.microsoftonline.com/00000000-0000-4000-8000-000000000000/v2.0',
    })}`],
  ];
  for (const [what, authorization] of table) {
    const status = await say(authorization);
    assert.ok(status === 401 || status === 403, `${what}: ${status}`);
  }
  assert.equal(await say(`Bearer ${await entra.mint(BOT, WARMLINE.id)}`), 200, 'the right one opens');
  await client.shows('Forged');
  assert.equal(client.texts.filter((text) => text === 'Forged').length, 1);
  client.end();
});

test('a bot that does not know Warmline refuses it: the user is told, and the log says why', async () => {
  const { client } = await open('unknown');
  await client.says('Hello');
  await client.shows('You said: Hello');
  client.end();
  const other = await Gateway.start({
    BOT_ENDPOINT: bot.endpoint,
    BOT_APP_ID: BOT.id,
    MicrosoftAppId: STRANGER.id,
    MicrosoftAppPassword: STRANGER.secret,
    MicrosoftAppTenantId: TENANT,
    MicrosoftAppType: 'SingleTenant',
    ToChannelFromBotLoginUrl: entra.login,
    ToBotFromEmulatorOpenIdMetadataUrl: entra.metadata,
  }, '[tenants.default.bots.default]\nbot_within = "1s"\n');
  const user = somebody('refused');
  const refused = new Client({ user, ticket: await other.ticket(user), origin: other.origin, webSocket: true });
  await refused.says('Is this my bot?');
  await refused.notice('bot_away');
  assert.ok(!(await bot.heard()).includes('Is this my bot?'));
  refused.end();
  await other.stop();
});
