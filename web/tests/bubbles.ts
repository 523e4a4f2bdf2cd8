/** The widget on somebody's page, as the tests look at it. */

import assert from 'node:assert/strict';
import type { Frame, FrameLocator, Locator, Page } from 'playwright-core';

import { eventually } from './browser.ts';
import type { Demo } from './program.ts';

export const bubble = (page: Page): Locator => page.locator('warmline-chat .bubble');
export const badge = (page: Page): Locator => page.locator('warmline-chat .badge');
export const panel = (page: Page): Locator => page.locator('warmline-chat dialog');
export const chat = (page: Page): FrameLocator => page.frameLocator('warmline-chat iframe');
export const box = (page: Page): Locator => chat(page).locator('[data-id="webchat-sendbox-input"]');
export const strip = (page: Page, tone: string): Locator => chat(page).locator(`.strip[data-tone="${tone}"]`);

/** What somebody said, in a bubble. */
export const said = (page: Page, words: string): Locator =>
  chat(page).locator('.webchat__text-content', { hasText: words });

/** What Warmline said, in a quiet line. */
export const notice = (page: Page, words: string): Locator => chat(page).locator('.notice', { hasText: words });

/** The frame itself, for what has to run in it. */
export function frameOf(page: Page): Frame {
  const found = page.frames().find((one) => new URL(one.url()).pathname === '/widget/frame');
  if (!found) throw new Error('the page has no frame of the widget');
  return found;
}

/** Opens the chat and waits for the bot's first words. */
export async function opened(page: Page): Promise<void> {
  await bubble(page).click();
  await said(page, 'help desk').first().waitFor();
}

export async function says(page: Page, words: string): Promise<void> {
  await box(page).fill(words);
  await box(page).press('Enter');
}

/** The one chat at the desk that is not over. */
export async function deskChat(demo: Demo): Promise<string> {
  return eventually('the desk has a chat', async () => {
    const { chats } = (await demo.desk('state', {}, 'GET')) as { chats: { id: string; state: string }[] };
    return chats.find(({ state }) => state !== 'ended')?.id;
  });
}

/** The user asks for an agent, who takes the chat; gives its id at the desk. */
export async function live(page: Page, demo: Demo): Promise<string> {
  await says(page, 'agent');
  await strip(page, 'waiting').waitFor();
  const id = await deskChat(demo);
  await demo.desk(`chats/${id}/accept`);
  await strip(page, 'live').waitFor();
  return id;
}

/** What is dragged; with `size`, as many bytes of nothing come after its text. */
export interface Dragged {
  readonly name: string;
  readonly text: string;
  readonly size?: number;
}

/** Drags a file over the chat, and lets it go if `name` says so. */
export function drag(page: Page, name: 'dragenter' | 'drop', file: Dragged): Promise<boolean> {
  return frameOf(page).evaluate(
    ([kind, { name: called, text, size = 0 }]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([text, new Uint8Array(size)], called, { type: 'text/plain' }));
      return dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
    },
    [name, file] as const,
  );
}

/** What the menu's "Save conversation" gives. */
export async function saved(page: Page): Promise<string> {
  await chat(page).getByRole('button', { name: 'More' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    chat(page).getByRole('menuitem', { name: 'Save conversation' }).click(),
  ]);
  assert.match(download.suggestedFilename(), /^conversation-\d{4}-\d\d-\d\d\.txt$/);
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
