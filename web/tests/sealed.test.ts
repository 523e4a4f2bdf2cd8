/**
 * Messages sealed between browser and gateway: the widget against a gateway that requires it, with
 * everything that passes on the wire written down; and another client of the same format, against the
 * real binary.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import type { Browser, Page } from 'playwright-core';

import { eventually, openBrowser, shoot, visit } from './browser.ts';
import { bubble, chat, opened, said, says, strip } from './bubbles.ts';
import { freePort, startDemo } from './program.ts';
import type { Demo } from './program.ts';
import { startGateway, startSite } from './sites.ts';
import type { Gateway, Site } from './sites.ts';

const SECRET = 'a-direct-line-secret-of-a-site-0123456789';
const QUESTION = 'canary-kolibri-question';
const ANSWER = 'canary-kolibri-answer';

let demo: Demo;
let browser: Browser;
let offering: Gateway;
let site: Site;

before(async () => {
  offering = await startGateway();
  site = await startSite(await freePort(), offering.origin, 'data-token-url="/token"');
  // The demo's gateway has the environment of this process.
  process.env['WARMLINE_MESSAGE_ENCRYPTION'] = 'required';
  [demo, browser] = await Promise.all([startDemo(), openBrowser()]);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
  await site?.stop();
  await offering?.stop();
});

/** Writes down what passes between the browser and anybody. */
function taps(page: Page, passed: string[] = []): string[] {
  const note = (payload: string | Buffer) => passed.push(payload.toString());
  page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => note(payload));
    socket.on('framereceived', ({ payload }) => note(payload));
  });
  page.on('request', (request) => passed.push(`${request.url()} ${request.postData() ?? ''}`));
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.startsWith('/v3/')) response.text().then(note, () => {});
  });
  return passed;
}

test('a live chat with the widget where sealing is required, and no word of it on the wire', async () => {
  const { page, end } = await visit(browser, `${demo.origin}/site`, { viewport: { width: 1280, height: 820 } });
  const passed = taps(page);
  await opened(page);
  await chat(page).locator('.lock').waitFor();
  await says(page, 'agent');
  await strip(page, 'waiting').waitFor();
  const id = await eventually('the desk has a chat', async () => {
    const { chats } = (await demo.desk('state', {}, 'GET')) as { chats: { id: string; state: string }[] };
    return chats.find(({ state }) => state !== 'ended')?.id;
  });
  await demo.desk(`chats/${id}/accept`);
  await strip(page, 'live').waitFor();
  await says(page, QUESTION);
  await eventually('the desk has the question', async () =>
    JSON.stringify(await demo.desk('state', {}, 'GET')).includes(QUESTION),
  );
  await demo.desk(`chats/${id}/write`, { text: ANSWER });
  await said(page, ANSWER).waitFor();
  await shoot(page, 'widget-sealed');
  // Another tab reads with another key, and so does the same one after a reload.
  const other = await page.context().newPage();
  taps(other, passed);
  await other.goto(`${demo.origin}/site/help`);
  await said(other, QUESTION).waitFor({ state: 'attached' });
  await page.reload();
  await said(page, QUESTION).waitFor();
  await said(page, ANSWER).waitFor();
  await says(page, `${QUESTION} again`);
  await said(other, `${QUESTION} again`).waitFor({ state: 'attached' });
  assert.equal(await said(page, ANSWER).count(), 1);
  const streams = passed.filter((text) => text.includes('"activities":['));
  assert.ok(streams.length > 3, 'the streams were written down');
  assert.ok(passed.some((text) => text.includes('"sealed"') && text.includes('/activities')), 'and the posts');
  // Whose words they are, from the first to the last: the user's, the agent's, the bot's, and notices.
  for (const words of [QUESTION, ANSWER, 'help desk', 'Dana', '"text"']) {
    assert.deepEqual(passed.filter((text) => text.includes(words)), [], `nowhere: ${words}`);
  }
  await end();
});

test('the widget seals where it is only offered, and says so', async () => {
  const { page, end } = await visit(browser, site.origin, { viewport: { width: 1280, height: 820 } });
  const passed = taps(page);
  await bubble(page).click();
  await said(page, 'help desk').first().waitFor();
  await says(page, QUESTION);
  await said(page, QUESTION).waitFor();
  const lock = chat(page).locator('.lock');
  assert.match((await lock.getAttribute('aria-label')) ?? '', /encrypted/);
  assert.deepEqual(passed.filter((text) => text.includes(QUESTION)), []);
  await end();
});

test('a page whose keys are gone fetches the new ones once, and says all again by itself', async () => {
  const { page, end } = await visit(browser, site.origin, { viewport: { width: 1280, height: 820 } });
  const answers: number[] = [];
  const answered = (status: number) => answers.filter((one) => one === status).length;
  page.on('response', (response) => {
    if (response.request().method() === 'POST' && response.url().endsWith('/activities')) answers.push(response.status());
  });
  let fetched = 0;
  await page.route('**/.well-known/warmline-keys', async (route) => {
    fetched += 1;
    const answer = await route.fetch();
    const published = (await answer.json()) as { keys: { kid: string }[] };
    const [newest] = published.keys;
    if (fetched === 1 && newest) published.keys.unshift({ ...newest, kid: '00000000000000ff' });
    // That the user types is posted beside the words: both are refused before there are newer keys.
    if (fetched === 2) await eventually('both are refused', async () => answered(400) === 2);
    await route.fulfill({ json: published });
  });
  await opened(page);
  await says(page, QUESTION);
  await said(page, QUESTION).waitFor();
  await eventually('both are taken', async () => answered(200) === 2);
  assert.deepEqual([answered(400), fetched], [2, 2]);
  assert.equal(await said(page, QUESTION).count(), 1);
  await end();
});

for (const [how, blips] of [
  ['a blip while a new key is fetched loses no message', 1],
  ['where a key cannot be had for long the line is opened again from the start', 5],
] as const) {
  test(how, async () => {
    const { page, end } = await visit(browser, site.origin, { viewport: { width: 1280, height: 820 } });
    let fetched = 0;
    await page.route('**/.well-known/warmline-keys', async (route) => {
      fetched += 1;
      if (fetched > 1 && fetched <= 1 + blips) return route.abort();
      const answer = await route.fetch();
      const published = (await answer.json()) as { keys: { kid: string }[] };
      // The key with which the gateway vouches is one that the page has not heard of.
      if (fetched === 1) published.keys = published.keys.map((key) => ({ ...key, kid: '00000000000000ff' }));
      return route.fulfill({ json: published });
    });
    await bubble(page).click();
    await said(page, 'help desk').first().waitFor();
    await says(page, QUESTION);
    await said(page, QUESTION).waitFor();
    assert.equal(await said(page, QUESTION).count(), 1);
    assert.equal(fetched, 2 + blips);
    await end();
  });
}

test('an independent client of the format seals, and opens what it reads', async () => {
  const base = `${offering.origin}/v3/directline`;
  const post = async (path: string, credential: string, body: object) => {
    const headers = { authorization: `Bearer ${credential}`, 'content-type': 'application/json' };
    const answer = await fetch(`${base}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return (await answer.json()) as Record<string, string>;
  };
  const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  const published = (await (await fetch(`${offering.origin}/.well-known/warmline-keys`)).json()) as {
    now: string;
    keys: { kid: string; suite: object; publicKey: string }[];
  };
  const [key] = published.keys;
  assert.ok(key);
  const gateway = await suite.kem.deserializePublicKey(bytes(key.publicKey));
  const own = await suite.kem.generateKeyPair();
  const publicKey = Buffer.from(await suite.kem.serializePublicKey(own.publicKey)).toString('base64url');
  const granted = await post('tokens/generate', SECRET, { user: { id: 'dl_åsa' } });
  const conversation = granted['conversationId'] ?? '';
  await post('conversations', granted['token'] ?? '', {});
  const { token = '' } = await post(`conversations/${conversation}/reader`, granted['token'] ?? '', { suite: key.suite, publicKey });

  const info = utf8('warmline message 1 to gateway');
  const sender = await suite.createSenderContext({ recipientPublicKey: gateway, info });
  const bound = boundTo('warmline message 1 to gateway', conversation, 'dl_åsa', 'mine-1', published.now);
  const activity = { type: 'message', text: QUESTION, channelData: { clientActivityID: 'mine-1' } };
  const ct = Buffer.from(await sender.seal(utf8(JSON.stringify(activity)), bound)).toString('base64url');
  const sealed = { v: 1, kid: key.kid, enc: Buffer.from(sender.enc).toString('base64url'), at: published.now, ct };
  const envelope = { type: 'message', channelData: { clientActivityID: 'mine-1', warmline: { sealed } } };
  const posted = await post(`conversations/${conversation}/activities`, token, envelope);
  assert.ok(posted['id']?.startsWith(conversation), JSON.stringify(posted));

  const answer = await fetch(`${base}/conversations/${conversation}/activities`, { headers: { authorization: `Bearer ${token}` } });
  const read = await answer.text();
  assert.ok(!read.includes(QUESTION));
  const { activities } = JSON.parse(read) as {
    activities: { channelData: { warmline: { sealed: { enc: string; ct: string; kid: string; seq: number } } } }[];
  };
  const envelopes = activities.map(({ channelData }) => channelData.warmline.sealed);
  const [first] = envelopes;
  assert.ok(first);
  const recipient = await suite.createRecipientContext({
    recipientKey: own,
    enc: bytes(first.enc),
    senderPublicKey: gateway,
    info: utf8('warmline message 1 to reader'),
  });
  const texts: unknown[] = [];
  for (const [place, one] of envelopes.entries()) {
    assert.deepEqual([one.enc, one.kid, one.seq], [first.enc, key.kid, place]);
    const plain = await recipient.open(bytes(one.ct), boundTo('warmline message 1 to reader', conversation, 'dl_åsa'));
    texts.push((JSON.parse(Buffer.from(plain).toString()) as { text: unknown }).text);
  }
  assert.ok(texts.includes(QUESTION), JSON.stringify(texts));
});

function bytes(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, 'base64url')).buffer;
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text));
}

function boundTo(...parts: string[]): Uint8Array<ArrayBuffer> {
  const one = (part: string) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(Buffer.byteLength(part));
    return Buffer.concat([length, Buffer.from(part)]);
  };
  return Uint8Array.from(Buffer.concat(parts.map(one)));
}
