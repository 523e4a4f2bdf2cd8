/** How the strip in the middle puts together what passes; the feed is made up. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';

import { eventually, openBrowser, visit } from './browser.ts';
import { startDemo, WORKSPACE } from './program.ts';
import type { Demo } from './program.ts';

let demo: Demo;
let browser: Browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), openBrowser()]);
});
afterEach(() => demo.calm());
after(async () => {
  await browser?.close();
  await demo?.stop();
});

interface Made {
  readonly kind: string;
  readonly name: string;
  readonly [more: string]: unknown;
}

/** Opens the page with a feed of these passages in place of the gateway's. */
async function withFeed(page: Page, passages: readonly Made[]): Promise<void> {
  const events = passages.map((made, place) => {
    const passage = {
      seq: place + 1, at: new Date(Date.UTC(2026, 0, 1) + place * 10).toISOString(),
      conversation: 1, session: null, desk: null, status: null, outcome: 'ok', code: null,
      attempt: null, ms: null, waited_ms: null, ...made,
    };
    return `event: passage\ndata: ${JSON.stringify(passage)}\n\n`;
  });
  const body = `retry: 600000\n${events.join('')}`;
  await page.route('**/demo/api/feed*', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body }),
  );
  await page.reload();
  await page.locator('.step').first().waitFor();
}

test('what passes is put together by what led to it, also when chats and attempts mix', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await withFeed(page, [
    { kind: 'event', name: 'user_said' },
    { kind: 'event', name: 'user_said', conversation: 2 },
    { kind: 'request', name: 'direct_line.post', status: 200, conversation: 2 },
    { kind: 'request', name: 'direct_line.post', status: 200 },
    { kind: 'request', name: 'health', status: 200, conversation: null },
    { kind: 'effect', name: 'say', outcome: 'retry', attempt: 1, code: 'unavailable' },
    { kind: 'effect', name: 'say', outcome: 'done', attempt: 1, conversation: 2 },
    { kind: 'event', name: 'user_said' },
    { kind: 'effect', name: 'say', outcome: 'retry', attempt: 2, code: 'unavailable' },
    { kind: 'event', name: 'agent_said', outcome: 'repeat' },
    { kind: 'effect', name: 'say', outcome: 'done', attempt: 3, ms: 12 },
    { kind: 'event', name: 'something_new', conversation: 3 },
    { kind: 'event', name: 'agent_here' },
    { kind: 'session', name: 'connected', waited_ms: 8_000 },
    { kind: 'event', name: 'queued' },
    { kind: 'request', name: 'webhook', status: 200 },
    { kind: 'event', name: 'agent_here' },
  ]);
  const steps = await eventually('all steps are there', async () => {
    const found = await page.locator('.step').evaluateAll((all) =>
      all.map((one) => [
        one.querySelector('.step-title')?.textContent,
        one.querySelector('.mark')?.getAttribute('data-mark'),
        ...[...one.querySelectorAll('.step-line')].map((line) => line.textContent),
      ]),
    );
    return found.length === 7 && found;
  });
  assert.deepEqual(steps, [
    ['The user said something', 'ok', 'Kept, then acknowledged', 'Passed on to ServiceNow · attempt 3 · 12 ms'],
    ['The user said something', 'ok', 'Kept, then acknowledged', 'Passed on to ServiceNow'],
    ['The user said something', 'ok'],
    ['The agent wrote something', 'repeat', 'Recognised as a repeat; not shown again'],
    ['Something else: something_new', 'ok'],
    ['An agent takes the chat', 'ok', 'The user has an agent, after 8 s'],
    ['The agent wrote something', 'ok', 'Shown to the user'],
  ]);
  await end();
});

/** What the strip shows: title and standing of each step. */
const titles = (page: Page) =>
  page.locator('.step').evaluateAll((all) =>
    all.map((one) => [
      one.querySelector('.step-title')?.textContent,
      one.querySelector('.mark')?.getAttribute('data-mark'),
    ]),
  );

test('who has just come is not back, typing is no step, and a refused file is not done', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await withFeed(page, [
    { kind: 'event', name: 'opened' },
    { kind: 'event', name: 'user_back' },
    { kind: 'request', name: 'direct_line.post', status: 200, conversation: null },
    { kind: 'event', name: 'user_away' },
    { kind: 'event', name: 'user_back' },
    { kind: 'event', name: 'user_back', conversation: 2 },
    { kind: 'event', name: 'files_refused' },
    { kind: 'request', name: 'direct_line.post', status: 400, outcome: 'refused', conversation: null },
  ]);
  assert.deepEqual(await titles(page), [
    ['A user opened the page', 'ok'],
    ['The user left the page', 'ok'],
    ['The user is back', 'ok'],
    ['The user is back', 'ok'],
    ['The user sent a file that is not taken', 'bad'],
  ]);
  await end();
});

test('every event that the gateway tells of has words', async () => {
  const source = readFileSync(join(WORKSPACE, 'crates/gateway/src/observe/words.rs'), 'utf8');
  const list = /enum EventName \{(.*?)\n    \}/s.exec(source)?.[1] ?? '';
  const names = [...list.matchAll(/= "(\w+)"/g)].map(([, name]) => name ?? '');
  assert.ok(names.includes('user_said') && names.length > 30, names.join());
  const { page, end } = await visit(browser, demo.origin);
  await withFeed(page, names.map((name, place) => ({ kind: 'event', name, conversation: place })));
  const shown = await titles(page);
  assert.ok(shown.length >= names.length - 1, `${shown.length} of ${names.length}`);
  assert.deepEqual(shown.filter(([title]) => title?.startsWith('Something else')), []);
  await end();
});

test('the strip keeps a bounded list, and stands still while it is paused', async () => {
  const { page, end } = await visit(browser, demo.origin);
  await withFeed(page, Array.from({ length: 200 }, () => ({ kind: 'event', name: 'user_said' })));
  await eventually('the oldest are gone', async () => (await page.locator('.step').count()) === 80);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.unroute('**/demo/api/feed*');
  await page.getByRole('button', { name: 'Clear' }).click();
  assert.equal(await page.locator('.step').count(), 0);
  await page.getByRole('button', { name: 'Resume' }).click();
  await end();
});
