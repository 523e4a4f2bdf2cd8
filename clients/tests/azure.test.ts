/**
 * The stand-in for Azure, judged by Microsoft's code: an unchanged bot with botbuilder takes the tokens
 * that are right and none that is forged, and what it sends with tokens of its own is taken there.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Azure } from '../harness/azure.ts';
import type { Activity, Forgery } from '../harness/azure.ts';
import { Bot } from '../harness/bots.ts';

const BOT = { id: '44444444-4444-4444-8444-444444444444', secret: 'the-secret-of-the-teams-bot' };
const STRANGER = '33333333-3333-4333-8333-333333333333';

let azure: Azure;
let bot: Bot;

before(async () => {
  azure = await Azure.start(BOT);
  bot = await Bot.start('botbuilder', { ...azure.environment, ALLOWED_CALLER: STRANGER, ISSUER: 'none' });
  await azure.delivers(bot.endpoint);
});
after(async () => {
  await bot?.stop();
  await azure?.stop();
});

/** Posts an activity to the bot as anybody could. */
async function post(activity: Activity, token: string): Promise<number> {
  const answer = await fetch(bot.endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(activity),
  });
  await answer.arrayBuffer();
  return answer.status;
}

test('the bot takes what a user says in Teams, and its answer is taken by the Connector', async () => {
  const chat = await azure.chat('personal', 'Kim Example');
  const said = await azure.says(chat, 'Good morning');
  const answer = await azure.shows(chat, 'You said: Good morning');
  assert.equal(answer.appId, BOT.id, 'with a token of its own');
  assert.equal(answer.call, 'reply');
  assert.equal(answer.about, said['id']);
  assert.match(answer.path, /^\/amer\/v3\/conversations\/a%3A1/, 'the SDK encodes the id');
  const [grant] = await azure.grants();
  assert.deepEqual([grant?.appId, grant?.resource], [BOT.id, 'https://api.botframework.com']);
});

test('it updates and deletes what it sent, and reads who is there', async () => {
  const chat = await azure.chat('personal', 'Alex Example');
  await azure.says(chat, 'update me');
  const working = await azure.shows(chat, 'Working on it');
  const done = await azure.shows(chat, 'Done with it');
  assert.deepEqual([done.call, done.about], ['update', working.taken]);
  await azure.says(chat, 'delete me');
  await azure.shows(chat, 'Forgotten');
  const forgotten = await azure.shows(chat, 'Forget this');
  const gone = (await azure.received()).find(({ call }) => call === 'delete');
  assert.equal(gone?.about, forgotten.taken);
  await azure.says(chat, 'members');
  const roster = await azure.shows(chat, /^Members: /);
  assert.equal(roster.body?.text, `Members: ${chat.people[0]?.id}, paged 1`);
});

test('in a thread of a channel it answers in the thread', async () => {
  const chat = await azure.chat('channel', 'Kim Example', 'Alex Example');
  assert.match(chat.id, /^19:.*@thread\.tacv2;messageid=\d+$/);
  await azure.says(chat, 'Hello all');
  const answer = await azure.shows(chat, /^You said: .*Hello all/);
  assert.ok(!answer.path.includes(';'), `${answer.path} is encoded`);
});

test('it speaks up by itself, any time later', async () => {
  const chat = await azure.chat('personal', 'Sam Example');
  await azure.says(chat, 'Remember me');
  await azure.shows(chat, 'You said: Remember me');
  await bot.speaksUp('It is time');
  const told = await azure.shows(chat, 'It is time');
  assert.equal(told.outcome.answered, 201);
});

test('no forged token is taken, and what comes with it is not seen', async () => {
  const chat = await azure.chat('personal', 'Kim Example');
  const said = await azure.says(chat, 'Is this me?');
  const attempt = (text: string) => ({ ...said, id: `forged-${text}`, text });
  const now = Math.floor(Date.now() / 1000);
  assert.equal(await post(attempt('good'), await azure.token()), 200, 'a good one is taken');

  const forgeries: Readonly<Record<string, Forgery>> = {
    'another service': { claims: { serviceurl: 'https://smba.trafficmanager.net/amer/' } },
    'no service': { claims: { serviceurl: null } },
    'another audience': { appId: STRANGER },
    'another issuer': { claims: { iss: 'https://issuer.example.org' } },
    'over for six minutes': { claims: { exp: now - 360, nbf: now - 4000 } },
    'valid in six minutes': { claims: { nbf: now + 360 } },
    'an unknown key': { header: { kid: 'unknown' } },
    'no key': { header: { kid: null } },
    'the key of the login': { signature: 'other_key' },
    'the public key as a secret': { signature: 'confused' },
    'no signature': { signature: 'none' },
    'one bit': { signature: 'changed' },
    'a token of Entra for another app': { resource: STRANGER },
  };
  for (const [what, forgery] of Object.entries(forgeries)) {
    const status = await post(attempt(what), await azure.token(forgery));
    // What the SDK's token library throws at, the SDK answers with 500.
    assert.ok(status === 401 || status === 500, `${what}: ${status}`);
  }
  const unendorsed = { ...attempt('unendorsed'), channelId: 'unheard-of' };
  assert.equal(await post(unendorsed, await azure.token()), 401, 'a channel that the key is not for');
  const skewed = { claims: { exp: now - 240, nbf: now - 4000 } };
  assert.equal(await post(attempt('skewed'), await azure.token(skewed)), 200, 'four minutes are skew');

  const refused = [...Object.keys(forgeries), 'unendorsed'];
  const heard = (await bot.heard()).filter((text) => refused.includes(text));
  assert.deepEqual(heard, [], 'the bot has seen none of it');
});
