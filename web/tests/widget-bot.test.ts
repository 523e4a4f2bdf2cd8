/** The widget with a bot of somebody's own behind the gateway. */

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';

import { openBrowser, visit } from './browser.ts';
import { bubble, chat, said, saved, says } from './bubbles.ts';
import { freePort } from './program.ts';
import { startGateway, startSite } from './sites.ts';
import type { Gateway, Site } from './sites.ts';

const KEY = 'shop-7b1d40c29e';

const CARD = {
  contentType: 'application/vnd.microsoft.card.adaptive',
  content: {
    type: 'AdaptiveCard', version: '1.3', fallbackText: 'It cannot be drawn.',
    body: [
      { type: 'TextBlock', text: 'Your order is on its way' },
      { type: 'ColumnSet', columns: [{ type: 'Column', items: [{ type: 'TextBlock', text: 'Two toners' }] }] },
      { type: 'FactSet', facts: [{ title: 'Arrives', value: 'on Friday' }] },
      { type: 'RichTextBlock', inlines: ['Paid ', { type: 'TextRun', text: 'in full' }] },
      { type: 'TextBlock', text: 'Nobody sees this', isVisible: false },
    ],
    actions: [{ type: 'Action.Submit', title: 'Track it' }],
  },
};

interface Told {
  readonly type: string;
  readonly text?: string;
  readonly from?: { readonly name?: string };
  readonly membersAdded?: readonly { readonly name?: string }[];
}

let browser: Browser;
let gateway: Gateway;
let site: Site;
let bot: Server;
const told: Told[] = [];

before(async () => {
  bot = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const activity = JSON.parse(body) as Told;
      told.push(activity);
      const activities = activity.type === 'message' ? [{ type: 'message', attachments: [CARD] }] : [];
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ activities }));
    });
  });
  await new Promise<void>((resolve) => bot.listen(0, '127.0.0.1', resolve));
  const port = await freePort();
  [gateway, browser] = await Promise.all([
    startGateway({
      BOT_ENDPOINT: `http://127.0.0.1:${(bot.address() as AddressInfo).port}/api/messages`,
      WARMLINE_BOT_DELIVERY: 'expectReplies',
      WARMLINE_WIDGET_KEY: KEY,
      WARMLINE_TRUSTED_ORIGINS: `http://127.0.0.1:${port}`,
    }),
    openBrowser(),
  ]);
  site = await startSite(port, gateway.origin, `data-key="${KEY}"`);
});
after(async () => {
  await browser?.close();
  await site?.stop();
  await gateway?.stop();
  bot?.close();
});

test("a bot's card is saved with its words, and the bot is told no name that nobody has", async () => {
  const { page, end } = await visit(browser, site.origin);
  await bubble(page).click();
  await says(page, 'Where is my order?');
  await said(page, 'Where is my order?').first().waitFor();
  await chat(page).getByText('Your order is on its way').first().waitFor();
  const text = await saved(page);
  assert.match(text, /You: Where is my order\?\n/);
  assert.match(text, /: Your order is on its way\nTwo toners\nArrives: on Friday\nPaid in full\n/);
  assert.doesNotMatch(text, /\[Card\]|Nobody sees this|cannot be drawn/);
  assert.ok(told.some((one) => one.text === 'Where is my order?'));
  for (const one of told) {
    assert.equal(one.from?.name, undefined, JSON.stringify(one));
    assert.ok((one.membersAdded ?? []).every(({ name }) => name === undefined), JSON.stringify(one));
  }
  await end();
});
