/** The operator's console, played through the real binary in a real browser. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

import { audit, eventually, openBrowser, overflows, shoot, visit } from './browser.ts';
import type { Visit } from './browser.ts';
import { freePort, Program, temporaryFolder } from './program.ts';

const PASSWORD = 'open sesame for tests';

/** Of that password, with the smallest parameters there are. */
const HASH =
  '$argon2id$v=19$m=8,t=1,p=1$YSBzYWx0IG9mIGEgdGVzdA$WKYXEMtXRHX4/34QKHCu15BlvipuWeIHUwwvCGrhm9M';

const SECRETS = {
  webhook: 'webhook-secret-of-a-test',
  directLine: 'direct-line-secret-of-a-test',
  concierge: 'direct-line-secret-of-the-concierge',
};

/** Said by the user; must be nowhere in the console. */
const WORDS = 'kolibri';

let simulator: Program;
let gateway: Program;
let browser: Browser;
let origin: string;
let instance: string;
/** Where the concierge, a bot of one's own, is looked for. */
let conciergePort: number;

before(async () => {
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  simulator = new Program(
    ['simulator', '--listen', '127.0.0.1:0', '--webhook', `${origin}/api/v1/snowBot/receiveMessage`],
    { WEBHOOK_SECRET: SECRETS.webhook },
  );
  const [, found] = await simulator.prints(/SERVICENOW_INSTANCE=(\S+)/);
  instance = found ?? '';
  await simulator.prints(/SERVICENOW_PASSWORD=/);
  const exported = [...simulator.printed.matchAll(/export (SERVICENOW_\w+)=(\S+)/g)];
  conciergePort = await freePort();
  const config = join(temporaryFolder(), 'warmline.toml');
  writeFileSync(
    config,
    `[tenants.default.bots.default]
[tenants.default.bots.concierge]
endpoint = "http://127.0.0.1:${conciergePort}/api/messages"
direct_line_secret = "env:CONCIERGE_SECRET"
`,
  );
  gateway = new Program(['serve'], {
    ...Object.fromEntries(exported.map(([, name, value]) => [name ?? '', value ?? ''])),
    WEBHOOK_SECRET: SECRETS.webhook,
    DIRECT_LINE_SECRET: SECRETS.directLine,
    WARMLINE_LISTEN: `127.0.0.1:${port}`,
    WARMLINE_PUBLIC_URL: origin,
    WARMLINE_DATA_DIR: temporaryFolder(),
    WARMLINE_CONSOLE_PASSWORD_HASH: HASH,
    WARMLINE_CONFIG: config,
    CONCIERGE_SECRET: SECRETS.concierge,
  });
  await gateway.prints(/warmline listens on/);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
  await simulator?.stop();
});

/** Says something at the desk, as its page does. */
async function desk(path: string, body: object = {}): Promise<void> {
  const answer = await fetch(`${instance}/desk/api/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`the desk refused ${path}: ${await answer.text()}`);
}

/** A user who has a conversation with the bot. */
async function user(
  name: string,
  secret = SECRETS.directLine,
): Promise<(text: string) => Promise<void>> {
  const direct = async (path: string, token: string, body: object) => {
    const answer = await fetch(`${origin}/v3/directline/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { token: string; conversationId: string };
  };
  const made = await direct('tokens/generate', secret, { user: { id: name } });
  const { conversationId } = await direct('conversations', made.token, {});
  return async (text) => {
    const activity = { type: 'message', from: { id: name }, text };
    await direct(`conversations/${conversationId}/activities`, made.token, activity);
  };
}

/** The id of the chat of this user at the desk. */
function chatOf(name: string): Promise<string> {
  return eventually(`a chat of ${name}`, async () => {
    const answer = await fetch(`${instance}/desk/api/state`);
    const state = (await answer.json()) as { chats: { id: string; userId: string; state: string }[] };
    return state.chats.find((chat) => chat.userId === name && chat.state !== 'ended')?.id;
  });
}

async function signedIn(options: BrowserContextOptions = {}): Promise<Visit> {
  const seen = await visit(browser, `${origin}/console`, options);
  await seen.page.getByLabel('Password').fill(PASSWORD);
  await seen.page.keyboard.press('Enter');
  await seen.page.getByRole('heading', { name: 'Overview' }).waitFor();
  return seen;
}

const live = (page: Page) => page.getByRole('status').filter({ hasText: /^live$/ }).waitFor();

test('only the password opens the console', async () => {
  const { page, end } = await visit(browser, `${origin}/console`);
  await page.getByLabel('Password').fill('something else');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').filter({ hasText: "not the console's password" }).waitFor();
  assert.deepEqual(await audit(page), []);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.keyboard.press('Enter');
  await live(page);
  await page.getByText('There is no open session.').waitFor();
  await page.getByText('There are no dead letters').waitFor();
  await shoot(page, 'console-empty');
  await page.reload();
  await live(page);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out.').waitFor();
  await end();
});

test('a live chat is followed and ended, and its words are nowhere', async () => {
  const { page, end } = await signedIn();
  const says = await user('dl_mara_of_sales');
  await says(`my pay is wrong, ${WORDS}`);
  await says('agent');
  const sessions = page.getByRole('table', { name: 'Open sessions' });
  await sessions.getByText('waiting', { exact: true }).waitFor();
  const chat = await chatOf('dl_mara_of_sales');
  await desk(`chats/${chat}/accept`);
  await desk(`chats/${chat}/write`, { text: `good morning, ${WORDS}` });
  await says(`hello, ${WORDS}`);
  await sessions.getByText('active', { exact: true }).waitFor();
  await shoot(page, 'console-live');
  await sessions.getByRole('button', { name: /timeline of session/ }).click();
  const drawer = page.getByRole('dialog');
  await drawer.getByText(/Agent said something/).waitFor();
  await drawer.getByText(/User's words to the desk: done/).waitFor();
  await shoot(page, 'console-timeline');
  assert.deepEqual(await audit(page), []);
  assert.equal((await page.content()).includes(WORDS), false);
  await drawer.getByRole('button', { name: 'End this chat' }).click();
  await drawer.getByRole('button', { name: 'End the chat now' }).click();
  await drawer.getByText('operator ended').waitFor();
  await drawer.getByText(/User told that the chat ended: by the operator; status completed/).waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('There is no open session.').waitFor();
  await end();
});

test('a dead letter is sent again', async () => {
  const { page, end } = await signedIn();
  const says = await user('dl_noor_of_sales');
  await says('agent');
  const chat = await chatOf('dl_noor_of_sales');
  await desk(`chats/${chat}/accept`);
  await page.getByRole('table', { name: 'Open sessions' }).getByText('connected', { exact: true }).waitFor();
  await desk('faults', { fault: 'forbidden', times: 1 });
  await says('end chat');
  const letters = page.getByRole('table', { name: 'Dead letters' });
  await letters.getByText('end of the chat, told to the desk').waitFor();
  await shoot(page, 'console-dead-letter');
  await letters.getByRole('button', { name: /Send again/ }).click();
  await page.getByText('There are no dead letters').waitFor();
  await end();
});

/** An activity as the concierge gets it, as far as it looks at it. */
interface Got {
  readonly type: string;
  readonly id: string;
  readonly text?: string;
  readonly serviceUrl: string;
  readonly conversation: { readonly id: string };
}

/** The concierge comes up: it hands over when it is told `help`, and does a bit of everything then. */
async function concierge(): Promise<{ ends(): Promise<void>; stop(): Promise<void> }> {
  let helped: Got | null = null;
  const calls = async (about: Got, method: string, path: string, body: object | null) => {
    const base = `${about.serviceUrl}/v3/conversations/${about.conversation.id}/activities`;
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.text()).match(/"id":"([^"]+)"/)?.[1] ?? '';
  };
  const helps = async (about: Got) => {
    const lines = [{ type: 'message', text: WORDS, from: { role: 'user' } }];
    await calls(about, 'POST', '', {
      type: 'event',
      name: 'handoff.initiate',
      value: { topic: WORDS },
      attachments: [{ contentType: 'application/json', name: 'Transcript', content: { activities: lines } }],
    });
    const one = await calls(about, 'POST', '', { type: 'message', text: WORDS });
    const two = await calls(about, 'POST', '', { type: 'message', text: WORDS });
    await calls(about, 'POST', '', { type: 'event', name: 'navigate', value: WORDS });
    await calls(about, 'PUT', `/${one}`, { type: 'message', text: WORDS });
    await calls(about, 'DELETE', `/${two}`, null);
    helped = about;
  };
  const server = createHttpServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.end();
      const got = JSON.parse(body) as Got;
      if (got.text === 'help') void helps(got);
    });
  });
  await new Promise<void>((resolve) => server.listen(conciergePort, '127.0.0.1', resolve));
  return {
    async ends() {
      const about = await eventually('it has helped', async () => helped);
      const tags = JSON.stringify({ type: 'EndConversation' });
      await calls(about, 'POST', '', { type: 'message', channelData: { tags } });
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

test('a bot that is down is seen, and found again', async () => {
  for (let guest = 0; guest < 11; guest += 1) await user(`dl_guest_${guest}`, SECRETS.concierge);
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page, end } = await signedIn({ colorScheme });
    const row = page
      .getByRole('table', { name: 'Destinations' })
      .getByRole('row', { name: /bot default \/ concierge/ });
    await row.getByText('away: users are told, and can ask for a person').waitFor();
    await row.getByText(/\(unreachable\)/).waitFor();
    await page.getByText('1 bot: users can ask for a person').waitFor();
    assert.equal(await overflows(page), false);
    assert.deepEqual(await audit(page), []);
    await page.getByRole('table', { name: 'Destinations' }).scrollIntoViewIfNeeded();
    await shoot(page, `console-bot-down-${colorScheme}`);
    await end();
  }
  const bot = await concierge();
  const { page, end } = await signedIn();
  await page.getByText('all take what is for them').waitFor();
  await end();
  await bot.stop();
});

test('what a bot does in a live chat is in the timeline, and its words are nowhere', async () => {
  const bot = await concierge();
  const says = await user('dl_lea_of_sales', SECRETS.concierge);
  await says('help');
  const { page, end } = await signedIn();
  await page.getByRole('button', { name: /timeline of session/ }).click();
  const drawer = page.getByRole('dialog');
  for (const told of [
    'The bot handed over a transcript of its own',
    'The bot handed over what it knows',
    'Bot said something',
    'Bot sent something that is no message',
    'Bot changed something it had said',
    'Bot took back something it had said',
  ]) {
    await drawer.getByText(new RegExp(`^${told} \\(entry`)).first().waitFor();
  }
  await bot.ends();
  await drawer.getByText('bot ended', { exact: true }).waitFor();
  await drawer.getByText(/User told that the chat ended: by the bot; status cancelled/).waitFor();
  assert.deepEqual(await audit(page), []);
  assert.equal((await page.content()).includes(WORDS), false);
  await shoot(page, 'console-bot-timeline');
  await end();
  await bot.stop();
});

test('the plots move while requests come', async () => {
  const { page, end } = await signedIn();
  const plot = page.getByRole('img', { name: /^Requests/ });
  const line = () => page.locator('.plot-line-1').first().getAttribute('d');
  const before = await line();
  const says = await user('dl_plot');
  await eventually('the plot moves', async () => {
    await says('hi there');
    return (await line()) !== before;
  });
  await plot.focus();
  await page.keyboard.press('ArrowLeft');
  await page.locator('.plot-readout').first().filter({ hasText: /answered/ }).waitFor();
  await end();
});

test('everything can be done with the keyboard alone', async () => {
  const says = await user('dl_keys_of_sales');
  await says('agent');
  await chatOf('dl_keys_of_sales');
  const { page, end } = await signedIn();
  await page.getByRole('button', { name: /timeline of session/ }).waitFor();
  const reach = async (name: RegExp) => {
    for (let steps = 0; steps < 60; steps += 1) {
      const label = await page.evaluate(() => {
        const here = document.activeElement;
        return here?.getAttribute('aria-label') ?? here?.textContent ?? '';
      });
      if (name.test(label)) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(`the keyboard does not reach ${name}`);
  };
  await reach(/timeline of session/);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByRole('button', { name: 'End this chat' }).waitFor();
  await reach(/^End this chat$/);
  await page.keyboard.press('Enter');
  await reach(/^End the chat now$/);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByText('operator ended').waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('There is no open session.').waitFor();
  await end();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`on a phone, ${colorScheme}, everything fits and can be read`, async () => {
    const says = await user(`dl_phone_${colorScheme}`);
    await says('agent');
    await chatOf(`dl_phone_${colorScheme}`);
    const { page, end } = await signedIn({ viewport: { width: 390, height: 844 }, colorScheme });
    await page.getByRole('table', { name: 'Open sessions' }).waitFor();
    await page.getByRole('table', { name: 'Destinations' }).waitFor();
    assert.equal(await overflows(page), false);
    assert.deepEqual(await audit(page), []);
    await shoot(page, `console-phone-${colorScheme}`);
    await page.getByRole('button', { name: /timeline of session/ }).first().click();
    await page.getByRole('dialog').getByText(/a person was asked for/).waitFor();
    assert.equal(await overflows(page), false);
    assert.deepEqual(await audit(page), []);
    await shoot(page, `console-phone-timeline-${colorScheme}`);
    await end();
  });
}

test('a gateway that goes away is said to be away, and found again', async () => {
  const { page, end } = await signedIn({ colorScheme: 'dark' });
  await live(page);
  await page.context().setOffline(true);
  await page.getByRole('status').filter({ hasText: 'reconnecting' }).waitFor();
  await page.getByRole('alert').filter({ hasText: 'cannot be reached' }).waitFor();
  await shoot(page, 'console-away-dark');
  await page.context().setOffline(false);
  await live(page);
  await page.getByRole('alert').filter({ hasText: 'cannot be reached' }).waitFor({ state: 'hidden' });
  await end();
});
