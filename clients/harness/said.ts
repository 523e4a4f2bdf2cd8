/** What clients show, in a form that tests compare. */

import assert from 'node:assert/strict';

/** One message as a client has it. */
export interface Shown {
  readonly id: string;
  readonly role: string;
  readonly text: string;
}

/** Nothing twice: no id, and none of these words more often than they were said. */
export function assertNoDoubles(shown: readonly Shown[]): void {
  const ids = shown.map(({ id }) => id);
  assert.deepEqual(ids, [...new Set(ids)], 'no id is shown twice');
}

/** These words are shown, each once, in this order; what else is shown between them does not matter. */
export function assertInOrder(shown: readonly Shown[], expected: readonly string[]): void {
  const texts = shown.map(({ text }) => text);
  const found = texts.filter((text) => expected.includes(text));
  assert.deepEqual(found, expected, `in order and once each, among ${JSON.stringify(texts)}`);
}
