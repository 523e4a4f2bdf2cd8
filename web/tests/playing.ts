/** What people do on the demo page, in the words of a test. */

import type { Locator, Page } from 'playwright-core';

import { bubble, eventually } from './browser.ts';

/** The box in which the user writes. */
export const userBox = (page: Page): Locator =>
  page.locator('[data-id="webchat-sendbox-input"]');

/** The box in which the agent writes. */
export const agentBox = (page: Page): Locator => page.locator('#desk .composer textarea');

/** The user types something and sends it. */
export async function userSays(page: Page, text: string): Promise<void> {
  await userBox(page).fill(text);
  await userBox(page).press('Enter');
}

/** The agent types something and sends it. */
export async function agentSays(page: Page, text: string): Promise<void> {
  await agentBox(page).fill(text);
  await agentBox(page).press('Enter');
}

/** A line at the desk. */
export const deskLine = (page: Page, text: string | RegExp): Locator =>
  page.locator('#desk .log .said', { hasText: text });

/** The user asks for an agent, and the first one takes the chat. */
export async function connected(page: Page): Promise<void> {
  await bubble(page, 'help desk').first().waitFor();
  await page.locator('[data-say="agent"]').click();
  await page.locator('#desk .chat-actions button.primary').click();
  await agentBox(page).waitFor();
}

/** The button of a fault, and what is said beside it. */
export const fault = (page: Page, name: string): Locator => page.locator(`[data-fault="${name}"]`);
export const faultWords = (page: Page, name: string): Locator => page.locator(`#fault-${name}`);

/** Waits until the words beside a fault's button match. */
export function faultSays(page: Page, name: string, words: RegExp): Promise<string> {
  return eventually(`the fault ${name} says ${words}`, async () => {
    const text = await faultWords(page, name).innerText();
    return words.test(text) && text;
  });
}

/** How often the user is shown something with these words. */
export const timesShown = (page: Page, text: string): Promise<number> => bubble(page, text).count();
